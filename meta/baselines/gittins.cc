#include "meta/baselines/gittins.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

// Charges are solved for in blocks that fill a vector register; neighbouring blocks share one.
constexpr int kBlock = 16, kBlocks = 32;
constexpr int kSteps = kBlocks * (kBlock - 1);  // of the grid on [0, 1]
using Block = std::array<float, kBlock>;

Block Charges(int block) {
  Block charges;
  for (int i = 0; i < kBlock; ++i) {
    charges[static_cast<size_t>(i)] =
        static_cast<float>(block * (kBlock - 1) + i) / static_cast<float>(kSteps);
  }
  return charges;
}

float Mean(int successes, int pulled) {
  return static_cast<float>(1 + successes) / static_cast<float>(2 + pulled);
}

// One step back: W of a state from V of the two that follow, V in its place. Returns the index when
// it lies within the block's charges, else a negative number.
inline float Solve(float mean, float discount, const Block& charges, const Block& success,
                   const Block& failure, Block& value) {
  Block gain;
  for (size_t i = 0; i < kBlock; ++i) {
    gain[i] = mean - charges[i] + discount * (mean * success[i] + (1 - mean) * failure[i]);
    value[i] = std::max(0.0f, gain[i]);
  }
  if (!(gain.front() > 0 && gain.back() <= 0)) return -1;

  // W falls with the charge: between the last gain and the first loss it is taken as a line
  size_t i = 1;
  while (gain[i] > 0) ++i;
  return charges[i - 1] + (charges[i] - charges[i - 1]) * gain[i - 1] / (gain[i - 1] - gain[i]);
}

}  // namespace

GittinsTable::GittinsTable(int pulls, bool finite) : pulls_(pulls), finite_(finite) {
  FEWSTEP_CHECK(pulls > 0, "{} pulls", pulls);
  const auto triangle = [](size_t rows) { return rows * (rows + 1) / 2; };
  const auto n = static_cast<size_t>(pulls);
  size_t size = triangle(n);
  if (finite) {
    size = 0;
    starts_.push_back(0);
    for (size_t remaining = 1; remaining <= n; ++remaining) {
      starts_.push_back(size);
      size += triangle(n - remaining + 1);
    }
  }
  RequireMemory(static_cast<double>(size) * sizeof(float), "a table of Gittins indices",
                "family.trial_episodes");
  indices_.resize(size);
}

size_t GittinsTable::Row(int pulled, int remaining) const {
  const auto t = static_cast<size_t>(pulled);
  return (finite_ ? starts_[static_cast<size_t>(remaining)] : 0) + t * (t + 1) / 2;
}

double GittinsTable::Index(int successes, int failures, int remaining) const {
  const int pulled = successes + failures;
  FEWSTEP_CHECK(successes >= 0 && failures >= 0 && remaining >= 1 &&
                    pulled + (finite_ ? remaining : 1) <= pulls_,
                "{} successes, {} failures, {} left of {}", successes, failures, remaining, pulls_);
  return indices_[Row(pulled, remaining) + static_cast<size_t>(successes)];
}

GittinsTable GittinsTable::FiniteHorizon(int pulls, WorkerPool& pool) {
  GittinsTable table(pulls, true);
  pool.Run(kBlocks, [&](int item, int) {
    const Block charges = Charges(item);
    // V with r - 1 pulls left, overwritten by V with r from the front: row t reads row t + 1 only
    const auto n = static_cast<size_t>(pulls);
    std::vector<Block> values((n + 1) * (n + 2) / 2, Block{});
    for (int remaining = 1; remaining <= pulls; ++remaining) {
      size_t state = 0;
      for (int pulled = 0; pulled + remaining <= pulls; ++pulled) {
        float* indices = table.indices_.data() + table.Row(pulled, remaining);
        const size_t next = state + static_cast<size_t>(pulled) + 1;
        for (int s = 0; s <= pulled; ++s) {
          const auto i = static_cast<size_t>(s);
          const float index = Solve(Mean(s, pulled), 1, charges, values[next + i + 1],
                                    values[next + i], values[state + i]);
          if (index >= 0) indices[i] = index;
        }
        state = next;
      }
    }
  });
  return table;
}

GittinsTable GittinsTable::Discounted(int pulls, double discount, WorkerPool& pool) {
  FEWSTEP_CHECK(discount > 0 && discount < 1, "discount {}", discount);
  GittinsTable table(pulls, false);
  // look ahead until the discount reaches 1e-6, at most 2,000 pulls; beyond, the posterior mean
  // counts as the true mean
  const double ahead = std::min(2000.0, std::ceil(std::log(1e-6) / std::log(discount)));
  const int last = pulls + static_cast<int>(ahead);
  const auto gamma = static_cast<float>(discount);
  pool.Run(kBlocks, [&](int item, int) {
    const Block charges = Charges(item);
    std::vector<Block> values(static_cast<size_t>(last) + 1);
    for (int s = 0; s <= last; ++s) {
      for (size_t i = 0; i < kBlock; ++i) {
        values[static_cast<size_t>(s)][i] =
            std::max(0.0f, (Mean(s, last) - charges[i]) / (1 - gamma));
      }
    }
    for (int pulled = last - 1; pulled >= 0; --pulled) {
      for (int s = 0; s <= pulled; ++s) {
        const auto i = static_cast<size_t>(s);
        const Block failure = values[i];
        const float index =
            Solve(Mean(s, pulled), gamma, charges, values[i + 1], failure, values[i]);
        if (index >= 0 && pulled < pulls) table.indices_[table.Row(pulled, 1) + i] = index;
      }
    }
  });
  return table;
}

}  // namespace fewstep

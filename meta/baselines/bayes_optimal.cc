#include "meta/baselines/bayes_optimal.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr double kMostStates = 4e6;

// Pulled arms in order, two characters an arm: successes and failures.
using State = std::string;

class Solver {
 public:
  explicit Solver(int arms) : arms_(static_cast<size_t>(arms)) {}

  double Value(const State& state, int remaining) {
    if (remaining == 0) return 0;
    // the state determines `remaining`, so the key is the state alone
    if (const auto known = values_.find(state); known != values_.end()) return known->second;

    // every different arm that was pulled, and one that was not
    double best = 0;
    for (size_t i = 0; i < state.size(); i += 2) {
      if (i > 0 && state.compare(i, 2, state, i - 2, 2) == 0) continue;
      best = std::max(best, Pull(state, i, remaining));
    }
    if (state.size() / 2 < arms_) {
      best = std::max(best, Pull(state + State(2, '\0'), state.size(), remaining));
    }
    values_.emplace(state, best);
    return best;
  }

 private:
  double Pull(const State& state, size_t arm, int remaining) {
    const double s = state[arm], f = state[arm + 1], p = (1 + s) / (2 + s + f);
    return p * (1 + Value(After(state, arm, 0), remaining - 1)) +
           (1 - p) * Value(After(state, arm, 1), remaining - 1);
  }

  // One more success (0) or failure (1) of an arm, in order again.
  static State After(State state, size_t arm, size_t outcome) {
    ++state[arm + outcome];
    const auto pair = [&](size_t i) { return state.compare(i, 2, state, i + 2, 2) > 0; };
    const auto swap = [&](size_t i) {
      std::swap(state[i], state[i + 2]);
      std::swap(state[i + 1], state[i + 3]);
    };
    for (size_t i = arm; i + 2 < state.size() && pair(i); i += 2) swap(i);
    for (size_t i = arm; i >= 2 && pair(i - 2); i -= 2) swap(i - 2);
    return state;
  }

  size_t arms_;
  std::unordered_map<State, double> values_;  // only looked up
};

}  // namespace

double BayesOptimalStates(int arms, int pulls) {
  // multisets of at most `arms` pairs that add up to t pulls, t < pulls: there are m + 1 pairs of m
  // pulls, m >= 1; ways[a][t] with a arms
  constexpr double kMany = 1e18;
  const auto n = static_cast<size_t>(pulls), k = static_cast<size_t>(std::min(arms, pulls));
  std::vector<std::vector<double>> ways(k + 1, std::vector<double>(n, 0.0));
  if (n > 0) ways[0][0] = 1;
  for (size_t m = 1; m < n; ++m) {
    for (size_t kind = 0; kind <= m; ++kind) {
      for (size_t a = 1; a <= k; ++a) {
        for (size_t t = m; t < n; ++t) {
          ways[a][t] = std::min(kMany, ways[a][t] + ways[a - 1][t - m]);
        }
      }
    }
  }
  double states = 0;
  for (const std::vector<double>& row : ways) {
    for (const double count : row) states = std::min(kMany, states + count);
  }
  return states;
}

std::optional<double> BayesOptimalReturn(int arms, int pulls) {
  FEWSTEP_CHECK(arms > 0 && pulls >= 0, "{} arms, {} pulls", arms, pulls);
  // beyond these the number of states alone would take long to count
  constexpr int kMostPulls = 100;
  if (pulls > kMostPulls || BayesOptimalStates(arms, pulls) > kMostStates) return std::nullopt;
  return Solver(arms).Value({}, pulls);
}

}  // namespace fewstep

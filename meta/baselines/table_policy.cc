#include "meta/baselines/table_policy.h"

#include <algorithm>

#include "core/error.h"

namespace fewstep {
namespace {

struct TableShape {
  int steps = 0, states = 0, actions = 0;
};

class TableActor final : public Actor {
 public:
  explicit TableActor(const TableShape& shape) : shape_(shape) {}

  void SetParameters(const float* row) override {
    row_ = row;
    step_ = 0;
  }

  void Act(const float* observation, Rng& rng, bool deterministic,
           float* action) noexcept override {
    // the row of this step and state
    const auto state = std::max_element(observation, observation + shape_.states) - observation;
    const int step = std::min(step_++, shape_.steps - 1);
    const float* row = row_ + (step * shape_.states + state) * shape_.actions;
    *action = static_cast<float>(deterministic ? std::max_element(row, row + shape_.actions) - row
                                               : Choose(row, rng));
  }

 private:
  // Inverse of the cumulative distribution.
  std::ptrdiff_t Choose(const float* row, Rng& rng) const {
    double remaining = rng.Uniform();
    std::ptrdiff_t last = 0;
    for (std::ptrdiff_t i = 0; i < shape_.actions; ++i) {
      if (row[i] <= 0) continue;
      remaining -= row[i];
      if (remaining < 0) return i;
      last = i;
    }
    return last;  // rounding: the last that has a probability
  }

  TableShape shape_;
  const float* row_ = nullptr;
  int step_ = 0;  // of the episode
};

class TablePolicy final : public Policy {
 public:
  explicit TablePolicy(const FamilySpec& spec)
      : shape_{spec.horizon, spec.observation_size, spec.action_size} {
    FEWSTEP_CHECK(spec.action_kind == ActionKind::kDiscrete, "{}", spec.name);
    layout_->Add("probabilities", {shape_.steps, shape_.states, shape_.actions});
  }

  // Every action with the same probability.
  Parameters InitialParameters(const Rng&) const override {
    return {torch::full({1, layout_->size()}, 1.0f / static_cast<float>(shape_.actions)), layout_};
  }

  ActionDistribution Forward(const Parameters& parameters,
                             const torch::Tensor& observations) const override {
    if (shape_.steps > 1) {
      throw Error(ErrorKind::kUsage, "a table that changes with the step cannot act in lockstep",
                  {.key = "run.sampling_plan", .remedy = "Use sampling_plan = \"episodes\""});
    }
    // [T, B, S] x [T, S, A]
    return ActionDistribution::Categorical(observations.bmm(parameters.View(0).squeeze(1)).log());
  }

  std::unique_ptr<Actor> MakeActor() const override { return std::make_unique<TableActor>(shape_); }

 private:
  TableShape shape_;
};

}  // namespace

std::unique_ptr<Policy> MakeTablePolicy(const FamilySpec& spec) {
  return std::make_unique<TablePolicy>(spec);
}

}  // namespace fewstep

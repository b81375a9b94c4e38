#include "meta/baselines/table_policy.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fewstep {
namespace {

struct TableShape {
  int steps = 0, states = 0, actions = 0;
};

class TableActor final : public Actor {
 public:
  explicit TableActor(const TableShape& shape) : shape_(shape) {}

  void BeginTrial(const float* row, float* /*memory*/) override { row_ = row; }

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    // the row of this step and state
    const float* seen = percept.observation;
    const auto state = std::max_element(seen, seen + shape_.states) - seen;
    const int step = std::min(percept.step, shape_.steps - 1);
    const float* row = row_ + (step * shape_.states + state) * shape_.actions;
    const std::ptrdiff_t chosen =
        deterministic ? std::max_element(row, row + shape_.actions) - row : Choose(row, rng);
    *action = static_cast<float>(chosen);
    return std::log(row[chosen]);
  }

 private:
  std::ptrdiff_t Choose(const float* row, Rng& rng) const {
    return InvertCumulative(rng.Uniform(), shape_.actions, [&](int64_t i) { return row[i]; });
  }

  TableShape shape_;
  const float* row_ = nullptr;
};

class TablePolicy final : public Policy {
 public:
  explicit TablePolicy(const FamilySpec& spec)
      : Policy(spec), shape_{spec.horizon, spec.observation_size, spec.action_size} {
    FEWSTEP_CHECK(spec.action_kind == ActionKind::kDiscrete, "{}", spec.name);
    layout_->Add("probabilities", {shape_.steps, shape_.states, shape_.actions},
                 ParameterRole::kBody, Initial::Constant(1.0 / shape_.actions));
  }

  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& /*memory*/) const override {
    // [T, B, S] x [T, S, A]
    const torch::Tensor table = parameters.View(0).select(1, percepts.step);
    return ActionDistribution::Categorical(percepts.observations.bmm(table).log());
  }

  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const override {
    const int64_t trials = sequences.num_trials(), tasks = parameters.num_tasks();
    const torch::Tensor observations =
        sequences.observations.reshape({tasks, -1, sequences.horizon, shape_.states});
    // each step has its own table; steps past the end have observation 0 and so probabilities 0:
    // ones take their place, as log 0 would give NaN
    const torch::Tensor probabilities =
        torch::einsum("tehs,thsa->teha", {observations, parameters.View(0)})
            .reshape({trials, -1, shape_.actions});
    const torch::Tensor taken = sequences.mask.unsqueeze(-1) != 0;
    return {.distribution = ActionDistribution::Categorical(
                torch::where(taken, probabilities, torch::ones_like(probabilities)).log()),
            .value = {},
            .memory = sequences.memory,
            .value_memory = {}};
  }

  std::unique_ptr<Actor> MakeActor() const override { return std::make_unique<TableActor>(shape_); }
  bool has_native_actor() const override { return true; }

 private:
  TableShape shape_;
};

}  // namespace

std::unique_ptr<Policy> MakeTablePolicy(const FamilySpec& spec) {
  return std::make_unique<TablePolicy>(spec);
}

}  // namespace fewstep

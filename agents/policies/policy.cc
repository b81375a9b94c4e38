#include "agents/policies/policy.h"

#include <cmath>

#include "core/error.h"

namespace fewstep {
namespace {

// Acts by the policy's Step, on a batch of one.
class BatchOfOne final : public Actor {
 public:
  explicit BatchOfOne(const Policy& policy) : policy_(policy) {}

  void BeginTrial(const float* row, float* memory) override {
    // from_blob takes a pointer to non-const; the row is not written
    parameters_ = {torch::from_blob(const_cast<float*>(row), {1, policy_.layout()->size()}),
                   policy_.layout()};
    if (memory != nullptr) memory_ = torch::from_blob(memory, {1, 1, policy_.memory_size()});
  }

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    const torch::NoGradGuard no_grad;
    const auto tensor = [](const float* values, int64_t size) {
      return torch::from_blob(const_cast<float*>(values), {1, 1, size});
    };
    const bool begun = percept.previous_action != nullptr;
    const int64_t width = policy_.action_width();
    Percepts percepts{.observations = tensor(percept.observation, policy_.observation_size()),
                      .previous_actions = begun ? tensor(percept.previous_action, width)
                                                : torch::zeros({1, 1, width}),
                      .previous_rewards = torch::full({1, 1}, percept.previous_reward),
                      .terminated = torch::full({1, 1}, percept.previous_terminated ? 1.0f : 0.0f),
                      .begun = torch::full({1, 1}, begun ? 1.0f : 0.0f),
                      .running = torch::ones({1, 1}),
                      .step = percept.step,
                      .streams = {&rng, 1}};
    const ActionDistribution distribution = policy_.Step(parameters_, percepts, memory_);
    const torch::Tensor chosen = SampleActions(distribution, {&rng, 1}, deterministic).contiguous();
    std::copy_n(chosen.const_data_ptr<float>(), width, action);
    return distribution.LogProb(chosen).item<float>();
  }

 private:
  const Policy& policy_;
  Parameters parameters_;
  torch::Tensor memory_;  // [1, 1, M]
};

// Applies `function` to every tensor of sequences that is there.
template <typename Function>
Sequences Each(Sequences sequences, const Function& function) {
  for (torch::Tensor* tensor :
       {&sequences.observations, &sequences.previous_actions, &sequences.previous_rewards,
        &sequences.terminated, &sequences.begun, &sequences.starts, &sequences.time_left,
        &sequences.mask}) {
    *tensor = function(*tensor);
  }
  return sequences;
}

}  // namespace

Sequences Sequences::Steps(int64_t first, int64_t last, torch::Tensor memory_before,
                           torch::Tensor value_memory_before) const {
  Sequences part = Each(
      *this, [&](const torch::Tensor& tensor) { return tensor.narrow(1, first, last - first); });
  part.memory = std::move(memory_before);
  part.value_memory = std::move(value_memory_before);
  return part;
}

Sequences Sequences::Trials(const torch::Tensor& numbers) const {
  const auto choose = [&](const torch::Tensor& tensor) { return tensor.index_select(0, numbers); };
  Sequences part = Each(*this, choose);
  part.memory = choose(memory);
  if (value_memory.defined()) part.value_memory = choose(value_memory);
  return part;
}

Sequences Sequences::To(torch::Device device, torch::Dtype type) const {
  const auto move = [&](const torch::Tensor& tensor) { return tensor.to(device, type); };
  Sequences moved = Each(*this, move);
  moved.memory = move(memory);
  if (value_memory.defined()) moved.value_memory = move(value_memory);
  return moved;
}

std::unique_ptr<Actor> Policy::MakeActor() const { return std::make_unique<BatchOfOne>(*this); }

PolicyOutput MemorylessPolicy::Unroll(const Parameters& parameters,
                                      const Sequences& sequences) const {
  // the trials of a task are one long batch of its row
  const int64_t trials = sequences.num_trials(), tasks = parameters.num_tasks();
  const int64_t steps = sequences.observations.size(1);
  FEWSTEP_CHECK(trials % tasks == 0, "{} trials of {} tasks", trials, tasks);
  const ActionDistribution distribution =
      Forward(parameters,
              sequences.observations.reshape({tasks, trials / tasks * steps, observation_size()}));
  return {.distribution = distribution.OfTrials(trials, steps),
          .value = {},
          .memory = sequences.memory,
          .value_memory = {}};
}

ActionDistribution MemorylessPolicy::Step(const Parameters& parameters, const Percepts& percepts,
                                          torch::Tensor& /*memory*/) const {
  return Forward(parameters, percepts.observations);
}

torch::Tensor SampleActions(const ActionDistribution& distribution, std::span<Rng> streams,
                            bool deterministic) {
  if (distribution.kind != ActionDistribution::Kind::kCategorical) {
    const torch::Tensor& mean = distribution.mean;
    if (deterministic) return distribution.Mode();
    torch::Tensor noise = torch::empty(mean.sizes(), torch::kFloat32);
    const size_t size = static_cast<size_t>(mean.size(-1));
    for (size_t i = 0; i < streams.size(); ++i) {
      streams[i].FillNormal({noise.mutable_data_ptr<float>() + i * size, size});
    }
    return distribution.Squashed(mean + noise.to(mean.device()) * distribution.log_std.exp());
  }

  const torch::Tensor log_probs = distribution.log_probs;
  if (deterministic) return log_probs.argmax(-1, /*keepdim=*/true).to(torch::kFloat32);
  const torch::Tensor cpu = log_probs.to(torch::kCPU, torch::kFloat64).contiguous();
  const int64_t choices = cpu.size(-1);
  torch::Tensor actions = torch::empty({cpu.size(0), cpu.size(1), 1}, torch::kFloat32);
  float* out = actions.mutable_data_ptr<float>();
  for (size_t i = 0; i < streams.size(); ++i) {
    const double* row = cpu.const_data_ptr<double>() + static_cast<int64_t>(i) * choices;
    const auto probability = [&](int64_t choice) { return std::exp(row[choice]); };
    out[i] = static_cast<float>(InvertCumulative(streams[i].Uniform(), choices, probability));
  }
  return actions.to(log_probs.device());
}

}  // namespace fewstep

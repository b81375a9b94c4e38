// A small recurrent policy: what it does depends on a count of steps and a sum of rewards that it
// keeps in memory, and on the step before.
#pragma once

#include <vector>

#include "agents/policies/action_choice.h"
#include "agents/policies/policy.h"
#include "agents/trials.h"

namespace fewstep {

// Features are the observation, the previous action, the sum of previous rewards / 10 and the count
// of steps / 10 in the trial; outputs are a linear function of them, [F, outputs] in the row: means
// with a standard deviation of 0.3, or logits.
class RememberingPolicy final : public Policy {
 public:
  // `native`: whether its actor does without LibTorch.
  RememberingPolicy(const FamilySpec& spec, bool native)
      : Policy(spec),
        outputs_(spec.action_size),
        gaussian_(spec.action_kind == ActionKind::kContinuous),
        native_(native) {
    layout_->Add("weight", {features(), outputs_}, ParameterRole::kHead, Initial::Xavier());
  }

  int64_t memory_size() const override { return 2; }  // count, sum
  int64_t features() const { return observation_size() + action_width() + 2; }

  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const override {
    const int64_t trials = sequences.num_trials(), steps = sequences.mask.size(1);
    torch::Tensor memory = sequences.memory.view({parameters.num_tasks(), -1, 2}).clone();
    const auto at = [&](const torch::Tensor& values, int64_t step) {
      std::vector<int64_t> shape = {parameters.num_tasks(), trials / parameters.num_tasks()};
      if (values.dim() == 3) shape.push_back(values.size(2));
      return values.select(1, step).reshape(shape);
    };
    std::vector<torch::Tensor> outputs;
    for (int64_t step = 0; step < steps; ++step) {
      const Percepts percepts{.observations = at(sequences.observations, step),
                              .previous_actions = at(sequences.previous_actions, step),
                              .previous_rewards = at(sequences.previous_rewards, step),
                              .begun = at(sequences.begun, step),
                              .running = at(sequences.mask, step)};
      outputs.push_back(Outputs(parameters, percepts, memory).reshape({trials, outputs_}));
    }
    return {.distribution = Distribution(torch::stack(outputs, 1)),
            .value = {},
            .memory = memory.view({trials, 2}),
            .value_memory = {}};
  }

  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& memory) const override {
    return Distribution(Outputs(parameters, percepts, memory));
  }

  std::unique_ptr<Actor> MakeActor() const override {
    if (native_) return std::make_unique<Native>(*this);
    return Policy::MakeActor();
  }
  bool has_native_actor() const override { return native_; }

 private:
  static constexpr double kStd = 0.3;

  torch::Tensor Outputs(const Parameters& parameters, const Percepts& percepts,
                        torch::Tensor& memory) const {
    const torch::Tensor taken =
        torch::stack({percepts.begun, percepts.begun * percepts.previous_rewards}, -1);
    UpdateMemory(memory, memory + taken, percepts.running);
    const torch::Tensor features =
        torch::cat({percepts.observations, percepts.previous_actions, memory.flip(-1) / 10}, -1);
    return features.bmm(parameters.View(0));
  }

  ActionDistribution Distribution(const torch::Tensor& outputs) const {
    if (!gaussian_) return ActionDistribution::Categorical(outputs);
    return ActionDistribution::Gaussian(
        outputs, torch::full({outputs.size(0), 1, outputs_}, std::log(kStd)));
  }

  class Native final : public Actor {
   public:
    explicit Native(const RememberingPolicy& policy)
        : policy_(policy), features_(static_cast<size_t>(policy.features())) {}

    void BeginTrial(const float* row, float* memory) override {
      row_ = row;
      memory_ = memory;
    }

    float Act(const Percept& percept, Rng& rng, bool deterministic,
              float* action) noexcept override {
      const bool begun = percept.previous_action != nullptr;
      if (begun) {
        memory_[0] += 1;
        memory_[1] += percept.previous_reward;
      }
      auto feature =
          std::copy_n(percept.observation, policy_.observation_size(), features_.begin());
      for (int i = 0; i < policy_.action_width(); ++i) {
        *feature++ = begun ? percept.previous_action[i] : 0;
      }
      *feature++ = memory_[1] / 10;
      *feature++ = memory_[0] / 10;
      std::vector<double> outputs(static_cast<size_t>(policy_.outputs_));
      for (size_t f = 0; f < features_.size(); ++f) {
        for (size_t o = 0; o < outputs.size(); ++o) {
          outputs[o] += features_[f] * row_[f * outputs.size() + o];
        }
      }
      if (policy_.gaussian_) {
        for (size_t o = 0; o < outputs.size(); ++o) {
          const double noise = deterministic ? 0 : kStd * rng.Normal();
          action[o] = static_cast<float>(outputs[o] + noise);
        }
        return LogProb(outputs, action);
      }
      double total = 0;
      for (const double logit : outputs) total += std::exp(logit);
      double remaining = deterministic ? 0 : rng.Uniform() * total;
      size_t choice = 0;
      if (deterministic) {
        choice =
            static_cast<size_t>(std::max_element(outputs.begin(), outputs.end()) - outputs.begin());
      } else {
        while (choice + 1 < outputs.size() && (remaining -= std::exp(outputs[choice])) >= 0) {
          ++choice;
        }
      }
      *action = static_cast<float>(choice);
      return LogProb(outputs, action);
    }

   private:
    float LogProb(const std::vector<double>& outputs, const float* action) const {
      const ActionOutputs meaning{policy_.outputs_, policy_.gaussian_, -100};
      const std::vector<double> log_std(outputs.size(), std::log(kStd));
      return static_cast<float>(meaning.LogProb(outputs.data(), log_std.data(), action));
    }

    const RememberingPolicy& policy_;
    const float* row_ = nullptr;
    float* memory_ = nullptr;
    std::vector<float> features_;
  };

  int64_t outputs_;
  bool gaussian_, native_;
};

}  // namespace fewstep

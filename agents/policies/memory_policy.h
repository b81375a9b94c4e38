// A policy with memory (Duan et al. 2016, RL^2; Wang et al. 2016): a network that remembers the
// trial, and a head that turns what it remembers into actions. A value function shares the memory
// or has one of its own.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/networks/memory_network.h"
#include "agents/networks/mlp.h"
#include "agents/policies/action_choice.h"
#include "agents/policies/policy.h"
#include "core/config.h"

namespace fewstep {

enum class HeadKind {
  kMlp,           // action outputs from what is remembered
  kHypernetwork,  // what is remembered becomes, by an affine map, the parameters of a network from
                  // the observation to the action outputs (Beck et al. 2022, 2023); its weights
                  // start at 0 and its bias as that network would (Bias-HyperInit), so that every
                  // trial starts with one and the same well-initialised policy
};

// [agent.head]
struct HeadOptions : Options {
  HeadKind kind = HeadKind::kMlp;
  std::vector<int64_t> hidden = {};
  Activation activation = Activation::kTanh;
  double scale = 0.01;
  void Visit(FieldVisitor& visitor) override;
};

enum class ValueKind {
  kShared,  // a head of its own on the policy's memory
  kOwn,     // a memory of the same kind and size, and a head, of its own
  kLinear,  // a linear function of observation and time, fitted anew to each iteration's trials;
            // nothing in the policy
};
inline constexpr ChoiceName<ValueKind> kValueKindNames[] = {
    {"shared", ValueKind::kShared}, {"own", ValueKind::kOwn}, {"linear", ValueKind::kLinear}};

// [agent.value]
struct ValueOptions : Options {
  ValueKind kind = ValueKind::kShared;
  std::vector<int64_t> hidden = {};
  bool time = true;
  void Visit(FieldVisitor& visitor) override;
  std::vector<std::string> kinds;  // those that a learner can use; empty: all
};

// Fields of [agent].
struct MemoryPolicyOptions : Options {
  MemoryOptions memory;
  HeadOptions head;
  ValueOptions value;
  bool normalize_observations = false;
  double initial_std = 1.0;
  double min_std = 1e-6;
  void Visit(FieldVisitor& visitor) override;
};

// The inputs of the memory, F in all: the observation, the previous action (one of action_size ones
// when discrete), the previous reward, whether the step begins an episode, and for families whose
// episodes terminate whether the previous step led to a terminal state. What is previous is 0 at a
// trial's first step.
//
// With normalize_observations, observation and previous reward are centred and scaled by numbers
// that lie in the row as buffers (SetNormalization writes them) and clipped to -+10.
class MemoryPolicy final : public Policy {
 public:
  MemoryPolicy(const FamilySpec& spec, const MemoryPolicyOptions& options);
  ~MemoryPolicy() override;

  int64_t memory_size() const override { return memory_->memory_size(); }
  int64_t value_memory_size() const;  // V; 0 unless the value function has a memory of its own
  ValueKind value_kind() const { return value_kind_; }
  // About how many numbers an unroll of `steps` steps keeps for its backward pass, a step.
  double kept_numbers(int64_t steps) const;

  Parameters InitialParameters(const Rng& rng) const override;
  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const override {
    return Unroll(parameters, sequences, Derivatives::kFirst);
  }
  // Gives values unless they are linear.
  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences,
                      Derivatives derivatives) const;
  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& memory) const override;
  std::unique_ptr<Actor> MakeActor() const override;
  bool has_native_actor() const override { return true; }

  // The numbers [Q] that inputs are centred and scaled by, inside a row; Q = 0 without.
  int64_t num_normalized() const { return num_normalized_; }
  // Writes them into `row` [1, P].
  void SetNormalization(torch::Tensor& row, std::span<const double> mean,
                        std::span<const double> scale) const;

  // From percepts to action outputs without LibTorch, in the type of `Scalar`. Allocates nothing
  // once made. Owned by one thread; the policy must outlive it.
  template <typename Scalar>
  class Evaluator {
   public:
    explicit Evaluator(const MemoryPolicy& policy);
    ~Evaluator();
    // As Actor::BeginTrial.
    void BeginTrial(const Scalar* row, Scalar* memory);
    // Means or logits [action_size], valid until the next call; the memory moves on.
    const Scalar* Outputs(const Percept& percept) noexcept;
    const Scalar* log_std() const;  // [action_size]; Gaussian only
    const ActionOutputs& meaning() const;

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  struct Head;
  // Inputs of the memory for percepts with any leading dimensions.
  torch::Tensor Features(const Parameters& parameters, const torch::Tensor& observations,
                         const torch::Tensor& previous_actions,
                         const torch::Tensor& previous_rewards, const torch::Tensor& terminated,
                         const torch::Tensor& begun, const torch::Tensor& starts) const;
  torch::Tensor Normalized(const Parameters& parameters, const torch::Tensor& values,
                           int64_t first) const;
  torch::Tensor Values(const Parameters& parameters, const torch::Tensor& remembered,
                       const torch::Tensor& time_left) const;

  ValueKind value_kind_;
  bool terminates_, discrete_, value_time_;
  int64_t action_size_, num_features_, num_normalized_ = 0;
  ActionOutputs outputs_;
  size_t mean_ = 0, scale_ = 0, log_std_ = 0;  // slices
  std::unique_ptr<MemoryNetwork> memory_, value_memory_;
  std::unique_ptr<Head> head_;
  std::unique_ptr<Mlp> value_head_;
};

}  // namespace fewstep

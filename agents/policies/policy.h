// Policies: functions of parameters, of what is perceived, and of memory. They hold neither
// parameters nor memory.
//
// Parameters are one row a task, memory is one row a trial. A policy has three faces, which give
// the same distribution: an Actor between two steps of a simulation, Step on a batch of simulations
// in lockstep, Unroll on whole trials for a learner.
#pragma once

#include <memory>
#include <span>

#include "agents/action_distribution.h"
#include "agents/parameters.h"
#include "core/rng.h"
#include "envs/task_family.h"

namespace fewstep {

// What is known before one action. Valid during the call that it is passed to.
struct Percept {
  const float* observation = nullptr;      // [O]
  const float* previous_action = nullptr;  // [A] of the trial's step before; null at its first step
  float previous_reward = 0;               // of that step, which may lie in the episode before
  bool previous_terminated = false;        // whether that step led to a terminal state
  int step = 0;                            // of the episode: 0 begins one
};

// The same for B trials of each of T tasks, all at one step of their episodes. What comes before is
// undefined where the policy has no memory.
struct Percepts {
  torch::Tensor observations;      // [T, B, O]
  torch::Tensor previous_actions;  // [T, B, A], 0 at a trial's first step
  torch::Tensor previous_rewards;  // [T, B]
  torch::Tensor terminated;        // [T, B] 1 where that step led to a terminal state
  torch::Tensor begun;             // [T, B] 0 at a trial's first step, else 1
  torch::Tensor running;           // [T, B] 0 where the episode has ended: its memory stays
  int step = 0;
  std::span<Rng> streams = {};  // T * B: of what the policy draws before its actions are drawn
};

// N trials, as many of each task, in the order of the tasks, or the same part of each of them. A
// whole trial is S = E * H steps: episode by episode, each padded to the horizon H.
struct Sequences {
  torch::Tensor observations;      // [N, S, O]
  torch::Tensor previous_actions;  // [N, S, A], 0 at a trial's first step
  torch::Tensor previous_rewards;  // [N, S]
  torch::Tensor terminated;        // [N, S] 1 where that step led to a terminal state
  torch::Tensor begun;             // [N, S] 0 at a trial's first step, else 1
  torch::Tensor starts;            // [N, S] 1 at an episode's first step
  torch::Tensor time_left;     // [N, S] the part of what is credited together that is left, from
                               // 1 down: of the trial, or of the episode
  torch::Tensor mask;          // [N, S] 0 past the end of an episode: memory passes unchanged
  torch::Tensor memory;        // [N, M] before the first step
  torch::Tensor value_memory;  // [N, V] the same of a value function with one of its own
  int64_t horizon = 0;         // H

  int64_t num_trials() const { return observations.size(0); }
  int64_t num_steps() const { return observations.size(1); }
  // Steps [first, last), after these memories.
  Sequences Steps(int64_t first, int64_t last, torch::Tensor memory_before,
                  torch::Tensor value_memory_before) const;
  // The trials with these numbers [n] int64.
  Sequences Trials(const torch::Tensor& numbers) const;
  Sequences To(torch::Device device, torch::Dtype type) const;
};

struct PolicyOutput {
  ActionDistribution distribution;  // of [N, S] actions
  torch::Tensor value;              // [N, S] of each percept; undefined for a policy without
  torch::Tensor memory;             // [N, M] after the last step
  torch::Tensor value_memory;       // [N, V]
};

// Acts in one simulation at a time, between two of its steps. Owned by one thread. One that does
// without LibTorch allocates nothing while it acts.
class Actor {
 public:
  virtual ~Actor() = default;
  // Acts from here on with the parameters `row` [P] for the trial whose memory is `memory` [M],
  // which Act brings up to date in place. Both must stay valid until the next call; `memory` is
  // null for a policy without.
  virtual void BeginTrial(const float* row, float* memory) = 0;
  // Writes the action, a sample drawn from `rng` or the distribution's mode, and returns its
  // log-probability. Draws what Step draws, then action_size normals (Gaussian, squashed or not) or
  // one uniform number (categorical) as SampleActions does.
  virtual float Act(const Percept& percept, Rng& rng, bool deterministic,
                    float* action) noexcept = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;

  std::shared_ptr<const ParameterLayout> layout() const { return layout_; }
  int observation_size() const { return observation_size_; }  // O
  int action_width() const { return action_width_; }          // A
  virtual int64_t memory_size() const { return 0; }           // M; 0: none

  // One freshly initialised row, [1, P] float32.
  virtual Parameters InitialParameters(const Rng& rng) const { return Initialized(layout_, rng); }

  // Whole trials with the rows [T, P] of their tasks; T divides N.
  virtual PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const = 0;

  // One step of B trials of T tasks with their rows [T, P]. `memory` [T, B, M] is brought up to
  // date in place where `percepts.running` says so; undefined for a policy without.
  virtual ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                                  torch::Tensor& memory) const = 0;

  // An actor of the policy, which must outlive it. The default calls Step.
  virtual std::unique_ptr<Actor> MakeActor() const;
  // Whether MakeActor gives one that does without LibTorch, for whole episodes inside workers.
  virtual bool has_native_actor() const { return false; }

 protected:
  explicit Policy(const FamilySpec& spec)
      : observation_size_(spec.observation_size), action_width_(spec.action_width()) {}

  std::shared_ptr<ParameterLayout> layout_ = std::make_shared<ParameterLayout>();

 private:
  int observation_size_, action_width_;
};

// A policy that looks at the present observation only: what is adapted by gradients.
class MemorylessPolicy : public Policy {
 public:
  // Distributions for T tasks: parameters [T, P], observations [T, B, O].
  virtual ActionDistribution Forward(const Parameters& parameters,
                                     const torch::Tensor& observations) const = 0;

  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const final;
  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& memory) const final;

 protected:
  using Policy::Policy;
};

// Actions for a batch with one random stream an observation (`streams`, T * B of them): [T, B, A]
// or [T, B, 1]. The same draws as Actor::Act.
torch::Tensor SampleActions(const ActionDistribution& distribution, std::span<Rng> streams,
                            bool deterministic);

}  // namespace fewstep

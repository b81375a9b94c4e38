// Trials: the episodes that an agent spends on one task, through which its memory lasts.
#pragma once

#include <cstdint>

#include "agents/policies/policy.h"
#include "core/rng.h"

namespace fewstep {

// Where N trials stand: their memory, and the step that the next percept tells of. Passed from one
// call of the sampler to the next. On the CPU, float32, and written in place.
struct TrialStates {
  torch::Tensor memory;            // [N, M]
  torch::Tensor previous_actions;  // [N, A], 0 before the first step
  torch::Tensor previous_rewards;  // [N]
  torch::Tensor terminated;        // [N] 1 when that step led to a terminal state
  torch::Tensor begun;             // [N] 0 before the first step, then 1
  torch::Tensor ended;             // [N] 1 once a simulation diverged: nothing follows
  int64_t episodes = 0;            // that each of them had so far
  Rng stream{0};  // of how trial i's task changes: Fork("trial", i); set by the first

  int64_t num_trials() const { return memory.size(0); }
  TrialStates Clone() const;
};

// Trials before their first step, with a memory of zeros.
TrialStates BeginTrials(const Policy& policy, int64_t num_trials);

struct Rollouts;

// What a policy with memory learns from: `rollouts` as `num_trials` whole trials of all episodes of
// a task, or of equal parts of them, that began with a memory of zeros. The time that is left is
// the trial's.
Sequences TrialSequences(const Policy& policy, const Rollouts& rollouts, int64_t num_trials);

// `memory` becomes `next` where `running` [...] is not 0; both [..., M].
void UpdateMemory(torch::Tensor& memory, const torch::Tensor& next, const torch::Tensor& running);

}  // namespace fewstep

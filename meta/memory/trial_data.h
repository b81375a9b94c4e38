// Trials made ready for learning: what an agent with memory has acted, as its objective needs it.
#pragma once

#include <algorithm>

#include "agents/policies/memory_policy.h"
#include "agents/surrogates.h"
#include "agents/trial_advantages.h"
#include "agents/trials.h"

namespace fewstep {

// N trials. All [N, S].
struct TrialData {
  Sequences sequences;
  PolicyBatch batch;      // observations, actions, advantages, old log-probabilities; its weights
                          // are 1 where there is a step
  torch::Tensor targets;  // of the value function
};

// How rewards are changed before they are learned from. Fields of [agent].
struct RewardOptions : Options {
  double shift = 0;
  double scale = 1;
  bool normalize = false;
  void Visit(FieldVisitor& visitor) override;
};

// (r - shift) * scale where there is a step, else 0. `rewards` and `mask` [N, S].
torch::Tensor ShiftedRewards(const torch::Tensor& rewards, const torch::Tensor& mask,
                             const RewardOptions& options);

// The discounted sum of the rewards up to each step, over the trial or, with credit within
// episodes, the episode; 0 where there is no step. The deviation of these sums is what rewards are
// normalised by: they are known when they are needed, unlike what follows. [N, S]
torch::Tensor DiscountedSoFar(const torch::Tensor& rewards, const torch::Tensor& mask,
                              int64_t horizon, const TrialAdvantageOptions& options);

// What follows the last step of every episode of N trials, of which no action was chosen.
struct EpisodeEnds {
  torch::Tensor observations;  // [N, E, O]
  torch::Tensor actions;       // [N, E, A] the last ones
  torch::Tensor rewards;       // [N, E]
  torch::Tensor going_on;      // [N, E] 0 after a terminal state or where the simulation diverged

  EpisodeEnds Trials(const torch::Tensor& numbers) const;
  EpisodeEnds To(torch::Device device, torch::Dtype type) const;
};
// `states` are the trials' after these rollouts.
EpisodeEnds EndsOf(const Rollouts& rollouts, const TrialStates& states);

// The values there, [N, E]; 0 where nothing goes on, and with credit over the trial 0 but for its
// last episode. The percept has the last action and reward, begins no episode, and has no time
// left. `sequences` are whole trials, `row` [1, P].
torch::Tensor FinalValues(const MemoryPolicy& policy, const torch::Tensor& row,
                          const Sequences& sequences, const EpisodeEnds& ends, Credit credit);

// Unrolls trials in chunks of `chunk` steps (0: all at once), each after the memory that the one
// before has left, without its graph. Calls function(output, first step, number of steps). Returns
// the output of the last chunk.
template <typename Function>
PolicyOutput UnrollInChunks(const MemoryPolicy& policy, const Parameters& row,
                            const Sequences& sequences, int64_t chunk, Derivatives derivatives,
                            const Function& function) {
  const int64_t steps = sequences.num_steps();
  if (chunk <= 0) chunk = steps;
  torch::Tensor memory = sequences.memory, value_memory = sequences.value_memory;
  PolicyOutput out;
  for (int64_t first = 0; first < steps; first += chunk) {
    const int64_t count = std::min(chunk, steps - first);
    out = policy.Unroll(row, sequences.Steps(first, first + count, memory, value_memory),
                        derivatives);
    memory = out.memory.detach();
    if (out.value_memory.defined()) value_memory = out.value_memory.detach();
    function(out, first, count);
  }
  return out;
}

}  // namespace fewstep

#include "agents/trials.h"

#include "agents/sampler.h"
#include "core/error.h"

namespace fewstep {

TrialStates TrialStates::Clone() const {
  return {memory.clone(),
          previous_actions.clone(),
          previous_rewards.clone(),
          terminated.clone(),
          begun.clone(),
          ended.clone(),
          episodes,
          stream};
}

TrialStates BeginTrials(const Policy& policy, int64_t num_trials) {
  return {.memory = torch::zeros({num_trials, policy.memory_size()}),
          .previous_actions = torch::zeros({num_trials, policy.action_width()}),
          .previous_rewards = torch::zeros({num_trials}),
          .terminated = torch::zeros({num_trials}),
          .begun = torch::zeros({num_trials}),
          .ended = torch::zeros({num_trials}),
          .episodes = 0,
          .stream = Rng(0)};
}

Sequences TrialSequences(const Policy& policy, const Rollouts& rollouts, int64_t num_trials) {
  const int64_t total = rollouts.num_tasks() * rollouts.episodes(), horizon = rollouts.horizon();
  FEWSTEP_CHECK(num_trials > 0 && total % num_trials == 0 && num_trials % rollouts.num_tasks() == 0,
                "{} episodes of {} tasks as {} trials", total, rollouts.num_tasks(), num_trials);
  const int64_t episodes = total / num_trials, steps = episodes * horizon;
  const int64_t width = rollouts.actions.size(3);
  Sequences sequences{
      .observations = rollouts.observations.reshape({num_trials, steps, -1}),
      .previous_actions = torch::zeros({num_trials, steps, width}),
      .previous_rewards = torch::zeros({num_trials, steps}),
      .terminated = torch::zeros({num_trials, steps}),
      .begun = torch::zeros({num_trials, steps}),
      .starts = (torch::arange(steps) % horizon == 0).to(torch::kFloat32).expand({num_trials, -1}),
      .time_left = (1 - torch::arange(steps) / static_cast<double>(steps))
                       .to(torch::kFloat32)
                       .expand({num_trials, -1}),
      .mask = rollouts.mask.reshape({num_trials, steps}),
      .memory = torch::zeros({1, policy.memory_size()}).expand({num_trials, -1}),
      .value_memory = {},
      .horizon = horizon,
  };

  // the step before, across the ends of episodes
  const torch::Tensor actions = rollouts.actions.reshape({num_trials, steps, width}).contiguous();
  const torch::Tensor rewards = rollouts.rewards.reshape({num_trials, steps}).contiguous();
  const torch::Tensor mask = sequences.mask.contiguous();
  const torch::Tensor terminated = rollouts.terminated.contiguous();
  const float* action = actions.const_data_ptr<float>();
  const float* reward = rewards.const_data_ptr<float>();
  const float* present = mask.const_data_ptr<float>();
  const float* ends = terminated.const_data_ptr<float>();  // of each episode
  float* previous_action = sequences.previous_actions.mutable_data_ptr<float>();
  float* previous_reward = sequences.previous_rewards.mutable_data_ptr<float>();
  float* follows_end = sequences.terminated.mutable_data_ptr<float>();
  float* begun = sequences.begun.mutable_data_ptr<float>();
  for (int64_t trial = 0; trial < num_trials; ++trial) {
    int64_t before = -1;
    for (int64_t at = trial * steps; at < (trial + 1) * steps; ++at) {
      if (present[at] == 0) continue;
      if (before >= 0) {
        std::copy_n(action + before * width, width, previous_action + at * width);
        previous_reward[at] = reward[before];
        // the last step of an episode that another one follows
        if (before / horizon != at / horizon) follows_end[at] = ends[before / horizon];
        begun[at] = 1;
      }
      before = at;
    }
  }
  return sequences;
}

void UpdateMemory(torch::Tensor& memory, const torch::Tensor& next, const torch::Tensor& running) {
  memory.copy_(torch::where(running.unsqueeze(-1) != 0, next, memory));
}

}  // namespace fewstep

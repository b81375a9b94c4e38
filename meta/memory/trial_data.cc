#include "meta/memory/trial_data.h"

namespace fewstep {

void RewardOptions::Visit(FieldVisitor& v) {
  v.Field("reward_shift", shift,
          {.help = "Subtracted from every reward that is learned from; moves no optimum where all "
                   "trials are equally long."});
  v.Field("reward_scale", scale,
          {.help = "Factor on every reward that is learned from, after the shift.",
           .min = 1e-12,
           .max = 1e12});
  v.Field("normalize_rewards", normalize,
          {.help = "Whether rewards that are learned from are divided by the standard deviation of "
                   "their discounted sums so far in the trial, or with credit = \"episode\" in the "
                   "episode, over all training."});
}

torch::Tensor ShiftedRewards(const torch::Tensor& rewards, const torch::Tensor& mask,
                             const RewardOptions& options) {
  return (rewards - options.shift) * options.scale * mask;
}

torch::Tensor DiscountedSoFar(const torch::Tensor& rewards, const torch::Tensor& mask,
                              int64_t horizon, const TrialAdvantageOptions& options) {
  torch::Tensor sums = torch::zeros_like(rewards), sum = torch::zeros({rewards.size(0)});
  for (int64_t step = 0; step < rewards.size(1); ++step) {
    if (options.credit == Credit::kEpisode && step % horizon == 0) sum = torch::zeros_like(sum);
    const torch::Tensor present = mask.select(1, step) != 0;
    sum = torch::where(present, sum * options.discount + rewards.select(1, step), sum);
    sums.select(1, step).copy_(torch::where(present, sum, torch::zeros_like(sum)));
  }
  return sums;
}

EpisodeEnds EpisodeEnds::Trials(const torch::Tensor& numbers) const {
  return {observations.index_select(0, numbers), actions.index_select(0, numbers),
          rewards.index_select(0, numbers), going_on.index_select(0, numbers)};
}

EpisodeEnds EpisodeEnds::To(torch::Device device, torch::Dtype type) const {
  return {observations.to(device, type), actions.to(device, type), rewards.to(device, type),
          going_on.to(device, type)};
}

EpisodeEnds EndsOf(const Rollouts& rollouts, const TrialStates& states) {
  const int64_t trials = states.num_trials(), horizon = rollouts.horizon();
  const int64_t episodes = rollouts.num_tasks() * rollouts.episodes() / trials;
  const torch::Tensor mask = rollouts.mask.reshape({trials, episodes, horizon});
  const torch::Tensor actions = rollouts.actions.reshape({trials, episodes, horizon, -1});
  const torch::Tensor rewards = rollouts.rewards.reshape({trials, episodes, horizon});
  const torch::Tensor length = mask.sum(2).to(torch::kInt64);  // [N, E]
  const torch::Tensor last = (length - 1).clamp_min(0).unsqueeze(-1);

  // a trial whose simulation diverged ends with the last episode that has a step
  const torch::Tensor present = length > 0;
  const torch::Tensor later = present.flip(1).to(torch::kInt64).cumsum(1).flip(1);
  const torch::Tensor broken = (later <= 1) & (states.ended.unsqueeze(1) != 0);
  const torch::Tensor terminated = rollouts.terminated.reshape({trials, episodes}) != 0;
  return {.observations = rollouts.final_observations.reshape({trials, episodes, -1}),
          .actions =
              actions.gather(2, last.unsqueeze(-1).expand({-1, -1, 1, actions.size(3)})).squeeze(2),
          .rewards = rewards.gather(2, last).squeeze(2),
          .going_on = (terminated | broken).logical_not().to(torch::kFloat32)};
}

torch::Tensor FinalValues(const MemoryPolicy& policy, const torch::Tensor& row,
                          const Sequences& sequences, const EpisodeEnds& ends, Credit credit) {
  const Parameters parameters{row, policy.layout()};
  const int64_t horizon = sequences.horizon, episodes = ends.rewards.size(1);
  torch::Tensor values = torch::zeros_like(ends.rewards);
  const auto evaluate = [&](int64_t episode, const PolicyOutput& before) {
    // a percept of one step, which the memory of the trial does not go through
    const int64_t end = (episode + 1) * horizon;
    Sequences percept = sequences.Steps(end - 1, end, before.memory, before.value_memory);
    percept.observations = ends.observations.narrow(1, episode, 1);
    percept.previous_actions = ends.actions.narrow(1, episode, 1);
    percept.previous_rewards = ends.rewards.narrow(1, episode, 1);
    percept.terminated = torch::zeros_like(percept.terminated);
    percept.begun = torch::ones_like(percept.begun);
    percept.starts = torch::zeros_like(percept.starts);
    percept.time_left = torch::zeros_like(percept.time_left);
    percept.mask = torch::ones_like(percept.mask);
    values.select(1, episode).copy_(policy.Unroll(parameters, percept).value.squeeze(1));
  };
  if (credit == Credit::kTrial) {
    evaluate(episodes - 1, policy.Unroll(parameters, sequences));
  } else {
    UnrollInChunks(
        policy, parameters, sequences, horizon, Derivatives::kFirst,
        [&](const PolicyOutput& out, int64_t first, int64_t) { evaluate(first / horizon, out); });
  }
  return values * ends.going_on;
}

}  // namespace fewstep

#include "agents/sampler.h"

#include <numeric>

#include "core/clock.h"
#include "core/error.h"

namespace fewstep {
namespace {

Rollouts MakeRollouts(const FamilySpec& spec, int64_t tasks, int64_t episodes) {
  const int64_t horizon = spec.horizon;
  Rollouts r;
  r.observations = torch::zeros({tasks, episodes, horizon, spec.observation_size});
  r.actions = torch::zeros({tasks, episodes, horizon, spec.action_width()});
  r.log_probs = torch::zeros({tasks, episodes, horizon});
  r.rewards = torch::zeros({tasks, episodes, horizon});
  if (!spec.dense_reward.empty()) r.dense_rewards = torch::zeros({tasks, episodes, horizon});
  r.mask = torch::zeros({tasks, episodes, horizon});
  r.final_observations = torch::zeros({tasks, episodes, spec.observation_size});
  r.terminated = torch::zeros({tasks, episodes});
  r.returns = torch::zeros({tasks, episodes}, torch::kFloat64);
  r.metric_means =
      torch::zeros({tasks, static_cast<int64_t>(spec.metrics.size())}, torch::kFloat64);
  return r;
}

// Sums that follow from the recorded steps, in a fixed order.
void Summarise(const std::vector<EpisodeResult>& results, const std::vector<double>& metric_sums,
               Rollouts& out) {
  const int64_t tasks = out.num_tasks(), episodes = out.episodes(), horizon = out.horizon();
  const int64_t num_metrics = out.metric_means.size(1);
  const float* rewards = out.rewards.const_data_ptr<float>();
  float* mask = out.mask.mutable_data_ptr<float>();
  float* terminated = out.terminated.mutable_data_ptr<float>();
  double* returns = out.returns.mutable_data_ptr<double>();
  double* means = out.metric_means.mutable_data_ptr<double>();
  for (int64_t task = 0; task < tasks; ++task) {
    int64_t task_steps = 0;
    for (int64_t item = task * episodes; item < (task + 1) * episodes; ++item) {
      const EpisodeResult& result = results[static_cast<size_t>(item)];
      std::fill_n(mask + item * horizon, result.length, 1.0f);
      terminated[item] = result.terminated ? 1.0f : 0.0f;
      returns[item] =
          std::accumulate(rewards + item * horizon, rewards + item * horizon + result.length, 0.0);
      for (int64_t m = 0; m < num_metrics; ++m) {
        means[task * num_metrics + m] += metric_sums[static_cast<size_t>(item * num_metrics + m)];
      }
      task_steps += result.length;
      out.diverged += result.diverged ? 1 : 0;
    }
    for (int64_t m = 0; m < num_metrics; ++m) {
      means[task * num_metrics + m] /= static_cast<double>(std::max<int64_t>(1, task_steps));
    }
    out.steps += task_steps;
  }
}

// Where second rewards are recorded; null for families without.
float* DenseRewards(Rollouts& rollouts) {
  return rollouts.dense_rewards.defined() ? rollouts.dense_rewards.mutable_data_ptr<float>()
                                          : nullptr;
}

// What the act callback of one episode needs.
struct ActContext {
  Actor& actor;
  Rng rng;
  bool deterministic;
  // what was recorded of this episode so far
  const float* actions;  // [steps, A]
  const float* rewards;  // [steps]
  int64_t action_width;
  float* log_probs;  // [H], where Act's are recorded
  // the trial's step before the episode; null where there is none
  const float* previous_action;
  float previous_reward;
  bool previous_terminated;
};

void ActInWorker(void* context, const float* observation, int step, float* action) noexcept {
  auto& c = *static_cast<ActContext*>(context);
  const Percept percept{
      .observation = observation,
      .previous_action = step > 0 ? c.actions + (step - 1) * c.action_width : c.previous_action,
      .previous_reward = step > 0 ? c.rewards[step - 1] : c.previous_reward,
      .previous_terminated = step == 0 && c.previous_terminated,
      .step = step};
  c.log_probs[step] = c.actor.Act(percept, c.rng, c.deterministic, action);
}

}  // namespace

double RolloutBytes(const FamilySpec& spec, double episodes) {
  constexpr int kLogProbRewardAndMask = 3;
  return sizeof(float) * episodes * spec.horizon *
         (spec.observation_size + spec.action_width() + kLogProbRewardAndMask +
          (spec.dense_reward.empty() ? 0 : 1));
}

Sampler::Sampler(const TaskFamily& family, WorkerPool& pool, SamplingPlan plan,
                 torch::Device device)
    : family_(family), pool_(pool), plan_(plan), device_(device) {}

Sampler::~Sampler() = default;

struct Sampler::Batch {
  const Policy& policy;
  const Parameters& rows;  // [T|1, P], on the CPU or the sampler's device
  std::span<const Task> tasks;
  const CollectOptions& options;
  const Rng& rng;
  TrialStates& trials;

  int64_t num_tasks() const { return static_cast<int64_t>(tasks.size()); }
  int64_t num_trials() const { return trials.num_trials(); }
  int64_t trial_episodes() const { return num_tasks() * options.episodes / num_trials(); }
  // Of the call's episode `item`, which is one of trial `trial`.
  EpisodeOrigin OriginOf(int64_t item, int64_t trial) const {
    return {rng.Fork("env", static_cast<uint64_t>(item)),
            trials.stream.Fork("trial", static_cast<uint64_t>(trial)),
            trials.episodes + item - trial * trial_episodes()};
  }
  const Task& TaskOf(int64_t trial) const {
    return tasks[static_cast<size_t>(trial * num_tasks() / num_trials())];
  }
};

Rollouts Sampler::Collect(const Policy& policy, const Parameters& parameters,
                          std::span<const Task> tasks, const CollectOptions& options,
                          const Rng& rng, TrialStates* trials) {
  const double start = SteadySeconds();
  const torch::NoGradGuard no_grad;
  const int64_t num_tasks = static_cast<int64_t>(tasks.size());
  const int64_t num_episodes = num_tasks * options.episodes;
  FEWSTEP_CHECK(parameters.num_tasks() == num_tasks || parameters.num_tasks() == 1,
                "{} rows for {} tasks", parameters.num_tasks(), num_tasks);
  Rollouts out = MakeRollouts(family_.spec(), num_tasks, options.episodes);

  TrialStates single;
  if (trials == nullptr) {
    single = BeginTrials(policy, num_episodes);
    trials = &single;
  }
  FEWSTEP_CHECK(trials->num_trials() % num_tasks == 0 && num_episodes % trials->num_trials() == 0,
                "{} trials of {} tasks with {} episodes", trials->num_trials(), num_tasks,
                num_episodes);

  if (trials->episodes == 0) trials->stream = rng;
  SamplingPlan plan = plan_;
  if (plan == SamplingPlan::kAuto) {
    plan = policy.has_native_actor() ? SamplingPlan::kEpisodes : SamplingPlan::kLockstep;
  }
  const bool whole_episodes = plan == SamplingPlan::kEpisodes;
  const Parameters rows = parameters.WithFlat(
      whole_episodes ? parameters.flat.detach().to(torch::kCPU, torch::kFloat32).contiguous()
                     : parameters.flat.detach().to(device_));
  const Batch batch{policy, rows, tasks, options, rng, *trials};
  if (whole_episodes) {
    CollectEpisodes(batch, out);
  } else {
    CollectLockstep(batch, out);
  }
  trials->episodes += num_episodes / trials->num_trials();
  out.stopped = options.stop.stop_requested();
  seconds_ += SteadySeconds() - start;
  return out;
}

void Sampler::CollectEpisodes(const Batch& batch, Rollouts& out) {
  // one runner and one actor a worker
  while (runners_.size() < static_cast<size_t>(pool_.num_threads())) {
    runners_.push_back(family_.MakeEpisodeRunner());
  }
  std::vector<std::unique_ptr<Actor>> actors;
  for (int worker = 0; worker < pool_.num_threads(); ++worker) {
    actors.push_back(batch.policy.MakeActor());
  }
  std::vector<std::shared_ptr<const PreparedTask>> prepared;
  for (const Task& task : batch.tasks) prepared.push_back(family_.Prepare(task));

  // rows that the workers write into
  const int64_t episodes = batch.trial_episodes(), horizon = out.horizon();
  const int64_t num_metrics = out.metric_means.size(1);
  const int64_t observation_size = out.observations.size(3), width = out.actions.size(3);
  float* observations = out.observations.mutable_data_ptr<float>();
  float* actions = out.actions.mutable_data_ptr<float>();
  float* log_probs = out.log_probs.mutable_data_ptr<float>();
  float* rewards = out.rewards.mutable_data_ptr<float>();
  float* dense_rewards = DenseRewards(out);
  float* finals = out.final_observations.mutable_data_ptr<float>();
  const auto num_items = static_cast<size_t>(batch.num_trials() * episodes);
  std::vector<EpisodeResult> results(num_items);
  std::vector<double> metric_sums(num_items * static_cast<size_t>(num_metrics));

  // rows that they read, and the trials' own
  const float* parameters = batch.rows.flat.const_data_ptr<float>();
  const int64_t row_size = batch.rows.flat.size(1), num_rows = batch.rows.num_tasks();
  const int64_t memory_size = batch.policy.memory_size();
  float* memory = batch.trials.memory.mutable_data_ptr<float>();
  float* previous_actions = batch.trials.previous_actions.mutable_data_ptr<float>();
  float* previous_rewards = batch.trials.previous_rewards.mutable_data_ptr<float>();
  float* previous_terminated = batch.trials.terminated.mutable_data_ptr<float>();
  float* begun = batch.trials.begun.mutable_data_ptr<float>();
  float* ended = batch.trials.ended.mutable_data_ptr<float>();

  pool_.Run(static_cast<int>(batch.num_trials()), [&](int trial, int worker) {
    const size_t w = static_cast<size_t>(worker);
    const int64_t task = trial * batch.num_tasks() / batch.num_trials();
    actors[w]->BeginTrial(parameters + (num_rows == 1 ? 0 : task) * row_size,
                          memory_size > 0 ? memory + trial * memory_size : nullptr);
    for (int64_t item = trial * episodes; item < (trial + 1) * episodes; ++item) {
      if (ended[trial] != 0 || batch.options.stop.stop_requested()) break;
      const auto stream = static_cast<uint64_t>(item);
      float* previous_action = previous_actions + trial * width;
      ActContext context{.actor = *actors[w],
                         .rng = batch.rng.Fork("act", stream),
                         .deterministic = batch.options.deterministic,
                         .actions = actions + item * horizon * width,
                         .rewards = rewards + item * horizon,
                         .action_width = width,
                         .log_probs = log_probs + item * horizon,
                         .previous_action = begun[trial] != 0 ? previous_action : nullptr,
                         .previous_reward = previous_rewards[trial],
                         .previous_terminated = previous_terminated[trial] != 0};
      const EpisodeResult result = runners_[w]->Run(
          *prepared[static_cast<size_t>(task)], batch.OriginOf(item, trial), &ActInWorker, &context,
          {.observations = observations + item * horizon * observation_size,
           .actions = actions + item * horizon * width,
           .rewards = rewards + item * horizon,
           .dense_rewards = dense_rewards ? dense_rewards + item * horizon : nullptr,
           .final_observation = finals + item * observation_size,
           .metric_sums = metric_sums.data() + item * num_metrics});
      results[static_cast<size_t>(item)] = result;
      std::fill(log_probs + item * horizon + result.length, log_probs + (item + 1) * horizon, 0.0f);

      // the last action and reward, for the first percept of the trial's next episode
      if (result.diverged) ended[trial] = 1;
      if (result.length == 0) continue;
      const int64_t last = item * horizon + result.length - 1;
      std::copy_n(actions + last * width, width, previous_action);
      previous_rewards[trial] = rewards[last];
      previous_terminated[trial] = result.terminated ? 1.0f : 0.0f;
      begun[trial] = 1;
    }
  });
  Summarise(results, metric_sums, out);
}

void Sampler::CollectLockstep(const Batch& batch, Rollouts& out) {
  const int64_t trials = batch.num_trials(), episodes = batch.trial_episodes();
  const int num_envs = static_cast<int>(trials);
  if (!env_ || env_->num_envs() != num_envs) {
    env_ = family_.MakeVectorEnv(num_envs, pool_.num_threads());
  }
  std::vector<Task> env_tasks;
  for (int64_t trial = 0; trial < trials; ++trial) env_tasks.push_back(batch.TaskOf(trial));
  env_->SetTasks(env_tasks);

  // what the policy sees and keeps: [T, trials of a task, ...]
  const int64_t num_tasks = batch.num_tasks(), trials_of_task = trials / num_tasks;
  const int64_t observation_size = out.observations.size(3), width = out.actions.size(3);
  const bool remembers = batch.policy.memory_size() > 0;
  const Parameters rows =
      batch.rows.WithFlat(batch.rows.flat.expand({num_tasks, batch.rows.flat.size(1)}));
  torch::Tensor memory;
  if (remembers) {
    memory = batch.trials.memory.view({num_tasks, trials_of_task, -1}).to(device_).clone();
  }
  torch::Tensor present = torch::empty({num_tasks, trials_of_task, observation_size});
  torch::Tensor running = torch::ones({num_tasks, trials_of_task});
  float* present_values = present.mutable_data_ptr<float>();
  float* is_running = running.mutable_data_ptr<float>();
  float* previous_actions = batch.trials.previous_actions.mutable_data_ptr<float>();
  float* previous_rewards = batch.trials.previous_rewards.mutable_data_ptr<float>();
  float* previous_terminated = batch.trials.terminated.mutable_data_ptr<float>();
  float* begun = batch.trials.begun.mutable_data_ptr<float>();
  float* trial_ended = batch.trials.ended.mutable_data_ptr<float>();
  const auto of_tasks = [&](const torch::Tensor& rows_of_trials) {
    std::vector<int64_t> shape = {num_tasks, trials_of_task};
    if (rows_of_trials.dim() == 2) shape.push_back(rows_of_trials.size(1));
    return rows_of_trials.view(shape).to(device_, /*non_blocking=*/false, /*copy=*/true);
  };

  StepBatch step_batch = env_->MakeStepBatch();
  const int64_t horizon = out.horizon(), num_metrics = out.metric_means.size(1);
  std::vector<EpisodeResult> results(static_cast<size_t>(trials * episodes));
  std::vector<double> metric_sums(results.size() * static_cast<size_t>(num_metrics));
  float* rewards = out.rewards.mutable_data_ptr<float>();
  float* dense_rewards = DenseRewards(out);
  std::vector<int> ids(static_cast<size_t>(num_envs));
  std::iota(ids.begin(), ids.end(), 0);
  for (int64_t episode = 0; episode < episodes; ++episode) {
    // start every simulation; where the trial has ended its episode is not recorded
    std::vector<EpisodeOrigin> origins;
    std::vector<Rng> act_streams;
    for (int64_t trial = 0; trial < trials; ++trial) {
      const int64_t item = trial * episodes + episode;
      origins.push_back(batch.OriginOf(item, trial));
      act_streams.push_back(batch.rng.Fork("act", static_cast<uint64_t>(item)));
      is_running[trial] = trial_ended[trial] == 0 ? 1.0f : 0.0f;
    }
    env_->Start(ids, origins, {present_values, static_cast<size_t>(present.numel())});
    int64_t num_running = std::count(is_running, is_running + trials, 1.0f);

    // the episode's part of what is recorded, [N, H, ...]
    const auto recorded = [&](torch::Tensor& values, int64_t size) {
      return values.view({trials, episodes, horizon, size}).select(1, episode);
    };
    torch::Tensor observations = recorded(out.observations, observation_size);
    torch::Tensor actions = recorded(out.actions, width);
    torch::Tensor log_probs = recorded(out.log_probs, 1);
    for (int64_t step = 0; step < horizon && num_running > 0; ++step) {
      if (batch.options.stop.stop_requested()) break;
      // one forward pass for all tasks
      Percepts percepts{.observations = present.to(device_),
                        .step = static_cast<int>(step),
                        .streams = act_streams};
      if (remembers) {
        percepts.previous_actions = of_tasks(batch.trials.previous_actions);
        percepts.previous_rewards = of_tasks(batch.trials.previous_rewards);
        percepts.terminated = of_tasks(batch.trials.terminated);
        percepts.begun = of_tasks(batch.trials.begun);
        percepts.running = of_tasks(running.view({trials}));
      }
      const ActionDistribution distribution = batch.policy.Step(rows, percepts, memory);
      const torch::Tensor sampled =
          SampleActions(distribution, act_streams, batch.options.deterministic);
      const torch::Tensor chosen = sampled.to(torch::kCPU).contiguous();
      const torch::Tensor actions64 = chosen.to(torch::kFloat64);
      observations.select(1, step).copy_(present.view({trials, observation_size}));
      actions.select(1, step).copy_(chosen.view({trials, width}));
      log_probs.select(1, step).copy_(distribution.LogProb(sampled).reshape({trials, 1}));
      env_->Step({actions64.const_data_ptr<double>(), static_cast<size_t>(actions64.numel())},
                 step_batch);

      // what the simulations that are still running give
      const float* chosen_values = chosen.const_data_ptr<float>();
      for (int64_t trial = 0; trial < trials; ++trial) {
        if (is_running[trial] == 0) continue;
        const size_t env = static_cast<size_t>(trial);
        const int64_t item = trial * episodes + episode;
        EpisodeResult& result = results[static_cast<size_t>(item)];
        if (step_batch.diverged[env]) {
          result.diverged = true;
          trial_ended[trial] = 1;
        } else {
          ++result.length;
          rewards[item * horizon + step] = static_cast<float>(step_batch.rewards[env]);
          if (dense_rewards) {
            dense_rewards[item * horizon + step] =
                static_cast<float>(step_batch.dense_rewards[env]);
          }
          for (int64_t m = 0; m < num_metrics; ++m) {
            metric_sums[static_cast<size_t>(item * num_metrics + m)] +=
                step_batch.metrics[static_cast<size_t>(trial * num_metrics + m)];
          }
          result.terminated = step_batch.terminated[env] != 0;
          std::copy_n(chosen_values + trial * width, width, previous_actions + trial * width);
          previous_rewards[trial] = rewards[item * horizon + step];
          previous_terminated[trial] = result.terminated ? 1.0f : 0.0f;
          begun[trial] = 1;
        }
        if (step_batch.terminated[env] || step_batch.truncated[env] || step_batch.diverged[env]) {
          is_running[trial] = 0;
          --num_running;
          std::copy_n(step_batch.observations.data() + trial * observation_size, observation_size,
                      out.final_observations.mutable_data_ptr<float>() + item * observation_size);
        }
      }
      std::copy_n(step_batch.observations.data(), present.numel(), present_values);
    }
  }
  if (remembers) batch.trials.memory.copy_(memory.view({trials, -1}));

  // rows past an episode's end hold nothing, as in the other plan
  for (size_t item = 0; item < results.size(); ++item) {
    const int64_t rest = horizon - results[item].length;
    if (rest == 0) continue;
    const int64_t first = static_cast<int64_t>(item) * horizon + results[item].length;
    std::fill_n(out.observations.mutable_data_ptr<float>() + first * observation_size,
                rest * observation_size, 0.0f);
    std::fill_n(out.actions.mutable_data_ptr<float>() + first * width, rest * width, 0.0f);
    std::fill_n(out.log_probs.mutable_data_ptr<float>() + first, rest, 0.0f);
  }
  Summarise(results, metric_sums, out);
}

}  // namespace fewstep

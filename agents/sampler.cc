#include "agents/sampler.h"

#include <chrono>
#include <numeric>

#include "core/error.h"

namespace fewstep {
namespace {

Rollouts MakeRollouts(const FamilySpec& spec, int64_t tasks, int64_t episodes) {
  const int64_t horizon = spec.horizon;
  const int64_t actions = spec.action_kind == ActionKind::kContinuous ? spec.action_size : 1;
  Rollouts r;
  r.observations = torch::zeros({tasks, episodes, horizon, spec.observation_size});
  r.actions = torch::zeros({tasks, episodes, horizon, actions});
  r.rewards = torch::zeros({tasks, episodes, horizon});
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

// What the act callback of one episode needs.
struct ActContext {
  Actor& actor;
  Rng rng;
  bool deterministic;
};

void ActInWorker(void* context, const float* observation, int /*step*/, float* action) noexcept {
  auto& c = *static_cast<ActContext*>(context);
  c.actor.Act(observation, c.rng, c.deterministic, action);
}

}  // namespace

SamplingPlan ParseSamplingPlan(const std::string& name) {
  if (name == "episodes") return SamplingPlan::kEpisodes;
  if (name == "lockstep") return SamplingPlan::kLockstep;
  return SamplingPlan::kAuto;
}

Sampler::Sampler(const TaskFamily& family, WorkerPool& pool, SamplingPlan plan,
                 torch::Device device)
    : family_(family), pool_(pool), plan_(plan), device_(device) {}

Sampler::~Sampler() = default;

Rollouts Sampler::Collect(const Policy& policy, const Parameters& parameters,
                          std::span<const Task> tasks, const CollectOptions& options,
                          const Rng& rng) {
  const auto start = std::chrono::steady_clock::now();
  const torch::NoGradGuard no_grad;
  const int64_t num_tasks = static_cast<int64_t>(tasks.size());
  FEWSTEP_CHECK(parameters.num_tasks() == num_tasks || parameters.num_tasks() == 1,
                "{} rows for {} tasks", parameters.num_tasks(), num_tasks);
  Rollouts out = MakeRollouts(family_.spec(), num_tasks, options.episodes);

  SamplingPlan plan = plan_;
  if (plan == SamplingPlan::kAuto) {
    const bool on_worker = device_.is_cpu() && policy.MakeActor() != nullptr;
    plan = on_worker ? SamplingPlan::kEpisodes : SamplingPlan::kLockstep;
  }
  const Parameters all =
      parameters.WithFlat(parameters.flat.detach().expand({num_tasks, parameters.flat.size(1)}));
  if (plan == SamplingPlan::kEpisodes) {
    CollectEpisodes(policy, all.flat.to(torch::kCPU, torch::kFloat32).contiguous(), tasks, options,
                    rng, out);
  } else {
    CollectLockstep(policy, all, tasks, options, rng, out);
  }
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

void Sampler::CollectEpisodes(const Policy& policy, const torch::Tensor& rows,
                              std::span<const Task> tasks, const CollectOptions& options,
                              const Rng& rng, Rollouts& out) {
  // one runner and one actor a worker
  while (runners_.size() < static_cast<size_t>(pool_.num_threads())) {
    runners_.push_back(family_.MakeEpisodeRunner());
  }
  std::vector<std::unique_ptr<Actor>> actors;
  for (int worker = 0; worker < pool_.num_threads(); ++worker) {
    actors.push_back(policy.MakeActor());
    if (!actors.back()) {
      throw Error(ErrorKind::kUsage, "this policy cannot be evaluated by sampler workers",
                  {.key = "run.sampling_plan", .remedy = "Use sampling_plan = \"lockstep\""});
    }
  }
  std::vector<std::shared_ptr<const PreparedTask>> prepared;
  for (const Task& task : tasks) prepared.push_back(family_.Prepare(task));

  // rows that the workers write into
  const int episodes = options.episodes;
  const int num_items = static_cast<int>(tasks.size()) * episodes;
  const int64_t horizon = out.horizon(), num_metrics = out.metric_means.size(1);
  const int64_t observation_size = out.observations.size(3), action_size = out.actions.size(3);
  float* observations = out.observations.mutable_data_ptr<float>();
  float* actions = out.actions.mutable_data_ptr<float>();
  float* rewards = out.rewards.mutable_data_ptr<float>();
  float* finals = out.final_observations.mutable_data_ptr<float>();
  const float* parameters = rows.const_data_ptr<float>();
  const int64_t row_size = rows.size(1);
  std::vector<EpisodeResult> results(static_cast<size_t>(num_items));
  std::vector<double> metric_sums(static_cast<size_t>(num_items * num_metrics));

  pool_.Run(num_items, [&](int item, int worker) {
    const size_t w = static_cast<size_t>(worker), task = static_cast<size_t>(item / episodes);
    const auto stream = static_cast<uint64_t>(item);
    actors[w]->SetParameters(parameters + static_cast<int64_t>(task) * row_size);
    ActContext context{*actors[w], rng.Fork("act", stream), options.deterministic};
    results[static_cast<size_t>(item)] =
        runners_[w]->Run(*prepared[task], rng.Fork("env", stream), &ActInWorker, &context,
                         {.observations = observations + item * horizon * observation_size,
                          .actions = actions + item * horizon * action_size,
                          .rewards = rewards + item * horizon,
                          .final_observation = finals + item * observation_size,
                          .metric_sums = metric_sums.data() + item * num_metrics});
  });
  Summarise(results, metric_sums, out);
}

void Sampler::CollectLockstep(const Policy& policy, const Parameters& parameters,
                              std::span<const Task> tasks, const CollectOptions& options,
                              const Rng& rng, Rollouts& out) {
  const int64_t num_tasks = static_cast<int64_t>(tasks.size()), episodes = options.episodes;
  const int num_envs = static_cast<int>(num_tasks * episodes);
  if (!env_ || env_->num_envs() != num_envs) {
    env_ = family_.MakeVectorEnv(num_envs, pool_.num_threads());
  }

  // every simulation starts an episode of its task
  std::vector<Task> env_tasks;
  std::vector<Rng> act_streams;
  for (int i = 0; i < num_envs; ++i) {
    env_tasks.push_back(tasks[static_cast<size_t>(i / episodes)]);
    act_streams.push_back(rng.Fork("act", static_cast<uint64_t>(i)));
  }
  env_->SetTasks(env_tasks);
  std::vector<int> ids(static_cast<size_t>(num_envs));
  std::iota(ids.begin(), ids.end(), 0);
  const int64_t observation_size = out.observations.size(3), action_size = out.actions.size(3);
  torch::Tensor present = torch::empty({num_tasks, episodes, observation_size});
  float* present_values = present.mutable_data_ptr<float>();
  const size_t present_size = static_cast<size_t>(present.numel());
  env_->Reset(ids, rng, {present_values, present_size});

  StepBatch batch = env_->MakeStepBatch();
  const Parameters on_device = parameters.WithFlat(parameters.flat.to(device_));
  const int64_t num_metrics = out.metric_means.size(1);
  std::vector<EpisodeResult> results(static_cast<size_t>(num_envs));
  std::vector<double> metric_sums(static_cast<size_t>(num_envs * num_metrics));
  std::vector<uint8_t> ended(static_cast<size_t>(num_envs));
  float* rewards = out.rewards.mutable_data_ptr<float>();
  int64_t running = num_envs;
  for (int64_t step = 0; step < out.horizon() && running > 0; ++step) {
    // one forward pass for all tasks
    const ActionDistribution distribution = policy.Forward(on_device, present.to(device_));
    const torch::Tensor chosen =
        SampleActions(distribution, act_streams, options.deterministic).to(torch::kCPU);
    const torch::Tensor actions = chosen.to(torch::kFloat64).contiguous();
    out.observations.select(2, step).copy_(present);
    out.actions.select(2, step).copy_(chosen);
    env_->Step({actions.const_data_ptr<double>(), static_cast<size_t>(actions.numel())}, batch);

    // what the simulations that are still running give
    for (int i = 0; i < num_envs; ++i) {
      const size_t env = static_cast<size_t>(i);
      if (ended[env]) continue;
      EpisodeResult& result = results[env];
      if (batch.diverged[env]) {
        result.diverged = true;
      } else {
        ++result.length;
        rewards[i * out.horizon() + step] = static_cast<float>(batch.rewards[env]);
        for (int64_t m = 0; m < num_metrics; ++m) {
          metric_sums[static_cast<size_t>(i * num_metrics + m)] +=
              batch.metrics[static_cast<size_t>(i * num_metrics + m)];
        }
        result.terminated = batch.terminated[env] != 0;
      }
      if (batch.terminated[env] || batch.truncated[env] || batch.diverged[env]) {
        ended[env] = 1;
        --running;
        std::copy_n(batch.observations.data() + i * observation_size, observation_size,
                    out.final_observations.mutable_data_ptr<float>() + i * observation_size);
      }
    }
    std::copy_n(batch.observations.data(), present_size, present_values);
  }

  // rows past an episode's end hold nothing, as in the other plan
  for (int i = 0; i < num_envs; ++i) {
    const int64_t length = results[static_cast<size_t>(i)].length;
    const int64_t rest = out.horizon() - length;
    if (rest == 0) continue;
    const int64_t first = i * out.horizon() + length;
    std::fill_n(out.observations.mutable_data_ptr<float>() + first * observation_size,
                rest * observation_size, 0.0f);
    std::fill_n(out.actions.mutable_data_ptr<float>() + first * action_size, rest * action_size,
                0.0f);
  }
  Summarise(results, metric_sums, out);
}

}  // namespace fewstep

#include "envs/lockstep_env.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fewstep {

bool AllFinite(std::span<const double> values) noexcept {
  for (const double value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

LockstepEnv::LockstepEnv(const FamilySpec& spec, const TaskLaw& law, int num_envs)
    : spec_(spec),
      law_(law),
      changing_(static_cast<size_t>(std::max(num_envs, 0)), ChangingTask(spec_, law_)) {
  if (num_envs < 1) {
    throw Error(ErrorKind::kUsage, fmt::format("{} is not a number of simulations", num_envs));
  }
  const size_t envs = static_cast<size_t>(num_envs);
  tasks_.resize(envs);
  episodes_.resize(envs);
  observations_.resize(envs * static_cast<size_t>(spec.observation_size));
  metrics_.resize(envs * spec.metrics.size());
  running_.reserve(envs);
}

std::span<double> LockstepEnv::observation(int env) {
  const size_t size = static_cast<size_t>(spec_.observation_size);
  return std::span(observations_).subspan(static_cast<size_t>(env) * size, size);
}

std::span<double> LockstepEnv::metrics(int env) {
  const size_t size = spec_.metrics.size();
  return std::span(metrics_).subspan(static_cast<size_t>(env) * size, size);
}

std::span<const double> LockstepEnv::action(int env) const {
  const auto size = static_cast<size_t>(spec_.action_width());
  return actions_.subspan(static_cast<size_t>(env) * size, size);
}

void LockstepEnv::CheckIndex(int env) const {
  FEWSTEP_CHECK(env >= 0 && env < num_envs(), "simulation {} of {}", env, num_envs());
  FEWSTEP_CHECK(tasks_[static_cast<size_t>(env)] != nullptr, "simulation {} has no task", env);
}

void LockstepEnv::SetTasks(std::span<const Task> tasks) {
  FEWSTEP_CHECK(tasks.size() == tasks_.size(), "{} tasks for {} simulations", tasks.size(),
                tasks_.size());
  // all are prepared before any is kept, so that a bad one changes nothing; equal neighbours share
  std::vector<std::shared_ptr<const PreparedTask>> prepared;
  prepared.reserve(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    prepared.push_back(i > 0 && tasks[i] == tasks[i - 1] ? prepared.back() : Prepare(tasks[i]));
  }
  tasks_ = std::move(prepared);
  for (size_t env = 0; env < tasks_.size(); ++env) {
    episodes_[env].started = false;
    changing_[env].Begin(tasks_[env]->task().values, Rng(0));
  }
  TasksChanged();
}

void LockstepEnv::Start(std::span<const int> ids, std::span<const EpisodeOrigin> origins,
                        std::span<float> observations) {
  const size_t size = static_cast<size_t>(spec_.observation_size);
  FEWSTEP_CHECK(origins.size() == ids.size(), "{} origins for {} simulations", origins.size(),
                ids.size());
  FEWSTEP_CHECK(observations.size() == ids.size() * size, "{} numbers for {} observations of {}",
                observations.size(), ids.size(), size);
  for (size_t i = 0; i < ids.size(); ++i) {
    CheckIndex(ids[i]);
    FEWSTEP_CHECK(i == 0 || ids[i - 1] < ids[i], "ids must be sorted and unique");
  }
  if (ids.empty()) return;

  for (size_t i = 0; i < ids.size(); ++i) {
    episodes_[static_cast<size_t>(ids[i])] =
        Episode{.origin = origins[i], .rng = origins[i].stream, .started = true};
    changing_task(ids[i]).Begin(task(ids[i]).task().values, origins[i]);
  }
  ResetSimulations(ids);

  for (size_t i = 0; i < ids.size(); ++i) {
    Episode& episode = episodes_[static_cast<size_t>(ids[i])];
    episode.ended = episode.outcome.diverged;
    const std::span<const double> row = observation(ids[i]);
    std::transform(row.begin(), row.end(), &observations[i * size],
                   [](double value) { return static_cast<float>(value); });
  }
}

void LockstepEnv::Step(std::span<const double> actions, StepBatch& out) {
  const size_t envs = episodes_.size();
  FEWSTEP_CHECK(actions.size() == envs * static_cast<size_t>(spec_.action_width()),
                "{} numbers for {} actions of {}", actions.size(), envs, spec_.action_width());
  FEWSTEP_CHECK(out.observations64.size() == observations_.size() &&
                    out.observations.size() == observations_.size() && out.rewards.size() == envs &&
                    out.dense_rewards.size() == (spec_.dense_reward.empty() ? 0 : envs) &&
                    out.terminated.size() == envs && out.truncated.size() == envs &&
                    out.diverged.size() == envs && out.metrics.size() == metrics_.size(),
                "the batch was not made by MakeStepBatch");

  // ended episodes stay where they are; an action that is not a number ends its episode
  actions_ = actions;
  running_.clear();
  std::fill(metrics_.begin(), metrics_.end(), 0.0);
  for (int env = 0; env < num_envs(); ++env) {
    Episode& episode = episodes_[static_cast<size_t>(env)];
    FEWSTEP_CHECK(episode.started, "simulation {} was not started", env);
    episode.outcome.reward = episode.outcome.dense_reward = 0;
    if (episode.ended) continue;
    if (AllFinite(action(env))) {
      running_.push_back(env);
    } else {
      episode.outcome.diverged = true;
      episode.ended = true;
    }
  }

  if (!running_.empty()) StepSimulations(running_);
  actions_ = {};

  // count the step and decide who goes on
  for (const int env : running_) {
    Episode& episode = episodes_[static_cast<size_t>(env)];
    const StepOutcome& result = episode.outcome;
    if (!result.diverged) ++episode.step;
    episode.truncated = !result.diverged && !result.terminated && episode.step >= spec_.horizon;
    episode.ended = result.diverged || result.terminated || episode.truncated;
  }

  // hand out
  std::copy(observations_.begin(), observations_.end(), out.observations64.begin());
  std::transform(observations_.begin(), observations_.end(), out.observations.begin(),
                 [](double value) { return static_cast<float>(value); });
  std::copy(metrics_.begin(), metrics_.end(), out.metrics.begin());
  for (size_t env = 0; env < envs; ++env) {
    const Episode& episode = episodes_[env];
    out.rewards[env] = episode.outcome.reward;
    if (!out.dense_rewards.empty()) out.dense_rewards[env] = episode.outcome.dense_reward;
    out.terminated[env] = episode.outcome.terminated;
    out.truncated[env] = episode.truncated;
    out.diverged[env] = episode.outcome.diverged;
  }
}

std::span<const double> LockstepEnv::PresentTask(int env) const {
  CheckIndex(env);
  return changing_[static_cast<size_t>(env)].values();
}

void LockstepEnv::GetState(int env, std::span<double> state) {
  CheckIndex(env);
  FEWSTEP_CHECK(state.size() == spec_.state.size(), "{} numbers for a state of {}", state.size(),
                spec_.state.size());
  ReadState(env, state);
}

void LockstepEnv::SetState(int env, std::span<const double> state) {
  CheckIndex(env);
  Episode& episode = episodes_[static_cast<size_t>(env)];
  FEWSTEP_CHECK(episode.started, "simulation {} was not started", env);
  if (state.size() != spec_.state.size() || !AllFinite(state)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("a state of '{}' is {} finite numbers", spec_.name, spec_.state.size()),
                {.remedy = fmt::format("They are {}", fmt::join(spec_.state, ", "))});
  }
  // an episode of its own, with a stream that does not depend on what was drawn before
  episode.rng = episode.origin.stream.Fork("state");
  changing_task(env).Begin(task(env).task().values, episode.origin);
  episode.step = 0;
  episode.truncated = false;
  episode.outcome = {};
  episode.push = {};
  WriteState(env, state);
  episode.ended = episode.outcome.diverged;
}

void LockstepEnv::Push(int env, int body, std::span<const double> wrench) {
  CheckIndex(env);
  fewstep::Push& push = episodes_[static_cast<size_t>(env)].push;
  FEWSTEP_CHECK(wrench.size() == push.wrench.size() && AllFinite(wrench),
                "a push is 6 finite numbers");
  push.body = body;
  std::ranges::copy(wrench, push.wrench.begin());
}

void LockstepEnv::ChangeTask(int env, std::span<const double> values) {
  CheckIndex(env);
  if (!spec_.change) {
    throw Error(ErrorKind::kUsage, fmt::format("tasks of '{}' do not change", spec_.name));
  }
  CheckTask(spec_, {spec_.name, {values.begin(), values.end()}});
  changing_task(env).Become(values);
  TaskChanged(env);
}

void LockstepEnv::Observe(int env, std::span<double> row) {
  CheckIndex(env);
  const std::span<const double> present = observation(env);
  FEWSTEP_CHECK(row.size() == present.size(), "{} numbers for an observation of {}", row.size(),
                present.size());
  std::copy(present.begin(), present.end(), row.begin());
}

}  // namespace fewstep

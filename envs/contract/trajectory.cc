#include "envs/contract/trajectory.h"

#include <cstring>
#include <numeric>
#include <span>
#include <utility>

namespace fewstep {

bool Trajectory::operator==(const Trajectory& other) const {
  const auto same = [](const auto& a, const auto& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0);
  };
  return same(first, other.first) && same(observations, other.observations) &&
         same(rewards, other.rewards) && same(dense_rewards, other.dense_rewards) &&
         same(metrics, other.metrics) && same(flags, other.flags);
}

std::vector<double> RandomActions(const FamilySpec& spec, int steps, int num_envs, uint64_t seed) {
  Rng rng(seed);
  std::vector<double> actions(static_cast<size_t>(steps * num_envs * spec.action_width()));
  for (double& action : actions) {
    if (spec.action_kind == ActionKind::kDiscrete) {
      action = static_cast<double>(rng.Below(static_cast<uint64_t>(spec.action_size)));
    } else {
      action = static_cast<float>(rng.Uniform(1.2 * spec.action_low, 1.2 * spec.action_high));
    }
  }
  return actions;
}

Trajectory Roll(VectorEnv& env, const Rng& rng, const std::vector<double>& actions) {
  std::vector<int> ids(static_cast<size_t>(env.num_envs()));
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<float> first(ids.size() * static_cast<size_t>(env.spec().observation_size));
  env.Reset(ids, rng, first);
  Trajectory trajectory = Continue(env, actions);
  trajectory.first = std::move(first);
  return trajectory;
}

Trajectory Continue(VectorEnv& env, const std::vector<double>& actions) {
  Trajectory trajectory;
  StepBatch batch = env.MakeStepBatch();
  const size_t row = static_cast<size_t>(env.num_envs() * env.spec().action_width());
  for (size_t start = 0; start < actions.size(); start += row) {
    env.Step(std::span(actions).subspan(start, row), batch);
    const auto append = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(trajectory.observations, batch.observations64);
    append(trajectory.rewards, batch.rewards);
    append(trajectory.dense_rewards, batch.dense_rewards);
    append(trajectory.metrics, batch.metrics);
    for (size_t i = 0; i < batch.rewards.size(); ++i) {
      trajectory.flags.push_back(batch.terminated[i]);
      trajectory.flags.push_back(batch.truncated[i]);
      trajectory.flags.push_back(batch.diverged[i]);
    }
  }
  return trajectory;
}

}  // namespace fewstep

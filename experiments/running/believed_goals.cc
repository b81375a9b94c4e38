#include "experiments/running/believed_goals.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace fewstep {

bool HasPlaces(const FamilySpec& spec) {
  return spec.control_dt == 0 && spec.drawing.position.size() == 2 && spec.drawing.goal.size() == 2;
}

std::vector<std::array<double, 2>> BelievedGoals(const Policy& policy, const torch::Tensor& row,
                                                 const torch::Tensor& memory,
                                                 const TaskFamily& family, const Task& task,
                                                 int count, const Rng& rng) {
  const torch::NoGradGuard no_grad;
  const FamilySpec& spec = family.spec();
  FEWSTEP_CHECK(HasPlaces(spec), "{}", spec.name);
  const auto num_envs = static_cast<size_t>(count);
  const auto env = family.MakeVectorEnv(count, 1);
  env->SetTasks(std::vector<Task>(num_envs, task));
  std::vector<int> ids(num_envs);
  std::iota(ids.begin(), ids.end(), 0);
  const auto observation_size = static_cast<size_t>(spec.observation_size);
  const auto width = static_cast<size_t>(spec.action_width());
  std::vector<float> observations(num_envs * observation_size);
  env->Reset(ids, rng, observations);

  torch::Tensor memories = memory.repeat({count, 1});
  std::vector<Rng> streams;
  for (size_t i = 0; i < num_envs; ++i) streams.push_back(rng.Fork("act", i));
  const auto actor = policy.MakeActor();
  const bool remembers = policy.memory_size() > 0;
  std::vector<float> action(width), previous(num_envs * width);
  std::vector<double> actions(num_envs * width);
  StepBatch batch = env->MakeStepBatch();
  for (int step = 0; step < spec.horizon; ++step) {
    for (size_t i = 0; i < num_envs; ++i) {
      actor->BeginTrial(
          row.const_data_ptr<float>(),
          remembers ? memories[static_cast<int64_t>(i)].mutable_data_ptr<float>() : nullptr);
      actor->Act({.observation = observations.data() + i * observation_size,
                  .previous_action = step > 0 ? previous.data() + i * width : nullptr,
                  .previous_reward = step > 0 ? static_cast<float>(batch.rewards[i]) : 0,
                  .previous_terminated = false,
                  .step = step},
                 streams[i], /*deterministic=*/true, action.data());
      std::ranges::copy(action, previous.begin() + static_cast<std::ptrdiff_t>(i * width));
      std::ranges::copy(action, actions.begin() + static_cast<std::ptrdiff_t>(i * width));
    }
    env->Step(actions, batch);
    observations = batch.observations;
  }

  std::array<size_t, 2> at{};
  for (size_t i = 0; i < 2; ++i) {
    at[i] = static_cast<size_t>(std::ranges::find(spec.state, spec.drawing.position[i]) -
                                spec.state.begin());
  }
  std::vector<std::array<double, 2>> goals;
  std::vector<double> state(spec.state.size());
  for (int i = 0; i < count; ++i) {
    env->GetState(i, state);
    goals.push_back({state[at[0]], state[at[1]]});
  }
  return goals;
}

}  // namespace fewstep

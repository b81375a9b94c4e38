#include "agents/replay.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

int64_t WidthOf(const FamilySpec& spec) {
  constexpr int kRewardAndTerminated = 2;
  return 2 * spec.observation_size + spec.action_width() + kRewardAndTerminated +
         (spec.dense_reward.empty() ? 0 : 1);
}

}  // namespace

double Replay::Bytes(const FamilySpec& spec, double tasks, double capacity) {
  return sizeof(float) * tasks * capacity * static_cast<double>(WidthOf(spec));
}

Replay::Replay(const FamilySpec& spec, int64_t tasks, int64_t capacity, const std::string& key)
    : observation_size_(spec.observation_size),
      action_width_(spec.action_width()),
      dense_(!spec.dense_reward.empty()),
      added_(static_cast<size_t>(tasks)) {
  FEWSTEP_CHECK(tasks > 0 && capacity > 0, "a replay of {} tasks with {} transitions", tasks,
                capacity);
  RequireMemory(Bytes(spec, static_cast<double>(tasks), static_cast<double>(capacity)), "a replay",
                key);
  rows_ = torch::zeros({capacity, tasks, WidthOf(spec)});
}

int64_t Replay::size(int64_t task) const {
  return std::min(added_[static_cast<size_t>(task)], capacity());
}

int64_t Replay::used() const {
  int64_t most = 0;
  for (int64_t task = 0; task < num_tasks(); ++task) most = std::max(most, size(task));
  return most;
}

void Replay::Clear(int64_t task) { added_[static_cast<size_t>(task)] = 0; }

void Replay::Add(int64_t task, const Rollouts& rollouts, int64_t row) {
  FEWSTEP_CHECK(task >= 0 && task < num_tasks(), "task {} of {}", task, num_tasks());
  FEWSTEP_CHECK(rollouts.dense_rewards.defined() == dense_, "rollouts of another family");
  const int64_t horizon = rollouts.horizon(), observation = observation_size_;
  const float* observations = rollouts.observations.const_data_ptr<float>();
  const float* actions = rollouts.actions.const_data_ptr<float>();
  const float* rewards = rollouts.rewards.const_data_ptr<float>();
  const float* dense = dense_ ? rollouts.dense_rewards.const_data_ptr<float>() : nullptr;
  const float* mask = rollouts.mask.const_data_ptr<float>();
  const float* finals = rollouts.final_observations.const_data_ptr<float>();
  const float* terminated = rollouts.terminated.const_data_ptr<float>();
  float* rows = rows_.mutable_data_ptr<float>();
  int64_t& added = added_[static_cast<size_t>(task)];
  for (int64_t item = row * rollouts.episodes(); item < (row + 1) * rollouts.episodes(); ++item) {
    for (int64_t step = 0; step < horizon && mask[item * horizon + step] != 0; ++step) {
      const int64_t at = item * horizon + step;
      const bool last = step + 1 == horizon || mask[at + 1] == 0;
      float* out = rows + (added++ % capacity() * num_tasks() + task) * width();
      out = std::copy_n(observations + at * observation, observation, out);
      out = std::copy_n(actions + at * action_width_, action_width_, out);
      *out++ = rewards[at];
      if (dense) *out++ = dense[at];
      out = std::copy_n(last ? finals + item * observation : observations + (at + 1) * observation,
                        observation, out);
      *out = last ? terminated[item] : 0.0f;
    }
  }
}

Transitions Replay::Sample(std::span<const int64_t> tasks, int64_t batch, const Rng& rng) const {
  const auto count = static_cast<int64_t>(tasks.size());
  torch::Tensor indices = torch::empty({count * batch}, torch::kInt64);
  int64_t* index = indices.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t task = tasks[static_cast<size_t>(i)];
    const int64_t available = size(task);
    FEWSTEP_CHECK(available > 0, "nothing was recorded of task {}", task);
    Rng stream = rng.Fork("task", static_cast<uint64_t>(i));
    for (int64_t b = 0; b < batch; ++b) {
      const auto slot = static_cast<int64_t>(stream.Below(static_cast<uint64_t>(available)));
      *index++ = slot * num_tasks() + task;
    }
  }
  const torch::Tensor gathered =
      rows_.view({-1, width()}).index_select(0, indices).view({count, batch, width()});
  int64_t column = 0;
  const auto columns = [&](int64_t size) {
    const torch::Tensor part = gathered.narrow(2, column, size);
    column += size;
    return part;
  };
  Transitions transitions;
  transitions.observations = columns(observation_size_);
  transitions.actions = columns(action_width_);
  transitions.rewards = columns(1).squeeze(2);
  transitions.dense_rewards = dense_ ? columns(1).squeeze(2) : transitions.rewards;
  transitions.next_observations = columns(observation_size_);
  transitions.terminated = columns(1).squeeze(2);
  return transitions;
}

void Replay::Save(CheckpointWriter checkpoint) const {
  // the slots in use are one block, which is written from where it is
  checkpoint.Store("rows", rows_.narrow(0, 0, used()));
  checkpoint.Store("added", torch::tensor(added_, torch::kInt64));
}

void Replay::Load(CheckpointReader checkpoint) {
  const torch::Tensor added = checkpoint.Load("added", torch::zeros({num_tasks()}, torch::kInt64));
  std::vector<int64_t> counts(added.const_data_ptr<int64_t>(),
                              added.const_data_ptr<int64_t>() + added.numel());
  int64_t most = 0;
  for (const int64_t count : counts) {
    if (count < 0) {
      throw Error(ErrorKind::kData, fmt::format("a replay of {} transitions", count),
                  {.key = "added"});
    }
    most = std::max(most, std::min(count, capacity()));
  }
  const torch::Tensor rows = checkpoint.Load("rows", torch::zeros({most, num_tasks(), width()}));
  rows_.narrow(0, 0, most).copy_(rows);
  added_ = std::move(counts);
}

}  // namespace fewstep

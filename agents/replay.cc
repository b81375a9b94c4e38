#include "agents/replay.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

int64_t WidthOf(const FamilySpec& spec) {
  constexpr int kRewardAndTerminated = 2;
  return 2 * spec.observation_size + spec.action_width() + kRewardAndTerminated +
         (spec.dense_reward.empty() ? 0 : 1);
}

[[noreturn]] void ThrowEmpty(int64_t task) {
  throw Error(ErrorKind::kRuntime, fmt::format("there is nothing to learn from of task {}", task),
              {.remedy = "Its simulations diverge at their first step, or episodes more than a "
                         "replay holds came after it"});
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

bool Replay::empty() const {
  return std::ranges::all_of(added_, [](int64_t added) { return added == 0; });
}

int64_t Replay::used() const {
  int64_t most = 0;
  for (int64_t task = 0; task < num_tasks(); ++task) most = std::max(most, size(task));
  return most;
}

std::vector<AddedEpisode> Replay::Add(int64_t task, const Rollouts& rollouts, int64_t row) {
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
  std::vector<AddedEpisode> episodes;
  for (int64_t item = row * rollouts.episodes(); item < (row + 1) * rollouts.episodes(); ++item) {
    episodes.push_back({added, added});
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
    episodes.back().end = added;
  }
  return episodes;
}

Transitions Replay::Gather(const std::vector<int64_t>& indices, int64_t tasks) const {
  const torch::Tensor gathered = rows_.view({-1, width()})
                                     .index_select(0, torch::tensor(indices, torch::kInt64))
                                     .view({tasks, -1, width()});
  int64_t column = 0;
  const auto columns = [&](int64_t size) {
    column += size;
    return gathered.narrow(2, column - size, size);
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

Transitions Replay::Sample(std::span<const int64_t> tasks, int64_t batch, const Rng& rng,
                           const ReplayEpisodes* part) const {
  std::vector<int64_t> indices;
  indices.reserve(tasks.size() * static_cast<size_t>(batch));
  for (size_t i = 0; i < tasks.size(); ++i) {
    const int64_t task = tasks[i], available = part ? part->transitions(task) : size(task);
    if (available == 0) ThrowEmpty(task);
    Rng stream = rng.Fork("task", i);
    for (int64_t b = 0; b < batch; ++b) {
      const auto drawn = static_cast<int64_t>(stream.Below(static_cast<uint64_t>(available)));
      indices.push_back(Index(task, part ? part->Number(task, drawn) : first(task) + drawn));
    }
  }
  return Gather(indices, static_cast<int64_t>(tasks.size()));
}

Transitions Replay::SampleFromSome(std::span<const int64_t> tasks,
                                   std::span<const int64_t> episodes, int64_t batch, const Rng& rng,
                                   const ReplayEpisodes& part) const {
  std::vector<int64_t> indices;
  indices.reserve(tasks.size() * static_cast<size_t>(batch));
  for (size_t i = 0; i < tasks.size(); ++i) {
    const int64_t task = tasks[i], available = part.count(task);
    if (available == 0) ThrowEmpty(task);
    Rng stream = rng.Fork("task", i);

    // which episodes: the first of a shuffle
    std::vector<int64_t> order(static_cast<size_t>(available));
    std::iota(order.begin(), order.end(), 0);
    std::vector<AddedEpisode> chosen;
    std::vector<int64_t> ends;  // of each, among all transitions of the chosen
    int64_t total = 0;
    for (size_t e = 0; e < static_cast<size_t>(std::min(episodes[i], available)); ++e) {
      std::swap(order[e], order[e + static_cast<size_t>(stream.Below(order.size() - e))]);
      chosen.push_back(part.Get(task, order[e]));
      ends.push_back(total += chosen.back().length());
    }
    for (int64_t b = 0; b < batch; ++b) {
      const auto drawn = static_cast<int64_t>(stream.Below(static_cast<uint64_t>(total)));
      const auto of = static_cast<size_t>(std::ranges::upper_bound(ends, drawn) - ends.begin());
      indices.push_back(Index(task, chosen[of].end - (ends[of] - drawn)));
    }
  }
  return Gather(indices, static_cast<int64_t>(tasks.size()));
}

Transitions TransitionsOf(const Rollouts& rollouts) {
  const int64_t tasks = rollouts.num_tasks(), episodes = rollouts.episodes(),
                horizon = rollouts.horizon();
  // the observation after each step: the next one, or the final one where there is none
  const torch::Tensor finals = rollouts.final_observations.unsqueeze(2);
  const torch::Tensor nothing = torch::zeros({tasks, episodes, 1});
  const torch::Tensor has_next =
      torch::cat({rollouts.mask.narrow(2, 1, horizon - 1), nothing}, 2).unsqueeze(3);
  const torch::Tensor shifted =
      torch::cat({rollouts.observations.narrow(2, 1, horizon - 1), finals}, 2);
  const torch::Tensor next = torch::where(has_next != 0, shifted, finals);
  const torch::Tensor last = rollouts.mask * (1 - has_next.squeeze(3));
  const auto flat = [&](const torch::Tensor& x) {
    return x.dim() == 4 ? x.reshape({tasks, episodes * horizon, -1})
                        : x.reshape({tasks, episodes * horizon});
  };
  return {.observations = flat(rollouts.observations),
          .actions = flat(rollouts.actions),
          .rewards = flat(rollouts.rewards),
          .dense_rewards =
              flat(rollouts.dense_rewards.defined() ? rollouts.dense_rewards : rollouts.rewards),
          .next_observations = flat(next),
          .terminated = flat(last * rollouts.terminated.unsqueeze(2))};
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
  checkpoint.LoadInto("rows", rows_.narrow(0, 0, most));
  added_ = std::move(counts);
}

ReplayEpisodes::ReplayEpisodes(const Replay& replay, int64_t capacity)
    : replay_(&replay),
      capacity_(capacity),
      episodes_(torch::zeros({replay.num_tasks(), capacity, 3}, torch::kInt64)),
      added_(static_cast<size_t>(replay.num_tasks())) {}

const int64_t* ReplayEpisodes::Slot(int64_t task, int64_t from_newest) const {
  const int64_t slot = (added_[static_cast<size_t>(task)] - from_newest) % capacity_;
  return episodes_.const_data_ptr<int64_t>() + (task * capacity_ + slot) * 3;
}

void ReplayEpisodes::Add(int64_t task, std::span<const AddedEpisode> episodes) {
  for (const AddedEpisode& episode : episodes) {
    if (episode.length() == 0) continue;
    int64_t& count = added_[static_cast<size_t>(task)];
    const int64_t before = count > 0 ? Slot(task, 1)[2] : 0;
    int64_t* out =
        episodes_.mutable_data_ptr<int64_t>() + (task * capacity_ + count++ % capacity_) * 3;
    out[0] = episode.first;
    out[1] = episode.end;
    out[2] = before + episode.length();
  }
}

void ReplayEpisodes::Clear(int64_t task) { added_[static_cast<size_t>(task)] = 0; }

int64_t ReplayEpisodes::held(int64_t task) const {
  return std::min(added_[static_cast<size_t>(task)], capacity_);
}

int64_t ReplayEpisodes::count(int64_t task) const {
  // numbers grow, so what the replay no longer has is oldest here too
  const int64_t first = replay_->first(task);
  int64_t low = 0, high = held(task);  // so many of the newest are there, at most so many
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (Slot(task, middle)[0] >= first) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

int64_t ReplayEpisodes::transitions(int64_t task) const {
  const int64_t episodes = count(task);
  if (episodes == 0) return 0;
  const int64_t* oldest = Slot(task, episodes);
  return Slot(task, 1)[2] - oldest[2] + oldest[1] - oldest[0];
}

AddedEpisode ReplayEpisodes::Get(int64_t task, int64_t index) const {
  const int64_t* episode = Slot(task, count(task) - index);
  return {episode[0], episode[1]};
}

int64_t ReplayEpisodes::Number(int64_t task, int64_t index) const {
  // the first episode whose sum exceeds what is before the transition
  const int64_t episodes = count(task);
  const int64_t* oldest = Slot(task, episodes);
  const int64_t target = oldest[2] - (oldest[1] - oldest[0]) + index;
  int64_t low = 0, high = episodes - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (Slot(task, episodes - middle)[2] > target) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  const int64_t* episode = Slot(task, episodes - low);
  return episode[1] - (episode[2] - target);
}

void ReplayEpisodes::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("episodes", episodes_);
  checkpoint.Store("counts", torch::tensor(added_, torch::kInt64));
}

ReplayEpisodes ReplayEpisodes::Loaded(CheckpointReader checkpoint) const {
  ReplayEpisodes loaded = *this;
  loaded.episodes_ = checkpoint.Load("episodes", episodes_);
  const torch::Tensor counts =
      checkpoint.Load("counts", torch::zeros({static_cast<int64_t>(added_.size())}, torch::kInt64));
  std::copy_n(counts.const_data_ptr<int64_t>(), counts.numel(), loaded.added_.begin());
  for (int64_t task = 0; task < counts.numel(); ++task) {
    const int64_t count = loaded.added_[static_cast<size_t>(task)];
    if (count < 0) {
      throw Error(ErrorKind::kData, fmt::format("{} episodes", count), {.key = "counts"});
    }
    // one after the other, none empty, and sums that are those of their lengths
    int64_t end = 0, sum = -1;
    for (int64_t i = loaded.held(task); i > 0; --i) {
      const int64_t* episode = loaded.Slot(task, i);
      const int64_t length = episode[1] - episode[0];
      if (episode[0] < end || length <= 0 || (sum >= 0 && episode[2] != sum + length)) {
        throw Error(ErrorKind::kData, fmt::format("episodes of task {} do not follow", task),
                    {.key = "episodes"});
      }
      end = episode[1];
      sum = episode[2];
    }
  }
  return loaded;
}

}  // namespace fewstep

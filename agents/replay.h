// What was sampled, kept for learners that learn from it again and again: the latest transitions of
// every task. All memory is taken when a replay is made. A transition is stored once, as one row of
// numbers, and a batch is gathered from those rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/checkpoint.h"
#include "agents/sampler.h"
#include "core/rng.h"

namespace fewstep {

// B transitions of each of T tasks, float32, on the CPU.
struct Transitions {
  torch::Tensor observations;       // [T, B, O]
  torch::Tensor actions;            // [T, B, A]
  torch::Tensor rewards;            // [T, B]
  torch::Tensor dense_rewards;      // [T, B] as rewards in families that have no second reward
  torch::Tensor next_observations;  // [T, B, O]
  torch::Tensor terminated;         // [T, B] 1 where it led to a terminal state

  int64_t num_tasks() const { return rewards.size(0); }
  int64_t batch_size() const { return rewards.size(1); }
};

// All steps of rollouts, [T, E * H]: those past an episode's end, where Rollouts::mask is 0, hold
// what means nothing.
Transitions TransitionsOf(const Rollouts& rollouts);

// An episode that was added to a task: its transitions by their numbers, [first, end) of all that
// the task ever had.
struct AddedEpisode {
  int64_t first = 0, end = 0;

  int64_t length() const { return end - first; }
};

class ReplayEpisodes;

// One caller at a time.
class Replay {
 public:
  // Room for the latest `capacity` transitions of each of `tasks` tasks of the family. Throws
  // Error(kUsage), with `key` as what to make smaller, when that is more than there is.
  Replay(const FamilySpec& spec, int64_t tasks, int64_t capacity, const std::string& key);

  // Of a replay, in bytes.
  static double Bytes(const FamilySpec& spec, double tasks, double capacity);

  // Appends every recorded step of row `row` of the rollouts to task `task`, episode by episode;
  // what is oldest makes room.
  std::vector<AddedEpisode> Add(int64_t task, const Rollouts& rollouts, int64_t row);

  int64_t num_tasks() const { return static_cast<int64_t>(added_.size()); }
  int64_t capacity() const { return rows_.size(0); }
  bool empty() const;  // of all tasks
  // Transitions that task `task` has now, and the number of the first of them.
  int64_t size(int64_t task) const;
  int64_t first(int64_t task) const { return added_[static_cast<size_t>(task)] - size(task); }

  // `batch` transitions of each of `tasks`, each drawn uniformly from what the task has, or from
  // the episodes that `part` has of it, with replacement; those at position i of `tasks` from the
  // stream rng.Fork("task", i). Throws Error(kRuntime) when there is nothing of a task.
  Transitions Sample(std::span<const int64_t> tasks, int64_t batch, const Rng& rng,
                     const ReplayEpisodes* part = nullptr) const;

  // The same from `episodes` of the episodes that `part` has of each task, drawn uniformly, each at
  // most once; all of them where there are fewer.
  Transitions SampleFromSome(std::span<const int64_t> tasks, std::span<const int64_t> episodes,
                             int64_t batch, const Rng& rng, const ReplayEpisodes& part) const;

  // Everything, as "rows" and "added". Load throws Error(kData) when it is of another family, size
  // or number of tasks; the replay is then as before.
  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);

 private:
  int64_t width() const { return rows_.size(2); }
  // Of transition `number` of a task, among all rows.
  int64_t Index(int64_t task, int64_t number) const {
    return number % capacity() * num_tasks() + task;
  }
  // The rows with these indices, as many of each of `tasks` tasks.
  Transitions Gather(const std::vector<int64_t>& indices, int64_t tasks) const;
  // How many slots hold anything, in the task that has most.
  int64_t used() const;

  int64_t observation_size_, action_width_;
  bool dense_;
  // A slot of every task, one behind the other, so that the slots in use are one block:
  // observation, action, reward, dense reward if there is one, next observation, terminated.
  torch::Tensor rows_;          // [capacity, tasks, width]
  std::vector<int64_t> added_;  // [tasks] since the beginning
};

// Episodes of every task that a replay has, by the numbers of their transitions: nothing is stored
// twice. The latest `capacity` of those that were added, as long as the replay has them whole.
class ReplayEpisodes {
 public:
  // The replay must outlive it.
  ReplayEpisodes(const Replay& replay, int64_t capacity);

  void Add(int64_t task, std::span<const AddedEpisode> episodes);
  void Clear(int64_t task);

  int64_t count(int64_t task) const;        // of episodes
  int64_t transitions(int64_t task) const;  // in them
  // Episode `index` of count(task), oldest first.
  AddedEpisode Get(int64_t task, int64_t index) const;
  // The number of transition `index` of transitions(task).
  int64_t Number(int64_t task, int64_t index) const;

  // As "episodes" and "counts". Loaded throws Error(kData).
  void Save(CheckpointWriter checkpoint) const;
  ReplayEpisodes Loaded(CheckpointReader checkpoint) const;

 private:
  int64_t held(int64_t task) const;  // in the ring, whether or not the replay still has them
  const int64_t* Slot(int64_t task, int64_t from_newest) const;  // 1: the newest

  const Replay* replay_;
  int64_t capacity_;
  // A ring each: an episode's first and end, and the transitions of all up to it since the ring was
  // cleared, itself included.
  torch::Tensor episodes_;      // [tasks, capacity, 3] int64
  std::vector<int64_t> added_;  // [tasks] since it was cleared
};

}  // namespace fewstep

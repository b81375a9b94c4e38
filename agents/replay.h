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

// Transitions that were added to a task, by their numbers: [first, end) of all that it ever had.
struct AddedTransitions {
  int64_t first = 0, end = 0;
};

class ReplayPart;

// One caller at a time.
class Replay {
 public:
  // Room for the latest `capacity` transitions of each of `tasks` tasks of the family. Throws
  // Error(kRuntime), with `key` as what to make smaller, when that is more than there is.
  Replay(const FamilySpec& spec, int64_t tasks, int64_t capacity, const std::string& key);

  // Of a replay, in bytes.
  static double Bytes(const FamilySpec& spec, double tasks, double capacity);

  // Appends every recorded step of row `row` of the rollouts to task `task`, episode by episode;
  // what is oldest makes room.
  AddedTransitions Add(int64_t task, const Rollouts& rollouts, int64_t row);

  int64_t num_tasks() const { return static_cast<int64_t>(added_.size()); }
  int64_t capacity() const { return rows_.size(0); }
  // Transitions that task `task` has now, and the number of the first of them.
  int64_t size(int64_t task) const;
  int64_t first(int64_t task) const { return added_[static_cast<size_t>(task)] - size(task); }

  // `batch` transitions of each of `tasks`, each drawn uniformly from what the task has, or from
  // what `part` has of it, with replacement; those at position i of `tasks` from the stream
  // rng.Fork("task", i). None of the tasks may be empty.
  Transitions Sample(std::span<const int64_t> tasks, int64_t batch, const Rng& rng,
                     const ReplayPart* part = nullptr) const;

  // Everything, as "rows" and "added". Load throws Error(kData) when it is of another family, size
  // or number of tasks; the replay is then as before.
  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);

 private:
  int64_t width() const { return rows_.size(2); }
  // How many slots hold anything, in the task that has most.
  int64_t used() const;

  int64_t observation_size_, action_width_;
  bool dense_;
  // A slot of every task, one behind the other, so that the slots in use are one block:
  // observation, action, reward, dense reward if there is one, next observation, terminated.
  torch::Tensor rows_;          // [capacity, tasks, width]
  std::vector<int64_t> added_;  // [tasks] since the beginning
};

// Some of what a replay has of every task, by number: nothing is stored twice. The latest
// `capacity` of those that were added, as long as the replay has them.
class ReplayPart {
 public:
  // The replay must outlive it.
  ReplayPart(const Replay& replay, int64_t capacity);

  void Add(int64_t task, const AddedTransitions& added);
  void Clear(int64_t task);
  int64_t size(int64_t task) const;
  // The number of transition `index` of size(task), oldest first.
  int64_t Number(int64_t task, int64_t index) const;

  // As "numbers" and "counts". Loaded throws Error(kData).
  void Save(CheckpointWriter checkpoint) const;
  ReplayPart Loaded(CheckpointReader checkpoint) const;

 private:
  int64_t held(int64_t task) const;  // in the ring, whether or not the replay still has them

  const Replay* replay_;
  int64_t capacity_;
  torch::Tensor numbers_;       // [tasks, capacity] int64, a ring each
  std::vector<int64_t> added_;  // [tasks] since it was cleared
};

}  // namespace fewstep

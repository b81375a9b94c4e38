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

// B transitions of each of T tasks; views of one gathered tensor, float32, on the CPU.
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
  void Add(int64_t task, const Rollouts& rollouts, int64_t row);
  // Forgets what task `task` has.
  void Clear(int64_t task);

  int64_t num_tasks() const { return static_cast<int64_t>(added_.size()); }
  int64_t capacity() const { return rows_.size(0); }
  // Transitions that task `task` has now.
  int64_t size(int64_t task) const;

  // `batch` transitions of each of `tasks`, each drawn uniformly from what the task has, with
  // replacement; those at position i of `tasks` from the stream rng.Fork("task", i). None of the
  // tasks may be empty.
  Transitions Sample(std::span<const int64_t> tasks, int64_t batch, const Rng& rng) const;

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
  std::vector<int64_t> added_;  // [tasks] since the beginning, or since it was cleared
};

}  // namespace fewstep

// A controller at play in one simulation: steps, episodes, tasks and their returns, without a
// window.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "envs/controller.h"
#include "envs/task_family.h"

namespace fewstep {

// Owned by one thread. `family` and `controller` must outlive it.
class Playback {
 public:
  // Begins the first of `tasks` (not empty). Episode n draws its reset and dynamics from
  // rng.Fork("episode", n). Throws Error(kUsage) on a task of another family or out of range, and
  // whatever the controller's BeginTask throws.
  Playback(const TaskFamily& family, Controller& controller, std::vector<Task> tasks,
           const Rng& rng);

  // One control step. When the episode has ended, begins the next one instead.
  void Step();
  void BeginEpisode();
  void NextTask();  // the one after the last task is the first
  // A new episode as after `units` of adaptation; nothing happens when they are not available.
  void Show(int units);

  const FamilySpec& spec() const { return env_->spec(); }
  const Task& task() const { return tasks_[task_]; }
  // Its numbers as they are now: others where tasks change.
  std::span<const double> present_task() const { return env_->PresentTask(0); }
  AdaptationStatus status() const { return controller_.status(); }
  int steps() const { return steps_; }  // of the present episode
  double episode_return() const { return return_; }
  bool ended() const { return ended_; }
  bool diverged() const { return diverged_; }
  // [available + 1] return of the latest whole episode at each unit on this task.
  const std::vector<std::optional<double>>& last_returns() const { return last_returns_; }
  // [steps + 1, S] the states of the present episode, the present one last.
  const std::vector<double>& visited() const { return visited_; }

  // Seconds a control step takes when played in real time; 1/20 for families without a clock.
  double step_seconds() const;
  // Valid until the next call that is not const; null without physics.
  PhysicsView physics() { return env_->physics(0); }

 private:
  void BeginTask();
  void RecordState();

  Controller& controller_;
  std::vector<Task> tasks_;
  Rng rng_;
  std::unique_ptr<VectorEnv> env_;
  StepBatch batch_;
  size_t task_ = 0;
  uint64_t episode_ = 0;
  std::vector<float> observation_, action_;
  std::vector<double> action64_;
  std::vector<double> visited_;
  std::vector<std::optional<double>> last_returns_;
  int steps_ = 0;
  double return_ = 0;
  bool ended_ = false, diverged_ = false;
};

}  // namespace fewstep

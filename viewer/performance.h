// An episode as it is played: a performer in a simulation, and everything that has happened so far.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "envs/adaptation.h"
#include "envs/task_family.h"

namespace fewstep {

// Owned by one thread. `family` must outlive it. Before the first Begin nothing else may be called.
class Performance {
 public:
  // Throws Error(kUsage) on what is no task of the family.
  Performance(const TaskFamily& family, std::unique_ptr<Performer> performer, const Task& task);

  // A new episode, which draws its randomness from `stream`.
  void Begin(const Rng& stream);
  // One control step; nothing once the episode has ended.
  void Step();

  // As those of VectorEnv; from the next step on.
  void Push(int body, std::span<const double> wrench);
  void ChangeTask(std::span<const double> task);

  const TaskFamily& family() const { return family_; }
  const FamilySpec& spec() const { return family_.spec(); }
  int length() const { return static_cast<int>(rewards_.size()) - 1; }  // steps taken
  bool ended() const { return ended_; }
  bool diverged() const { return diverged_; }
  // Seconds a control step takes in real time; 0 for families without a clock.
  double step_seconds() const { return spec().control_dt; }

  // What it was like after `step` of them, from 0 to length(). Valid until the next step.
  std::span<const double> state(int step) const { return Row(states_, step); }     // [S]
  std::span<const double> task(int step) const { return Row(tasks_, step); }       // [P]
  std::span<const double> physics(int step) const { return Row(physics_, step); }  // see below
  std::span<const double> action(int step) const { return Row(actions_, step); }   // [A]
  std::span<const double> observation(int step) const { return Row(observations_, step); }  // [O]
  // Over time, [length + 1]: the reward of the step that led there (not a number at the start),
  // their sum, and metric m (as the reward).
  std::span<const double> rewards() const { return rewards_.values; }
  std::span<const double> returns() const { return returns_.values; }
  std::span<const double> metric(size_t m) const { return metrics_[m].values; }

 private:
  // `width` numbers a step.
  struct Rows {
    size_t width = 1;
    std::vector<double> values;
    size_t size() const { return width == 0 ? 0 : values.size() / width; }
  };
  static std::span<const double> Row(const Rows& rows, int step) {
    return std::span(rows.values).subspan(static_cast<size_t>(step) * rows.width, rows.width);
  }
  void Record();

  const TaskFamily& family_;
  std::unique_ptr<Performer> performer_;
  std::unique_ptr<VectorEnv> env_;
  StepBatch batch_;
  std::vector<float> observation_, action_;
  std::vector<double> action64_;
  bool ended_ = false, diverged_ = false;
  Rows states_, tasks_, actions_, observations_, rewards_, returns_;
  Rows physics_;  // mjSTATE_INTEGRATION; empty without physics
  std::vector<Rows> metrics_;
};

}  // namespace fewstep

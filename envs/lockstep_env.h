// What every VectorEnv shares: episode counters, flags, streams and the present observations. A
// kind of simulation supplies the few virtual functions at the end.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "envs/changing_task.h"
#include "envs/task_family.h"
#include "envs/task_law.h"

namespace fewstep {

// One control step of one simulation.
struct StepOutcome {
  double reward = 0;
  bool terminated = false;
  bool diverged = false;  // the step failed, or gave a number that is not finite
  double dense_reward = 0;
};

// VectorEnv::Push.
struct Push {
  int body = 0;  // 0: the world, which nothing moves
  std::array<double, 6> wrench = {};
};

// True when every one of the numbers is finite.
bool AllFinite(std::span<const double> values) noexcept;

class LockstepEnv : public VectorEnv {
 public:
  int num_envs() const final { return static_cast<int>(episodes_.size()); }
  const FamilySpec& spec() const final { return spec_; }

  void SetTasks(std::span<const Task> tasks) final;
  void Start(std::span<const int> ids, std::span<const EpisodeOrigin> origins,
             std::span<float> observations) final;
  void Step(std::span<const double> actions, StepBatch& out) final;
  std::span<const double> PresentTask(int env) const final;
  void GetState(int env, std::span<double> state) final;
  void SetState(int env, std::span<const double> state) final;
  void Observe(int env, std::span<double> observation) final;
  void Push(int env, int body, std::span<const double> wrench) final;
  void ChangeTask(int env, std::span<const double> task) final;

 protected:
  // Throws Error(kUsage) when num_envs is not positive.
  LockstepEnv(const FamilySpec& spec, const TaskLaw& law, int num_envs);

  // Simulation i, as its kind sees it. `task` is the one it was given, `changing_task` that one as
  // it has changed since; `observation` is its row of the present observations.
  const PreparedTask& task(int env) const { return *tasks_[static_cast<size_t>(env)]; }
  ChangingTask& changing_task(int env) { return changing_[static_cast<size_t>(env)]; }
  int step(int env) const { return episodes_[static_cast<size_t>(env)].step; }
  Rng& rng(int env) { return episodes_[static_cast<size_t>(env)].rng; }
  std::span<double> observation(int env);
  std::span<double> metrics(int env);
  std::span<const double> action(int env) const;
  const fewstep::Push& push(int env) const { return episodes_[static_cast<size_t>(env)].push; }
  StepOutcome& outcome(int env) { return episodes_[static_cast<size_t>(env)].outcome; }
  void CheckIndex(int env) const;

  // Each works on simulations `ids` (sorted, unique, not empty). ResetSimulations writes
  // observations and may set outcome().diverged; StepSimulations writes outcomes and, unless the
  // simulation diverged, observations and metrics; it allocates nothing, and puts a simulation that
  // diverged back to where it was before the step. After a step that does not end the episode it
  // moves changing_task to the next step, of which the observation is.
  virtual std::shared_ptr<const PreparedTask> Prepare(const Task& task) const = 0;
  virtual void TasksChanged() = 0;
  virtual void ResetSimulations(std::span<const int> ids) = 0;
  virtual void StepSimulations(std::span<const int> ids) = 0;
  virtual void ReadState(int env, std::span<double> state) = 0;
  // Writes the observation; sets outcome().diverged when the state cannot be simulated.
  virtual void WriteState(int env, std::span<const double> state) = 0;
  // changing_task is another one than before: brings simulation and observation up to date.
  virtual void TaskChanged(int env) = 0;

 private:
  struct Episode {
    EpisodeOrigin origin{Rng(0)};  // of the latest start
    Rng rng{0};                    // its stream, as far as it was drawn
    int step = 0;
    bool started = false;  // since its task was set
    bool ended = false;
    bool truncated = false;
    StepOutcome outcome{};
    fewstep::Push push{};
  };

  FamilySpec spec_;
  TaskLaw law_;
  std::vector<std::shared_ptr<const PreparedTask>> tasks_;
  std::vector<ChangingTask> changing_;  // refer to spec_ and law_
  std::vector<Episode> episodes_;
  std::vector<double> observations_;  // [B, O]
  std::vector<double> metrics_;       // [B, M]
  std::span<const double> actions_;   // [B, A], during Step
  std::vector<int> running_;          // scratch of Step
};

}  // namespace fewstep

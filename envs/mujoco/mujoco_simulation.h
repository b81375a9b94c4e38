// The inside of MuJoCo families: models, prepared tasks, and one control step.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "envs/changing_task.h"
#include "envs/lockstep_env.h"
#include "envs/mujoco/mujoco_family.h"
#include "envs/mujoco/mujoco_model.h"

namespace fewstep {

// What a family, its tasks, its runners and its environments share. Immutable after construction
// but for the workshop, which a mutex guards.
class MujocoCore {
 public:
  explicit MujocoCore(MujocoDefinition definition);

  const MujocoDefinition& definition() const { return definition_; }
  const mjModel* nominal() const { return nominal_.get(); }  // without textures: for simulation
  const mjModel* display() const { return display_.get(); }  // with textures: for drawing

  // Whether the model changes while a simulation runs: each then needs one of its own.
  bool edits_while_running() const { return definition_.apply_task && definition_.spec.change; }

  // Edits `model` for the task. `data` is scratch. Errors of MuJoCo leave it by longjmp.
  void Edit(mjModel* model, const double* task, mjData* data) const noexcept;

  // A copy of `model` edited for the task. Throws Error(kUsage) when the task makes a model that
  // MuJoCo refuses.
  ModelPtr ModelFor(const mjModel* model, const Task& task) const;

 private:
  ModelPtr Compile(Textures textures) const;

  MujocoDefinition definition_;
  ModelPtr nominal_, display_;
  BatchPtr workshop_;  // one simulation, in which errors of apply_task and mj_setConst are trapped
  mutable std::mutex workshop_mutex_;
};

// A task with its model: its own, or the nominal one.
class MujocoTask final : public PreparedTask {
 public:
  MujocoTask(std::shared_ptr<const MujocoCore> core, Task task);
  const mjModel* model() const { return model_; }

 private:
  std::shared_ptr<const MujocoCore> core_;  // keeps the nominal model alive
  ModelPtr own_;
  const mjModel* model_;
};

// How a simulation's task changes, and with it the simulation's own model where there is one.
struct Change {
  const MujocoCore& core;
  ChangingTask& task;
  mjModel* own_model;  // null: tasks do not edit the model
  double* state;       // scratch, [mj_stateSize(model, mjSTATE_INTEGRATION)]
};

// Starts an episode: defaults, the definition's reset, mj_forward, observation.
void StartEpisode(const MujocoDefinition& definition, const Simulation& simulation, Rng& rng,
                  double* observation) noexcept;

// Puts the simulation into a state of FamilySpec::state with everything else at its default, so
// that what follows depends on the state and the actions alone.
void StartAt(const MujocoDefinition& definition, const Simulation& simulation, const double* state,
             double* observation) noexcept;

// Whether the derived quantities in mjData belong to its present state, because StartEpisode or
// refresh_after_step has just computed them, or may be of another one.
enum class Derived { kStale, kCurrent };

// The model with textures of a task, or the nominal one; it keeps `core` alive.
std::shared_ptr<const mjModel> MakeDisplayModel(std::shared_ptr<const MujocoCore> core,
                                                const Task* task);

// One control step, after which step `next_step` of the episode follows; both values of `derived`
// give the same bits. When the outcome is diverged, the simulation is left as it broke, and
// observation and metrics hold nothing of use. `push` joins what the definition applies.
StepOutcome Advance(const MujocoDefinition& definition, const Simulation& simulation,
                    const double* action, Derived derived, const Change& change, int next_step,
                    std::span<double> observation, double* metrics, const Push& push = {}) noexcept;

// What is observed after the task has changed by hand: the model follows, the state stays.
void ApplyChange(const MujocoDefinition& definition, const Simulation& simulation,
                 const Change& change, double* observation) noexcept;

// False when the state is not finite or MuJoCo found a bad number in it since the last reset.
bool IsSound(const mjModel* model, const mjData* data) noexcept;

std::unique_ptr<EpisodeRunner> MakeMujocoRunner(std::shared_ptr<const MujocoCore> core);
std::unique_ptr<VectorEnv> MakeMujocoVectorEnv(std::shared_ptr<const MujocoCore> core, int num_envs,
                                               int num_threads);

}  // namespace fewstep

// Task families simulated by MuJoCo. An author writes a MujocoDefinition: texts, an MJCF model and
// a few plain functions; sampling of tasks, whole-episode runners and lockstep simulation on
// MuJoCo's own batch engine (mujoco/mjbatch.h) are supplied here.
//
// The functions run on any thread, one simulation at a time. They are noexcept and hold no object
// with a destructor across a call into MuJoCo: an error raised there leaves them by longjmp.
#pragma once

#include <memory>
#include <string>

#include <mujoco/mujoco.h>

#include "envs/mujoco/mujoco_model.h"
#include "envs/task_family.h"
#include "envs/task_law.h"

namespace fewstep {

// What the functions of a definition see.
struct Simulation {
  static constexpr int kMemory = 32;

  const mjModel* model;
  mjData* data;
  double control_dt;    // seconds a control step: FamilySpec::control_dt
  const double* task;   // the task's present values, in the order of FamilySpec::parameters
  const void* context;  // MujocoDefinition::context
  double* memory;  // [kMemory] carried from before_step to after_physics, reward and terminated
                   // of the same step
};

struct MujocoDefinition {
  FamilySpec spec;  // state: names of qpos, then qvel, then act
  TaskLaw law;
  std::string mjcf;
  ModelFiles files;    // what the MJCF includes: models, meshes, textures
  int frame_skip = 1;  // mj_step calls a control step
  // Position and velocity quantities (xpos, subtree_com, cvel, sensors of them) are brought up to
  // date after a step. Whole episodes continue from them with mj_step2, so this costs them nothing.
  bool refresh_after_step = false;
  std::shared_ptr<const void> context;
  std::string settings;  // enters the definition's hash: what neither spec nor MJCF tells

  // Once, on the compiled nominal model; `data` is scratch for mj_setConst. Optional.
  void (*configure_model)(mjModel* model, mjData* data, const void* context) noexcept = nullptr;
  // Writes into `model`, a copy of the nominal one or what an earlier task made of it, every field
  // that tasks of this family change, from the nominal values; RefreshConstants follows. Null:
  // tasks leave the model untouched and share the nominal one.
  void (*apply_task)(const mjModel* nominal, mjModel* model, const double* task,
                     const void* context) noexcept = nullptr;
  // Changes qpos and qvel from the model's defaults; mj_forward follows.
  void (*reset)(const Simulation&, Rng&) noexcept = nullptr;
  // Writes ctrl, and at most the applied forces, from action_size finite numbers (one index when
  // discrete).
  void (*control)(const Simulation&, const double* action) noexcept = nullptr;
  // Notes in memory what the reward needs of the state before the step, with its derived quantities
  // where refresh_after_step. Optional.
  void (*before_step)(const Simulation&) noexcept = nullptr;
  // Notes in memory what must be read before refresh_after_step loses it: contact forces. Optional.
  void (*after_physics)(const Simulation&) noexcept = nullptr;
  // The reward of the step just taken; writes the metrics [M].
  double (*reward)(const Simulation&, double* metrics) noexcept = nullptr;
  // Optional: never terminal.
  bool (*terminated)(const Simulation&) noexcept = nullptr;
  // Writes the observation, FamilySpec::plain_observation_size numbers. Derived quantities are as
  // mj_step left them, that is of the state before the last substep, unless refresh_after_step;
  // after a reset they are current.
  void (*observe)(const Simulation&, double* observation) noexcept = nullptr;
};

// Throws Error(kPlugin) on a definition that makes no sense, Error(kData) when the model does not
// compile, Error(kRuntime) on a wrong MuJoCo library. The definition's hash is over its spec
// and MJCF; or over `hashed`, a text that says all of the definition.
std::unique_ptr<TaskFamily> MakeMujocoFamily(MujocoDefinition definition,
                                             const FamilyOptions& options,
                                             std::string_view hashed = {});

}  // namespace fewstep

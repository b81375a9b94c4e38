#include "envs/mujoco/mujoco_simulation.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "envs/definition_check.h"
#include "envs/observed_task.h"

namespace fewstep {
namespace {

// Argument of EditModel.
struct EditCall {
  const MujocoCore* core;
  mjModel* model;
  const double* task;
};

// mjb_apply function, with data as scratch.
void EditModel(const mjModel*, mjData* data, int, void* argument) {
  const EditCall& call = *static_cast<const EditCall*>(argument);
  call.core->Edit(call.model, call.task, data);
}

// The whole observation [O].
void Observe(const MujocoDefinition& definition, const Simulation& simulation,
             double* observation) noexcept {
  definition.observe(simulation, observation);
  AppendTask(definition.spec, simulation.task, observation);
}

// The simulation's own model as the present task wants it, in the same state.
void EditInPlace(const Simulation& simulation, const Change& change) noexcept {
  if (!change.own_model) return;
  const mjModel* model = simulation.model;
  mj_getState(model, simulation.data, change.state, mjSTATE_INTEGRATION);
  change.core.Edit(change.own_model, simulation.task, simulation.data);
  mj_setState(model, simulation.data, change.state, mjSTATE_INTEGRATION);
  mj_step1(model, simulation.data);
}

}  // namespace

MujocoCore::MujocoCore(MujocoDefinition definition) : definition_(std::move(definition)) {
  const MujocoDefinition& d = definition_;
  CheckDefinition(d.spec);
  const auto require = [&](bool condition, std::string_view what) {
    if (!condition) RejectDefinition(d.spec, what);
  };
  require(d.reset != nullptr, "it has no reset function");
  require(d.control != nullptr, "it has no control function");
  require(d.reward != nullptr, "it has no reward function");
  require(d.observe != nullptr, "it has no observe function");
  require(d.frame_skip > 0, "frame_skip is not positive");
  nominal_ = Compile(Textures::kDrop);
  display_ = Compile(Textures::kKeep);
  const size_t state_size = static_cast<size_t>(nominal_->nq + nominal_->nv + nominal_->na);
  require(d.spec.state.size() == state_size,
          fmt::format("state names {} numbers, and the model has {} (qpos, qvel, act)",
                      d.spec.state.size(), state_size));
  if (d.apply_task) workshop_ = MakeBatch(nominal_.get(), 1, 1);
}

ModelPtr MujocoCore::Compile(Textures textures) const {
  ModelPtr model =
      CompileModel(definition_.mjcf, definition_.files, definition_.spec.name, textures);
  if (definition_.configure_model) {
    definition_.configure_model(model.get(), MakeData(model.get()).get(),
                                definition_.context.get());
  }
  // a diverged simulation must be seen, not silently put back to its initial state
  model->opt.disableflags |= mjDSBL_AUTORESET;
  return model;
}

void MujocoCore::Edit(mjModel* model, const double* task, mjData* data) const noexcept {
  definition_.apply_task(nominal_.get(), model, task, definition_.context.get());
  RefreshConstants(nominal_.get(), model, data);
}

ModelPtr MujocoCore::ModelFor(const mjModel* model, const Task& task) const {
  ModelPtr edited = CopyModel(model);
  EditCall call{this, edited.get(), task.values.data()};
  const std::lock_guard lock(workshop_mutex_);
  if (mjb_apply(workshop_.get(), nullptr, 0, EditModel, &call, 0) != 0) {
    throw Error(ErrorKind::kUsage,
                fmt::format("no simulation is possible for the task {} of '{}': {}",
                            ToString(definition_.spec, task), definition_.spec.name,
                            mjb_error(workshop_.get(), 0)));
  }
  return edited;
}

MujocoTask::MujocoTask(std::shared_ptr<const MujocoCore> core, Task task)
    : PreparedTask(std::move(task)), core_(std::move(core)), model_(core_->nominal()) {
  CheckTask(core_->definition().spec, this->task());
  if (core_->definition().apply_task) {
    own_ = core_->ModelFor(core_->nominal(), this->task());
    model_ = own_.get();
  }
}

std::shared_ptr<const mjModel> MakeDisplayModel(std::shared_ptr<const MujocoCore> core,
                                                const Task* task) {
  if (task) CheckTask(core->definition().spec, *task);
  if (!task || !core->definition().apply_task) return {core, core->display()};
  return core->ModelFor(core->display(), *task);
}

void StartEpisode(const MujocoDefinition& definition, const Simulation& simulation, Rng& rng,
                  double* observation) noexcept {
  mj_resetData(simulation.model, simulation.data);
  definition.reset(simulation, rng);
  mj_forward(simulation.model, simulation.data);
  Observe(definition, simulation, observation);
}

void StartAt(const MujocoDefinition& definition, const Simulation& simulation, const double* state,
             double* observation) noexcept {
  const mjModel* model = simulation.model;
  mjData* data = simulation.data;
  mj_resetData(model, data);
  mju_copy(data->qpos, state, static_cast<int>(model->nq));
  mju_copy(data->qvel, state + model->nq, static_cast<int>(model->nv));
  mju_copy(data->act, state + model->nq + model->nv, static_cast<int>(model->na));
  mj_forward(model, data);
  Observe(definition, simulation, observation);
}

void ApplyChange(const MujocoDefinition& definition, const Simulation& simulation,
                 const Change& change, double* observation) noexcept {
  EditInPlace(simulation, change);
  Observe(definition, simulation, observation);
}

StepOutcome Advance(const MujocoDefinition& definition, const Simulation& simulation,
                    const double* action, Derived derived, const Change& change, int next_step,
                    std::span<double> observation, double* metrics, const Push& push) noexcept {
  const mjModel* model = simulation.model;
  mjData* data = simulation.data;
  if (definition.before_step) {
    // what it may read of derived quantities must be of this state
    if (derived == Derived::kStale && definition.refresh_after_step) {
      mj_step1(model, data);
      derived = Derived::kCurrent;
    }
    definition.before_step(simulation);
  }
  definition.control(simulation, action);
  mjtNum* applied = data->xfrc_applied + 6 * push.body;
  mjtNum without[6];
  if (push.body > 0) {
    mju_copy(without, applied, 6);
    mju_addTo(applied, push.wrench.data(), 6);
  }

  // mj_step is mj_step1, quantities derived from positions and velocities, then mj_step2. Where
  // they are current mj_step1 is left out; not with Runge-Kutta, whose steps cannot be split.
  int substep = 0;
  if (derived == Derived::kCurrent && definition.refresh_after_step &&
      model->opt.integrator != mjINT_RK4) {
    mj_step2(model, data);
    ++substep;
  }
  for (; substep < definition.frame_skip; ++substep) mj_step(model, data);
  if (push.body > 0) mju_copy(applied, without, 6);
  if (definition.after_physics) definition.after_physics(simulation);
  if (definition.refresh_after_step) mj_step1(model, data);
  if (!IsSound(model, data)) return {.diverged = true};

  StepOutcome outcome;
  outcome.reward = definition.reward(simulation, metrics);
  outcome.terminated = definition.terminated && definition.terminated(simulation);

  // what is observed next is of the next task, in its model
  if (!outcome.terminated && change.task.MoveTo(next_step)) EditInPlace(simulation, change);
  Observe(definition, simulation, observation.data());
  outcome.diverged = !std::isfinite(outcome.reward) || !AllFinite(observation);
  return outcome;
}

bool IsSound(const mjModel* model, const mjData* data) noexcept {
  for (const int warning : {mjWARN_BADQPOS, mjWARN_BADQVEL, mjWARN_BADQACC}) {
    if (data->warning[warning].number > 0) return false;
  }
  return AllFinite({data->qpos, static_cast<size_t>(model->nq)}) &&
         AllFinite({data->qvel, static_cast<size_t>(model->nv)}) &&
         AllFinite({data->act, static_cast<size_t>(model->na)});
}

}  // namespace fewstep

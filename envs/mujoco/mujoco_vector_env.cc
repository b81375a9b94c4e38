// B MuJoCo simulations in lockstep: one mjBatch, one mjb_apply a step.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/thread_handover.h"
#include "envs/mujoco/mujoco_simulation.h"

namespace fewstep {
namespace {

class MujocoVectorEnv final : public LockstepEnv {
 public:
  MujocoVectorEnv(std::shared_ptr<const MujocoCore> core, int num_envs, int num_threads)
      : LockstepEnv(core->definition().spec, core->definition().law, num_envs),
        core_(std::move(core)),
        batch_(MakeBatch(core_->nominal(), num_envs, num_threads)),
        next_observations_(static_cast<size_t>(num_envs) *
                           static_cast<size_t>(spec().observation_size)) {}

  PhysicsView physics(int env) override {
    CheckIndex(env);
    if (!view_data_) view_data_ = MakeData(core_->nominal());

    // the batch keeps states only; what is drawn follows from them
    mjb_getData(batch_.get(), env, view_data_.get());
    mj_forward(models_.empty() ? core_->nominal() : models_[static_cast<size_t>(env)],
               view_data_.get());

    // a task that edits the model is drawn with its own
    if (!core_->definition().apply_task) return {core_->display(), view_data_.get()};
    const std::span<const double> values = PresentTask(env);
    if (!view_model_ || !std::ranges::equal(view_task_.values, values)) {
      view_task_ = {spec().name, {values.begin(), values.end()}};
      view_model_ = core_->ModelFor(core_->display(), view_task_);
    }
    return {view_model_.get(), view_data_.get()};
  }

 private:
  // Argument of StartOne.
  struct Start {
    MujocoVectorEnv* env;
    const double* state;
  };

  const MujocoDefinition& definition() const { return core_->definition(); }

  Simulation simulation(const mjModel* model, mjData* data, int env, double* memory) const {
    return {.model = model,
            .data = data,
            .control_dt = definition().spec.control_dt,
            .task = PresentTask(env).data(),
            .context = definition().context.get(),
            .memory = memory};
  }

  // What simulation i's own model and scratch are, where models are edited while it runs.
  Change change(int env) {
    const auto i = static_cast<size_t>(env);
    if (own_models_.empty()) return {*core_, changing_task(env), nullptr, nullptr};
    return {*core_, changing_task(env), own_models_[i].get(), states_.data() + i * state_size_};
  }
  void EditOwnModel(int env, mjData* data) {
    if (own_models_.empty()) return;
    core_->Edit(own_models_[static_cast<size_t>(env)].get(), PresentTask(env).data(), data);
  }

  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return std::make_shared<const MujocoTask>(core_, task);
  }

  void TasksChanged() override {
    if (!definition().apply_task) return;
    models_.clear();
    own_models_.resize(core_->edits_while_running() ? static_cast<size_t>(num_envs()) : 0);
    for (ModelPtr& model : own_models_) {
      if (!model) model = CopyModel(core_->nominal());
      models_.push_back(model.get());
    }
    for (int env = 0; own_models_.empty() && env < num_envs(); ++env) {
      models_.push_back(static_cast<const MujocoTask&>(task(env)).model());
    }
    state_size_ = static_cast<size_t>(mj_stateSize(core_->nominal(), mjSTATE_INTEGRATION));
    states_.resize(own_models_.size() * state_size_);
    mjb_setModels(batch_.get(), models_.data());
  }

  void ResetSimulations(std::span<const int> ids) override { Apply(ids, ResetOne, this); }

  void StepSimulations(std::span<const int> ids) override { Apply(ids, StepOne, this); }

  void WriteState(int env, std::span<const double> state) override {
    Start start{this, state.data()};
    Apply({&env, 1}, StartOne, &start);
  }

  void TaskChanged(int env) override { Apply({&env, 1}, ChangeOne, this); }

  void ReadState(int env, std::span<double> state) override {
    auto out = state.begin();
    for (const int component : {mjSTATE_QPOS, mjSTATE_QVEL, mjSTATE_ACT}) {
      int size = 0;
      const mjtNum* first = mjb_stateComponent(batch_.get(), component, &size);
      out = std::copy_n(first + mjb_nstate(batch_.get()) * env, size, out);
    }
  }

  // The argument of RunCall: workers read its fields only after WorkerBegins, which tells the
  // thread sanitizer of the handover.
  struct Call : ThreadHandover {
    mjfBatchFunc function = nullptr;
    void* argument = nullptr;
  };

  static void RunCall(const mjModel* model, mjData* data, int env, void* argument) {
    Call& call = *static_cast<Call*>(argument);
    call.WorkerBegins();
    call.function(model, data, env, call.argument);
    call.WorkerEnds();
  }

  // Runs `function` on simulations `ids`; those in which MuJoCo raises an error keep their state.
  void Apply(std::span<const int> ids, mjfBatchFunc function, void* argument) {
    const int count = static_cast<int>(ids.size());
    call_.function = function;
    call_.argument = argument;
    call_.BeforeCall();
    const int failed = mjb_apply(batch_.get(), ids.data(), count, RunCall, &call_, 1);
    call_.AfterCall();
    if (failed == 0) return;
    for (const int env : ids) {
      if (mjb_status(batch_.get())[env] == 0) continue;
      outcome(env) = {.diverged = true};
      std::fill(metrics(env).begin(), metrics(env).end(), 0.0);
    }
  }

  static void ResetOne(const mjModel* model, mjData* data, int env, void* argument) {
    auto& self = *static_cast<MujocoVectorEnv*>(argument);
    double memory[Simulation::kMemory] = {};
    self.EditOwnModel(env, data);
    StartEpisode(self.definition(), self.simulation(model, data, env, memory), self.rng(env),
                 self.observation(env).data());
    self.outcome(env).diverged = !IsSound(model, data) || !AllFinite(self.observation(env));
  }

  static void StartOne(const mjModel* model, mjData* data, int env, void* argument) {
    const Start& start = *static_cast<const Start*>(argument);
    MujocoVectorEnv& self = *start.env;
    double memory[Simulation::kMemory] = {};
    self.EditOwnModel(env, data);
    StartAt(self.definition(), self.simulation(model, data, env, memory), start.state,
            self.observation(env).data());
    self.outcome(env).diverged = !IsSound(model, data) || !AllFinite(self.observation(env));
  }

  static void ChangeOne(const mjModel* model, mjData* data, int env, void* argument) {
    auto& self = *static_cast<MujocoVectorEnv*>(argument);
    double memory[Simulation::kMemory] = {};
    mj_forward(model, data);
    ApplyChange(self.definition(), self.simulation(model, data, env, memory), self.change(env),
                self.observation(env).data());
  }

  static void StepOne(const mjModel* model, mjData* data, int env, void* argument) {
    auto& self = *static_cast<MujocoVectorEnv*>(argument);
    double memory[Simulation::kMemory] = {};
    const std::span<double> present = self.observation(env);
    const std::span<double> next(
        &self.next_observations_[static_cast<size_t>(env) * present.size()], present.size());
    StepOutcome result =
        Advance(self.definition(), self.simulation(model, data, env, memory),
                self.action(env).data(), Derived::kStale, self.change(env), self.step(env) + 1,
                next, self.metrics(env).data(), self.push(env));

    // a bad step is not taken: back to the state row, which is saved only after this function
    if (result.diverged) {
      result = {.diverged = true};
      std::fill(self.metrics(env).begin(), self.metrics(env).end(), 0.0);
      mj_setState(model, data,
                  mjb_state(self.batch_.get()) +
                      static_cast<size_t>(mjb_nstate(self.batch_.get())) * static_cast<size_t>(env),
                  mjSTATE_INTEGRATION);
    } else {
      std::copy(next.begin(), next.end(), present.begin());
    }
    self.outcome(env) = result;
  }

  std::shared_ptr<const MujocoCore> core_;
  BatchPtr batch_;
  Call call_;
  std::vector<const mjModel*> models_;  // [B] when tasks edit the model
  std::vector<ModelPtr> own_models_;    // [B] when they do so while simulations run
  std::vector<double> states_;          // [B, state_size_] scratch of changes
  size_t state_size_ = 0;
  std::vector<double> next_observations_;  // [B, O] until the step is known to be sound
  DataPtr view_data_;
  ModelPtr view_model_;
  Task view_task_;
};

}  // namespace

std::unique_ptr<VectorEnv> MakeMujocoVectorEnv(std::shared_ptr<const MujocoCore> core, int num_envs,
                                               int num_threads) {
  return std::make_unique<MujocoVectorEnv>(std::move(core), num_envs, num_threads);
}

}  // namespace fewstep

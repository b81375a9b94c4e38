#include "tests/envs/family_testing.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <utility>

#include "envs/worlds/world_family.h"

namespace fewstep {

namespace {

constexpr char kPendulum[] = R"(
<mujoco model="pendulum">
  <option timestep="0.01" integrator="RK4"/>
  <worldbody>
    <body name="pole" pos="0 0 1">
      <joint name="hinge" axis="0 1 0" damping="0.05"/>
      <geom name="pole" type="capsule" fromto="0 0 0 0 0 -0.5" size="0.03" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor joint="hinge" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>)";

void ApplyTask(const mjModel* nominal, mjModel* model, const double* task, const void*) noexcept {
  model->body_mass[1] = task[0] * nominal->body_mass[1];
  mju_scl(model->body_inertia + 3, nominal->body_inertia + 3, task[0], 3);
  model->opt.gravity[2] = -task[1];
}

void Reset(const Simulation& s, Rng& rng) noexcept {
  s.data->qpos[0] = rng.Uniform(-0.5, 0.5);
  s.data->qvel[0] = rng.Uniform(-0.5, 0.5);
}

void Control(const Simulation& s, const double* action) noexcept { s.data->ctrl[0] = action[0]; }

double Reward(const Simulation& s, double* metrics) noexcept {
  return metrics[0] = -std::abs(s.data->qpos[0]);
}

bool Terminated(const Simulation& s) noexcept { return std::abs(s.data->qpos[0]) > 0.7; }

void Observe(const Simulation& s, double* observation) noexcept {
  observation[0] = s.data->qpos[0];
  observation[1] = s.data->qvel[0];
  observation[2] = s.data->xipos[5];  // height of the pole's centre
}

class Bandit final : public World {
 public:
  void Begin(std::span<const double> task) override { std::copy_n(task.begin(), 3, pays_); }
  void Reset(Rng&, double* observation) noexcept override { *observation = previous_ = 0; }
  WorldStep Step(const double* action, Rng& rng, double* observation, double*) noexcept override {
    previous_ = rng.Uniform() < pays_[static_cast<size_t>(*action)] ? 1 : 0;
    *observation = previous_;
    return {.reward = previous_};
  }
  void GetState(double* state) const noexcept override { *state = previous_; }
  void SetState(const double* state, double* observation) noexcept override {
    *observation = previous_ = *state;
  }

 private:
  double pays_[3] = {};
  double previous_ = 0;
};

}  // namespace

MujocoDefinition PendulumDefinition() {
  MujocoDefinition definition;
  FamilySpec& spec = definition.spec;
  spec.name = "pendulum@test";
  spec.summary = "A pole hangs on a hinge.";
  spec.terminates = true;
  spec.source = spec.model = spec.reset = spec.reward = spec.termination = spec.action = "test";
  spec.splits = "separate draws";
  spec.observation = {"angle", "rate", "height of the centre"};
  spec.observation_size = 3;
  spec.action_size = 1;
  spec.horizon = 40;
  spec.control_dt = 0.02;
  spec.parameters = {
      {.name = "mass", .unit = "", .low = 0.5, .high = 2, .choices = {}, .law = "U(0.5, 2)"},
      {.name = "gravity", .unit = "m/s^2", .low = 5, .high = 15, .choices = {}, .law = "U(5, 15)"}};
  spec.metrics = {"tilt"};
  spec.state = {"qpos.hinge", "qvel.hinge"};
  definition.law.ood = [](Rng& rng, std::span<double> values) {
    values[0] = rng.Uniform(0.5, 0.6);
    values[1] = 15;
  };
  definition.mjcf = kPendulum;
  definition.frame_skip = 2;
  definition.refresh_after_step = true;
  definition.apply_task = ApplyTask;
  definition.reset = Reset;
  definition.control = Control;
  definition.reward = Reward;
  definition.terminated = Terminated;
  definition.observe = Observe;
  return definition;
}

std::unique_ptr<TaskFamily> MakePendulum(const FamilyOptions& options) {
  return MakeMujocoFamily(PendulumDefinition(), options);
}

std::unique_ptr<TaskFamily> MakeDriftingPendulum(const FamilyOptions& options) {
  MujocoDefinition definition = PendulumDefinition();
  definition.spec.name = "drifting-pendulum@test";
  definition.spec.trial_episodes = 3;
  definition.spec.change = TaskChange{.kind = TaskChange::Kind::kDrift,
                                      .clock = TaskChange::Clock::kSteps,
                                      .every = 7,
                                      .parameters = {0, 1},
                                      .drift = {0.3, 2}};
  return MakeMujocoFamily(std::move(definition), options);
}

namespace {

WorldDefinition BanditDefinition() {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<Bandit>(); };
  FamilySpec& spec = definition.spec;
  spec.name = "bandit@test";
  spec.summary = "Three arms pay at random.";
  spec.source = spec.model = spec.reset = spec.reward = spec.termination = spec.action = "test";
  spec.splits = "separate draws";
  spec.observation = {"previous reward"};
  spec.observation_size = 1;
  spec.action_size = 3;
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = 50;
  for (const char* name : {"first", "second", "third"}) {
    spec.parameters.push_back(
        {.name = name, .unit = "", .low = 0, .high = 1, .choices = {}, .law = "U(0, 1)"});
  }
  spec.state = {"previous reward"};
  return definition;
}

}  // namespace

std::unique_ptr<TaskFamily> MakeBandit(const FamilyOptions& options) {
  return MakeWorldFamily(BanditDefinition(), options);
}

std::unique_ptr<TaskFamily> MakeChangingBandit(const FamilyOptions& options) {
  WorldDefinition definition = BanditDefinition();
  definition.spec.name = "changing-bandit@test";
  definition.spec.trial_episodes = 4;
  definition.spec.change = TaskChange{.kind = TaskChange::Kind::kRedraw,
                                      .clock = TaskChange::Clock::kSteps,
                                      .every = 20,
                                      .parameters = {0, 2},
                                      .drift = {}};
  return MakeWorldFamily(std::move(definition), options);
}

std::string FamilyTestName(const ::testing::TestParamInfo<std::string>& family) {
  std::string name = family.param;
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

}  // namespace fewstep

// half-cheetah-vel@promp: run at a given speed.
// Rothfuss et al., "ProMP: Proximal Meta-Policy Search", ICLR 2019; the definition is that of
// jonasrothfuss/ProMP, half_cheetah_rand_vel.py under normalized_env.py (scale 10).
#include <cmath>
#include <utility>

#include "envs/families/families.h"
#include "envs/families/half_cheetah/half_cheetah.h"

namespace fewstep {
namespace {

using namespace half_cheetah;

double Reward(const Simulation& s, double* metrics) noexcept {
  const double velocity = RootVelocity(s);
  const double cost = ControlCost(s);
  WriteMetrics(s, velocity, cost, metrics);
  return -std::abs(velocity - s.task[0]) - cost;
}

void Observe(const Simulation& s, double* observation) noexcept { ObserveJoints(s, observation); }

}  // namespace

std::unique_ptr<TaskFamily> MakeHalfCheetahVelPromp(const FamilyOptions& options) {
  MujocoDefinition definition = Base(/*frame_skip=*/5);
  definition.reset = ResetGym;
  definition.control = Control<10>;
  definition.before_step = RememberPosition;
  definition.reward = Reward;
  definition.observe = Observe;

  FamilySpec& spec = definition.spec;
  spec.name = "half-cheetah-vel@promp";
  spec.summary = "A planar cheetah runs at a given speed of up to 3 m/s.";
  spec.source = "Rothfuss et al., ICLR 2019; jonasrothfuss/ProMP, half_cheetah_rand_vel.py";
  spec.reset = kResetGym;
  spec.reward = "-|(x' - x) / 0.05 - velocity| - 0.05 |u|^2";
  spec.action = "u = clip(a / 10, -1, 1)";
  spec.observation = {"qpos without the root's x (8)", "qvel (9)"};
  spec.observation_size = 17;
  spec.action_low = -10;
  spec.action_high = 10;
  spec.horizon = 100;
  AddVelocityParameter(spec, 3);
  return MakeMujocoFamily(std::move(definition), options);
}

}  // namespace fewstep

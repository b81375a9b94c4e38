// half-cheetah-dir@promp: run forwards or backwards.
// Rothfuss et al., "ProMP: Proximal Meta-Policy Search", ICLR 2019; the definition is that of
// jonasrothfuss/ProMP, half_cheetah_rand_direc.py under normalized_env.py (scale 10).
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
  return s.task[0] * velocity - cost;
}

void Observe(const Simulation& s, double* observation) noexcept { ObserveJoints(s, observation); }

}  // namespace

std::unique_ptr<TaskFamily> MakeHalfCheetahDirPromp(const FamilyOptions& options) {
  MujocoDefinition definition = Base(/*frame_skip=*/5);
  definition.reset = ResetGym;
  definition.control = Control<10>;
  definition.before_step = RememberPosition;
  definition.reward = Reward;
  definition.observe = Observe;

  FamilySpec& spec = definition.spec;
  spec.name = "half-cheetah-dir@promp";
  spec.summary = "A planar cheetah runs forwards or backwards.";
  spec.source = "Rothfuss et al., ICLR 2019; jonasrothfuss/ProMP, half_cheetah_rand_direc.py";
  spec.reset = kResetGym;
  spec.reward = "direction * (x' - x) / 0.05 - 0.05 |u|^2";
  spec.action = "u = clip(a / 10, -1, 1)";
  spec.observation = {"qpos without the root's x (8)", "qvel (9)"};
  spec.observation_size = 17;
  spec.action_low = -10;
  spec.action_high = 10;
  spec.horizon = 100;
  spec.finite = true;
  spec.parameters = {{.name = "direction",
                      .unit = "",
                      .low = -1,
                      .high = 1,
                      .choices = {-1, 1},
                      .law = "-1 or 1, each with probability 1/2"}};
  spec.splits = "train, test: the same two tasks; ood: none published";
  return MakeMujocoFamily(std::move(definition), options);
}

}  // namespace fewstep

// half-cheetah-vel@tristan: run at a given speed, the port to OpenAI Gym of the task of Finn et
// al., "Model-Agnostic Meta-Learning", ICML 2017. The definition is that of
// tristandeleu/pytorch-maml-rl, maml_rl/envs/mujoco/half_cheetah.py under its action normalisation
// (scale 1).
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

// The torso's position is what mj_step leaves in xpos: that of the state before the last substep.
void Observe(const Simulation& s, double* observation) noexcept {
  observation = ObserveJoints(s, observation);
  mju_copy3(observation, s.data->xpos + 3 * kTorso);
}

}  // namespace

std::unique_ptr<TaskFamily> MakeHalfCheetahVelTristan(const FamilyOptions& options) {
  MujocoDefinition definition = Base(/*frame_skip=*/5);
  definition.reset = ResetGym;
  definition.control = Control<1>;
  definition.before_step = RememberPosition;
  definition.reward = Reward;
  definition.observe = Observe;

  FamilySpec& spec = definition.spec;
  spec.name = "half-cheetah-vel@tristan";
  spec.summary =
      "A planar cheetah runs at a given speed of up to 2 m/s; the port of MAML's task to Gym.";
  spec.source =
      "Finn et al., ICML 2017; tristandeleu/pytorch-maml-rl, maml_rl/envs/mujoco/half_cheetah.py";
  spec.reset = kResetGym;
  spec.reward = "-|(x' - x) / 0.05 - velocity| - 0.05 |u|^2";
  spec.action = "u = clip(a, -1, 1)";
  spec.observation = {"qpos without the root's x (8)", "qvel (9)",
                      "position of the torso, one substep old after a step (3)"};
  spec.observation_size = 20;
  spec.horizon = 100;
  AddVelocityParameter(spec, 2);
  return MakeMujocoFamily(std::move(definition), options);
}

}  // namespace fewstep

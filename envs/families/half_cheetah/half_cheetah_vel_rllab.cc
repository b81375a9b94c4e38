// half-cheetah-vel@rllab: run at a given speed, as in Finn et al., "Model-Agnostic Meta-Learning",
// ICML 2017. The definition is that of cbfinn/maml_rl, rllab/envs/mujoco/half_cheetah_env_rand.py
// and mujoco_env.py; goals as in cluster_maml_trpo_cheetah.py.
#include <cmath>
#include <utility>

#include "envs/families/families.h"
#include "envs/families/half_cheetah/half_cheetah.h"

namespace fewstep {
namespace {

using namespace half_cheetah;

void Reset(const Simulation& s, Rng& rng) noexcept {
  for (int i = 0; i < s.model->nq; ++i) s.data->qpos[i] += 0.01 * rng.Normal();
  for (int i = 0; i < s.model->nv; ++i) s.data->qvel[i] = 0.1 * rng.Normal();
}

// The velocity is that of the whole body's centre of mass.
double Reward(const Simulation& s, double* metrics) noexcept {
  mj_subtreeVel(s.model, s.data);
  const double velocity = s.data->subtree_linvel[3 * kTorso];
  const double cost = ControlCost(s);
  WriteMetrics(s, velocity, cost, metrics);
  return -(cost + std::abs(velocity - s.task[0]));
}

void Observe(const Simulation& s, double* observation) noexcept {
  observation = ObserveJoints(s, observation);
  mju_copy3(observation, s.data->subtree_com + 3 * kTorso);
}

}  // namespace

std::unique_ptr<TaskFamily> MakeHalfCheetahVelRllab(const FamilyOptions& options) {
  MujocoDefinition definition = Base(/*frame_skip=*/1);
  definition.refresh_after_step = true;
  definition.reset = Reset;
  definition.control = Control<1>;
  definition.reward = Reward;
  definition.observe = Observe;

  FamilySpec& spec = definition.spec;
  spec.name = "half-cheetah-vel@rllab";
  spec.summary =
      "A planar cheetah runs at a given speed of up to 2 m/s; the task of the MAML paper.";
  spec.source =
      "Finn et al., ICML 2017; cbfinn/maml_rl, rllab/envs/mujoco/half_cheetah_env_rand.py";
  spec.reset = "qpos = qpos0 + 0.01 N(0, 1), qvel = 0.1 N(0, 1), each by itself";
  spec.reward = "-|velocity of the centre of mass - velocity| - 0.05 |u|^2";
  spec.action = "u = clip(a, -1, 1)";
  spec.observation = {"qpos without the root's x (8)", "qvel (9)", "centre of mass (3)"};
  spec.observation_size = 20;
  spec.horizon = 200;
  AddVelocityParameter(spec, 2);
  return MakeMujocoFamily(std::move(definition), options);
}

}  // namespace fewstep

// Model: P. Wawrzynski, "A cat-like robot real-time learning to run", ICANNGA 2009, with the
// figures of OpenAI Gym's half_cheetah.xml (envs/families/half_cheetah/NOTICE).
#include "envs/families/half_cheetah/half_cheetah.h"

#include <numeric>

#include "embedded/half_cheetah.xml.h"

namespace fewstep::half_cheetah {
namespace {

// The published model has 14 kg in all: every mass and inertia is scaled by one factor, and the
// two statistics that a compiler would have taken from the masses follow.
void ScaleMasses(mjModel* model, mjData* data) noexcept {
  mj_setTotalmass(model, 14);
  mj_setConst(model, data);
  model->stat.meaninertia = std::accumulate(model->dof_M0, model->dof_M0 + model->nv, 0.0) /
                            static_cast<double>(model->nv);
  model->stat.meanmass =
      std::accumulate(model->body_mass + 1, model->body_mass + model->nbody, 0.0) /
      static_cast<double>(model->nbody - 1);
}

}  // namespace

MujocoDefinition Base(int frame_skip) {
  MujocoDefinition definition;
  FamilySpec& spec = definition.spec;
  spec.model = fmt::format(
      "half-cheetah of OpenAI Gym (14 kg, 9 degrees of freedom, 6 motors), Euler, time step "
      "{} s, frame skip {}",
      kTimestep, frame_skip);
  spec.termination = "never";
  spec.action_size = 6;
  spec.control_dt = kTimestep * frame_skip;
  spec.metrics = {"forward_velocity", "control_cost", "x_position"};
  for (const char* quantity : {"qpos", "qvel"}) {
    for (const char* joint :
         {"rootx", "rootz", "rooty", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"}) {
      spec.state.push_back(fmt::format("{}.{}", quantity, joint));
    }
  }
  definition.mjcf = embedded::half_cheetah_xml;
  definition.frame_skip = frame_skip;
  definition.configure_model = ScaleMasses;
  return definition;
}

void AddVelocityParameter(FamilySpec& spec, double high) {
  spec.parameters = {{.name = "velocity",
                      .unit = "m/s",
                      .low = 0,
                      .high = high,
                      .choices = {},
                      .law = fmt::format("U(0, {})", high)}};
  spec.splits = "train, test: separate draws of the law; ood: none published";
}

void ResetGym(const Simulation& s, Rng& rng) noexcept {
  for (int i = 0; i < s.model->nq; ++i) s.data->qpos[i] += rng.Uniform(-0.1, 0.1);
  for (int i = 0; i < s.model->nv; ++i) s.data->qvel[i] = 0.1 * rng.Normal();
}

void RememberPosition(const Simulation& s) noexcept { s.memory[0] = s.data->qpos[0]; }

double RootVelocity(const Simulation& s) noexcept {
  return (s.data->qpos[0] - s.memory[0]) / (5 * kTimestep);
}

double ControlCost(const Simulation& s) noexcept {
  double sum = 0;
  for (int i = 0; i < s.model->nu; ++i) sum += s.data->ctrl[i] * s.data->ctrl[i];
  return 0.05 * sum;
}

void WriteMetrics(const Simulation& s, double velocity, double control_cost,
                  double* metrics) noexcept {
  metrics[0] = velocity;
  metrics[1] = control_cost;
  metrics[2] = s.data->qpos[0];
}

double* ObserveJoints(const Simulation& s, double* observation) noexcept {
  const int angles = static_cast<int>(s.model->nq) - 1;
  const int rates = static_cast<int>(s.model->nv);
  mju_copy(observation, s.data->qpos + 1, angles);
  mju_copy(observation + angles, s.data->qvel, rates);
  return observation + angles + rates;
}

}  // namespace fewstep::half_cheetah

// half-cheetah-vel@promp as a plug-in: what a family from outside costs beside the same built-in
// one.
#include <cmath>
#include <fewstep/plugin.hpp>
#include <numeric>

#include <mujoco/mujoco.h>

#include "embedded/half_cheetah.xml.h"

namespace {

namespace api = fewstep::api;

class HalfCheetah final : public api::PhysicsFamily {
 public:
  static constexpr const char* kName = "half-cheetah-vel@plugin";
  static constexpr const char* kSummary = "A planar cheetah runs at a given speed.";
  static constexpr int kFrameSkip = 5;
  static std::vector<api::Option> Options() { return {}; }

  explicit HalfCheetah(std::span<const double>) : mjcf_(fewstep::embedded::half_cheetah_xml) {}

  api::Spec Define() const override {
    return {
        .source = "that of half-cheetah-vel@promp",
        .model = "half-cheetah",
        .reset = "qpos0 + U(-0.1, 0.1), 0.1 N(0, 1)",
        .reward = "-|velocity of the root - velocity| - 0.05 |u|^2",
        .action = "u = clip(a / 10, -1, 1)",
        .splits = "separate draws",
        .observation = {"qpos without x, qvel"},
        .observation_size = 17,
        .action_size = 6,
        .action_low = -10,
        .action_high = 10,
        .horizon = 100,
        .control_dt = 0.05,
        .parameters = {{.name = "velocity", .unit = "m/s", .law = "U(0, 3)", .low = 0, .high = 3}},
        .metrics = {"forward_velocity", "control_cost", "x_position"}};
  }
  const char* Mjcf() const override { return mjcf_.c_str(); }

  void ConfigureModel(mjModel* model, mjData* data) const override {
    mj_setTotalmass(model, 14);
    mj_setConst(model, data);
    model->stat.meaninertia = std::accumulate(model->dof_M0, model->dof_M0 + model->nv, 0.0) /
                              static_cast<double>(model->nv);
    model->stat.meanmass =
        std::accumulate(model->body_mass + 1, model->body_mass + model->nbody, 0.0) /
        static_cast<double>(model->nbody - 1);
  }
  void Reset(const fewstep_simulation& s, api::Stream stream) const override {
    for (int i = 0; i < s.model->nq; ++i) s.data->qpos[i] += stream.Uniform(-0.1, 0.1);
    for (int i = 0; i < s.model->nv; ++i) s.data->qvel[i] = 0.1 * stream.Normal();
  }
  void Control(const fewstep_simulation& s, const double* action) const override {
    for (int i = 0; i < s.model->nu; ++i) s.data->ctrl[i] = mju_clip(action[i] / 10, -1, 1);
  }
  void BeforeStep(const fewstep_simulation& s) const override { s.memory[0] = s.data->qpos[0]; }
  double Reward(const fewstep_simulation& s, double* metrics) const override {
    double squares = 0;
    for (int i = 0; i < s.model->nu; ++i) squares += s.data->ctrl[i] * s.data->ctrl[i];
    metrics[0] = (s.data->qpos[0] - s.memory[0]) / s.control_dt;
    metrics[1] = 0.05 * squares;
    metrics[2] = s.data->qpos[0];
    return -std::abs(metrics[0] - s.task[0]) - metrics[1];
  }
  void Observe(const fewstep_simulation& s, double* observation) const override {
    mju_copy(observation, s.data->qpos + 1, 8);
    mju_copy(observation + 8, s.data->qvel, 9);
  }

 private:
  std::string mjcf_;
};

}  // namespace

FEWSTEP_CPP_PHYSICS_PLUGIN(HalfCheetah)

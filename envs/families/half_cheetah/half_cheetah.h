// What the half-cheetah families have in common: model, state, reset laws, control and velocity.
// Quantities: qpos = root x, z (m), pitch (rad), six joint angles (rad); qvel their rates.
#pragma once

#include <string>

#include "envs/mujoco/mujoco_family.h"

namespace fewstep::half_cheetah {

inline constexpr double kTimestep = 0.01;  // s
inline constexpr int kTorso = 1;           // body of the root

// Body, texts and functions that every version shares; frame_skip enters the texts. Left open:
// name, summary, source, reset, reward, action range, observation, splits, horizon and parameters.
MujocoDefinition Base(int frame_skip);

// The target velocity v* ~ U(0, high), and splits without tasks out of distribution.
void AddVelocityParameter(FamilySpec& spec, double high);

// qpos0 + U(-0.1, 0.1), 0.1 N(0, 1) for the velocities: OpenAI Gym's reset.
void ResetGym(const Simulation& s, Rng& rng) noexcept;
inline constexpr const char* kResetGym =
    "qpos = qpos0 + U(-0.1, 0.1), qvel = 0.1 N(0, 1), each by itself";

// ctrl = clip(action / kScale, -1, 1)
template <int kScale>
void Control(const Simulation& s, const double* action) noexcept {
  for (int i = 0; i < s.model->nu; ++i) s.data->ctrl[i] = mju_clip(action[i] / kScale, -1, 1);
}

// memory[0] = x of the root before the step.
void RememberPosition(const Simulation& s) noexcept;

// (x after - x before) / (frame_skip * timestep), after RememberPosition, with frame_skip 5.
double RootVelocity(const Simulation& s) noexcept;

// 0.05 |ctrl|^2
double ControlCost(const Simulation& s) noexcept;

// Writes the metrics of every version: forward_velocity, control_cost, x_position.
void WriteMetrics(const Simulation& s, double velocity, double control_cost,
                  double* metrics) noexcept;

// qpos without the root's x, then qvel: 17 numbers. Returns the place after them.
double* ObserveJoints(const Simulation& s, double* observation) noexcept;

}  // namespace fewstep::half_cheetah

// The published tasks of the half-cheetah, of which each is a row of one table.
#pragma once

#include <span>
#include <string>

#include "envs/mujoco/mujoco_family.h"

namespace fewstep::half_cheetah {

// What sets a published definition apart from the others. Quantities: qpos = root x, z (m), pitch
// (rad), six joint angles (rad); qvel their rates.
struct Published {
  const char *name, *summary, *source;
  // What a task asks for: a direction, a velocity v* ~ U(0, highest), or the only thing there is:
  // forwards.
  enum class Goal { kDirection, kVelocity, kForward } goal = Goal::kVelocity;
  double highest = 0;  // m/s
  // Velocities that are the same for everybody, of numpy's generator with seed 1337: so many to
  // train on and to hold out. 0: drawn without end.
  int train_tasks = 0, test_tasks = 0;
  int frame_skip = 5;
  // ctrl = clip(action / scale, -1, 1)
  int scale = 1;
  int horizon = 100;
  const char* reset;
  void (*reset_function)(const Simulation&, Rng&) noexcept;
  // Whose velocity is rewarded: the root's, as its displacement over the control step, or that of
  // the centre of mass after the step.
  enum class Velocity { kOfRoot, kOfCentreOfMass } velocity = Velocity::kOfRoot;
  const char* reward;
  double control_weight = 0.05;
  // What is observed beside the joints: nothing, or a position (3).
  const char* position = nullptr;
  const double* (*position_function)(const mjData*) noexcept = nullptr;
};

std::span<const Published> PublishedDefinitions();

// The definition of a row, without options.
MujocoDefinition Define(const Published& published);

}  // namespace fewstep::half_cheetah

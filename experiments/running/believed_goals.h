// What a latent variable stands for, where tasks are goals in the plane: the places that an agent
// walks to.
#pragma once

#include <array>
#include <vector>

#include "agents/policies/policy.h"
#include "envs/task_family.h"

namespace fewstep {

// Of a task, where somebody looks.
inline constexpr int kGoalDraws = 48;

// Whether tasks of the family are goals in the plane (DrawingHints::position and goal).
bool HasPlaces(const FamilySpec& spec);

// Where each of `count` episodes of `task` ends that are acted with the mode of the policy with
// `row` [1, P] and a memory that begins as `memory` [1, M], on the CPU. They differ by what the
// policy draws of its memory, and by where they begin. The family has places.
std::vector<std::array<double, 2>> BelievedGoals(const Policy& policy, const torch::Tensor& row,
                                                 const torch::Tensor& memory,
                                                 const TaskFamily& family, const Task& task,
                                                 int count, const Rng& rng);

}  // namespace fewstep

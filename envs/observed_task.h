// Observations that end with the task: for an agent that is told what the others have to find out.
// What such an agent reaches is the ceiling of any that adapts.
#pragma once

#include "envs/task_family.h"

namespace fewstep {

// The definition whose observation is longer by the task.
FamilySpec WithTaskObserved(FamilySpec spec);

// Writes the task behind the plain part of `observation` [O], where spec.task_observed: each value
// scaled from [low, high] to [-1, 1], or as it is where there is one value only.
void AppendTask(const FamilySpec& spec, const double* task, double* observation) noexcept;

}  // namespace fewstep

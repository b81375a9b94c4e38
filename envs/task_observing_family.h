// A family whose observation ends with the task: for an agent that is told what the others have to
// find out. What such an agent reaches is the ceiling of any that adapts.
#pragma once

#include <memory>

#include "envs/task_family.h"

namespace fewstep {

// `family` with the values of the task behind each observation, scaled from [low, high] to [-1, 1]
// where both ends are finite. Everything else is the same to the bit; the definition, and so the
// hash, is another one.
std::unique_ptr<TaskFamily> ObserveTask(std::unique_ptr<TaskFamily> family);

}  // namespace fewstep

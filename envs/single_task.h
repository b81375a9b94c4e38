// A family of a single one of its tasks: what a recipe asks for with family.task.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// `family` with the one task that `assignments` ("velocity=2") name, in training as in tests.
// Throws Error(kUsage) when they name none.
std::unique_ptr<TaskFamily> WithSingleTask(std::unique_ptr<TaskFamily> family,
                                           const std::vector<std::string>& assignments);

}  // namespace fewstep

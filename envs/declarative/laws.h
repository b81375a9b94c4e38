// How the tasks of a family.toml are drawn.
#pragma once

#include "core/config.h"
#include "envs/declarative/family_file.h"
#include "envs/declarative/randomization.h"
#include "envs/task_law.h"

namespace fewstep::declarative {

struct DeclaredTasks {
  std::vector<ParameterSpec> parameters;  // one a number
  std::vector<ParameterPlace> places;     // one a parameter of the file
  TaskLaw law;
  bool finite = false;
  std::string splits;  // FamilySpec::splits
};

// Throws Error(kUsage) with file, line and key. `config` is where `file` was read from.
DeclaredTasks DeclareTasks(const FamilyFile& file, const Config& config);

}  // namespace fewstep::declarative

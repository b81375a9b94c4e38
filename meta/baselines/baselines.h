// The classical agents by name, with their options.
#pragma once

#include <string>
#include <vector>

#include "meta/meta_agent.h"

namespace fewstep {

// Adds every baseline. Each is made for the families that it plays and throws Error(kUsage) on any
// other one.
void RegisterBaselines(AgentRegistry& registry);

// The baselines that play a tabular family, from the simplest to the one that is told the task.
// Throws Error(kUsage) on another family.
std::vector<std::string> BaselinesOf(const FamilySpec& spec);

// The values that are worth trying of a baseline's only constant: {"constant", {"0.1", ...}}. No
// key for those without one.
struct TuningGrid {
  std::string key;
  std::vector<std::string> values;
};
TuningGrid TuningGridOf(const std::string& baseline);

}  // namespace fewstep

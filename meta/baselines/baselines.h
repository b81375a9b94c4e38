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

}  // namespace fewstep

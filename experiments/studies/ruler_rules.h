// Which rules the ruler measures: the classical agents by their definitions, and as the published
// figures are made where that is another rule.
#pragma once

#include <string>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// An agent with some of its options set.
struct RulerRule {
  std::string agent;
  // TOML lines of its [agent] table; empty for its defaults.
  std::string settings = {};
  // The published cells are made by this rule: only such a rule is compared with them.
  bool as_published = false;
  // The agent's constant that is tuned, if it has one; the value that stands for it otherwise,
  // empty for the agent's default; and the values worth trying, ascending. A grid starts with the
  // smallest value that the option takes, so that only its last one is an edge.
  std::string key = {}, constant = {};
  std::vector<std::string> grid = {};
};

// The rules of `agents`, or of all that play the family if there are none, each agent's default
// form before the others. A form that only explains a published cell is left out where there is no
// such cell. Throws Error(kUsage) on agents that do not play the family.
std::vector<RulerRule> RulerRules(const FamilySpec& spec, const std::vector<std::string>& agents);

// "ties = \"lowest\"\nepsilon = 0.05" as "ties=lowest, epsilon=0.05".
std::string SettingsLabel(const std::string& settings);

}  // namespace fewstep

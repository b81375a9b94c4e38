// What every task family must hold to, as rules that any family can be put to: `fewstep check`.
// They find what a definition's form cannot tell: numbers that are not finite, runs that do not
// repeat, state that outlives an episode, writing past a buffer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

struct Rule {
  std::string name;     // "numbers are finite"
  std::string meaning;  // what an author must see to
  // "" when the family holds to it, else what was found, with what to do about it.
  std::function<std::string(const TaskFamily& family)> check;
};

const std::vector<Rule>& FamilyRules();

}  // namespace fewstep

// An author's mistakes, told by name.
#pragma once

#include <string_view>

#include "envs/task_family.h"

namespace fewstep {

// Throws Error(kPlugin): "the family 'x' is badly defined: " and what is wrong.
[[noreturn]] void RejectDefinition(const FamilySpec& spec, std::string_view what);

// Throws it on sizes, bounds, names and hints that make no sense.
void CheckDefinition(const FamilySpec& spec);

}  // namespace fewstep

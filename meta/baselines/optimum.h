// What a policy that knows the task reaches, for families where it can be computed.
#pragma once

#include <optional>

#include "envs/task_family.h"

namespace fewstep {

// The expected return of the best policy in one episode of `task`: the largest mean of a bandit's
// arms, or value iteration over the steps of an episode, with rewards discounted by discount^t.
// Nothing for other families.
std::optional<double> OptimalReturn(const FamilySpec& spec, const Task& task, double discount = 1);

}  // namespace fewstep

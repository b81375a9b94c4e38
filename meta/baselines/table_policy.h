// A policy that is a table: the parameters are the probabilities of every action at every step of
// an episode in every state.
#pragma once

#include <memory>

#include "agents/policies/policy.h"

namespace fewstep {

// For families whose observation is the one-hot of their state (a constant 1 where there is one
// state) and whose actions are choices. A row of parameters is one array "probabilities",
// [H, S, A].
std::unique_ptr<Policy> MakeTablePolicy(const FamilySpec& spec);

}  // namespace fewstep

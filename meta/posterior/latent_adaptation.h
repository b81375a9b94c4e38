// A trained agent with a latent variable z in new tasks: it adapts by what it believes of z
// (Rakelly et al. 2019, algorithm 2).
#pragma once

#include <memory>

#include "agents/policies/latent_policy.h"
#include "meta/posterior/latent_agent.h"

namespace fewstep {

// With actions of the family's range as numbers in [-1, 1], as critics and contexts have them.
Transitions InUnits(Transitions transitions, const FamilySpec& spec);

// Acts with `row` [1, P] in `num_tasks` tasks. `inference` and `options` are null for an agent
// without a latent variable, which does not adapt; of `inference` it keeps a copy. Policy and
// options must outlive it.
std::unique_ptr<AdaptiveAgent> MakeLatentAdaptation(const FamilySpec& spec,
                                                    const LatentPolicy& policy,
                                                    const torch::Tensor& row,
                                                    const TaskInference* inference,
                                                    const InferenceOptions* options, int num_tasks);

}  // namespace fewstep

// What the bandits share: arms, one pull an episode, and an observation that says nothing.
#pragma once

#include <memory>

#include "envs/task_family.h"

namespace fewstep {

// The reward of one pull of an arm with this parameter.
using PullFunction = double (*)(Rng& rng, double arm) noexcept;

// A family of bandits: `spec` needs its texts (name, summary, source, reward) and, for the
// published number of arms, action_size; what all bandits have is filled in here. Every arm's
// parameter is drawn from U(0, 1). Throws Error(kUsage) on fewer than two arms and on a horizon
// but 1.
std::unique_ptr<TaskFamily> MakeBanditFamily(FamilySpec spec, PullFunction pull,
                                             const FamilyOptions& options);

}  // namespace fewstep

// A bandit: the arms that an agent has pulled while it adapted, what they paid, and what is known
// of them from that.
#pragma once

#include <memory>
#include <vector>

#include "viewer/pane.h"

namespace fewstep {

// `pulls` on a task of `spec` (DrawingHints::arms), one after the other.
std::unique_ptr<Pane> MakeArmsPane(const FamilySpec& spec, std::vector<double> task,
                                   std::vector<Pull> pulls);

// What is known of an arm's mean after `n` rewards that sum to `sum`, from a uniform prior on [0,
// 1]. Rewards of 0 and 1: the Beta distribution (1 + sum, 1 + n - sum). Others: the normal
// distribution with the mean of the rewards, of standard deviation 1 each; before the first the
// prior's.
struct ArmBelief {
  double mean = 0.5, spread = 0.2886751345948129;  // of U(0, 1)
};
ArmBelief BeliefOfArm(int n, double sum, bool zero_or_one);

}  // namespace fewstep

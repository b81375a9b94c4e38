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

// What is known of an arm's mean after `n` rewards that sum to `sum`: the posterior's mean and
// standard deviation from the prior U(prior), by integration over a grid. Rewards of 0 and 1 are
// Bernoulli's, others normal with standard deviation 1.
struct ArmBelief {
  double mean = 0, spread = 0;
};
ArmBelief BeliefOfArm(int n, double sum, bool zero_or_one, const Range& prior);

}  // namespace fewstep

// The exact Bayes-adaptive optimum of a Bernoulli bandit: the ceiling of every agent's mean.
#pragma once

#include <optional>

namespace fewstep {

// The largest expected number of successes in `pulls` pulls of `arms` arms with independent
// priors Beta(1, 1), by dynamic programming over what may have been seen. Arms are exchangeable:
// a state is the multiset of (successes, failures) of the arms that were pulled. Nothing when there
// are more than about four million states.
std::optional<double> BayesOptimalReturn(int arms, int pulls);

// How many states that takes, as far as it is below 1e18.
double BayesOptimalStates(int arms, int pulls);

}  // namespace fewstep

// What the meta-gradient truly is on an enumerable decision process, computed without the code that
// estimates it: expected returns by dynamic programming, exact inner steps by the policy gradient
// theorem, finite differences through all of it.
//
// Policies are tables of logits [S * A], row-major.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "meta/verification/enumerable_mdp.h"

namespace fewstep {

struct FiniteDifferences {
  std::vector<double> values;
  double uncertainty = 0;  // of a component, estimated: the change by the last halving of the step
};

// Central differences of fourth order. The step is halved from 0.1 on, and the component kept that
// the halving changes least: there, truncation and rounding balance.
FiniteDifferences Differentiate(const std::function<double(std::span<const double>)>& function,
                                std::span<const double> point);

// J: the expected return of an episode.
double ExpectedReturn(const EnumerableMdp& mdp, std::span<const double> logits);

// grad J = sum_t P(s_t = s) pi(a | s) (Q_t(s, a) - V_t(s)) (Sutton et al. 2000).
std::vector<double> PolicyGradient(const EnumerableMdp& mdp, std::span<const double> logits);

// The gradient by theta of J(theta_K), theta_{k+1} = theta_k + alpha grad J(theta_k) or what the
// inner optimizer makes of it, at the process's own policy: what MAML estimates, in the limit of
// many episodes.
FiniteDifferences TrueMetaGradient(const EnumerableMdp& mdp);

// The gradient by theta of E[ J(theta + alpha g(theta, D)) ] over D, `episodes` trajectories of
// pi_theta, with g the sampled policy gradient: mean over D of sum_t grad log pi(a_t | s_t) R_t,
// R_t the return to go. What E-MAML (Stadie et al. 2018) estimates, for one inner step. Takes
// M^episodes times as long, M the number of trajectories.
FiniteDifferences TrueSampledMetaGradient(const EnumerableMdp& mdp, int episodes);

}  // namespace fewstep

// E-MAML: Stadie et al. 2018, "Some considerations on learning to explore via
// meta-reinforcement learning"; Al-Shedivat et al. 2018, eq. 7.
//
//   J(theta) = E_{D ~ pi_theta} E_{D' ~ pi_theta'} [ R(D') ],   theta' = U(theta; D)
//   grad J   = E[ grad log pi_theta'(D') R(D')  +  grad log p_theta(D) R(D') ]
//
// The second term is the credit of the episodes adapted on. U is differentiated with its data
// fixed, which is what the log-likelihood surrogate does: with the score of the data this is the
// exact gradient for the number of episodes at hand.
//
// The published code (Rothfuss et al. 2019, trpo_maml.py with exploration) credits otherwise,
//
//   mean over steps of D of log pi_theta  *  mean over steps of D' of (r - m) / d,
//
// m and d the mean and the deviation of the rewards of all tasks, and its trust region bounds the
// divergence after adaptation only. It does not estimate the gradient above, so it is an agent of
// its own, e-maml-mean.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry EMaml() {
  return TrustRegionAgent(
      "MAML-TRPO that credits exploration with the return after adaptation; for few episodes.",
      [](TrustRegionAgentOptions& options) {
        options.adaptation.inner_surrogate = Surrogate::kLogLikelihood;
        options.objective.exploration_credit = ExplorationCredit::kExact;
        options.fixed = {"inner_surrogate", "exploration_credit"};
      });
}

AgentEntry EMamlMean() {
  return TrustRegionAgent(
      "E-MAML as in published code: mean log-probability times standardised mean reward.",
      [](TrustRegionAgentOptions& options) {
        options.adaptation.inner_surrogate = Surrogate::kLogLikelihood;
        options.objective.exploration_credit = ExplorationCredit::kMean;
        options.fixed = {"inner_surrogate", "exploration_credit"};
      });
}

}  // namespace fewstep

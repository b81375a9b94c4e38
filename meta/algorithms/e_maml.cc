// E-MAML: Stadie et al. 2018, "Some considerations on learning to explore via
// meta-reinforcement learning"; Al-Shedivat et al. 2018, eq. 7.
//
//   J(theta) = E_{D ~ pi_theta} E_{D' ~ pi_theta'} [ R(D') ],   theta' = U(theta; D)
//   grad J   = E[ grad log pi_theta'(D') R(D')  +  grad log p_theta(D) R(D') ]
//
// The second term is the credit of the episodes adapted on. U is differentiated with its data
// fixed, which is what the log-likelihood surrogate does: with the score of the data this is the
// exact gradient for the number of episodes at hand. `mean` is the published code's variant, the
// mean log-probability times the return.
#include "meta/algorithms/algorithms.h"

namespace fewstep {

AgentEntry EMaml() {
  return TrustRegionAgent("MAML-TRPO that credits exploration with the return after adaptation.",
                          [](TrustRegionAgentOptions& options) {
                            options.adaptation.inner_surrogate = "log_likelihood";
                            options.objective.exploration_credit = "exact";
                            options.fixed = {"inner_surrogate"};
                          });
}

}  // namespace fewstep

// MAML-TRPO: Finn et al. 2017, algorithm 3, with TRPO (Schulman et al. 2015) in the outer loop, as
// in the paper's experiments.
//
//   inner  theta' = theta + alpha grad J_inner(theta; D)
//   outer  max_theta  mean over tasks of E_D'[pi_theta' / pi_old' A']
//          subject to mean over tasks of KL(pi_old' || pi_theta') <= delta
//
// The published codes differentiate log pi * A in the inner loop. Differentiated twice it has only
// the term of the Hessian with the Hessian of log pi (H2), and it moves with a constant added to
// the reward; maml-trpo takes the likelihood ratio, maml-trpo-h2 is the published one.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry MamlTrpo() {
  return TrustRegionAgent("MAML with a trust-region step in the outer loop.",
                          [](TrustRegionAgentOptions&) {});
}

AgentEntry MamlTrpoH2() {
  return TrustRegionAgent(
      "MAML-TRPO as published: the inner Hessian lacks the term with the product of gradients.",
      [](TrustRegionAgentOptions& options) {
        options.adaptation.inner_surrogate = Surrogate::kLogLikelihood;
        options.fixed = {"inner_surrogate", "exploration_credit"};
      });
}

}  // namespace fewstep

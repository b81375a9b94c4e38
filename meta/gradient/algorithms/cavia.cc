// CAVIA: Zintgraf et al. 2019, "Fast Context Adaptation via Meta-Learning", algorithm 2.
//
//   inner  phi' = phi_0 + alpha grad_phi J_inner(phi_0, theta; D),     phi_0 = 0
//   outer  max_theta  mean over tasks of E_D'[pi_{phi', theta} / pi_old A'] in a trust region
//
// phi joins the observation at the input of the network; theta is shared and never adapts.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry Cavia() {
  return TrustRegionAgent("Adapts context parameters, inputs of a network that all tasks share.",
                          [](TrustRegionAgentOptions& options) {
                            options.adaptation.adapted = Adapted::kContext;
                            options.adaptation.inner_learning_rate = 1.0;
                            options.policy.context_size = 5;
                            options.fixed = {"adapted"};
                          });
}

}  // namespace fewstep

// ProMP: Rothfuss et al. 2019, "ProMP: Proximal Meta-Policy Search", algorithm 1.
//
//   inner  theta' = theta + alpha grad J_LR(theta; D),     J_LR = E[pi_theta / pi_old A]   (eq. 12)
//   outer  max_theta  mean over tasks of J_clip(theta'; D') - eta KL(pi_old || pi_theta)   (eq. 14)
//
// The likelihood ratio gives the inner gradient a Hessian with both of its terms and little
// variance; the penalty keeps the policies that sampled D near while D is used again.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry Promp() {
  return PpoAgent(
      "Proximal meta-policy search: MAML-PPO with the likelihood-ratio surrogate and a "
      "KL penalty.",
      [](PpoAgentOptions& options) {
        options.adaptation.inner_surrogate = Surrogate::kLikelihoodRatio;
        options.outer.kl_penalty = KlPenalty::kFixed;
        options.fixed = {"inner_surrogate", "outer_surrogate", "exploration_credit"};
      });
}

}  // namespace fewstep

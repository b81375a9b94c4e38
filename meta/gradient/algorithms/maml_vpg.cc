// MAML-VPG: MAML (Finn et al. 2017, algorithm 3) with the vanilla policy gradient outside.
//
//   theta <- theta + Adam(grad_theta mean over tasks of E_D'[ log pi_theta'(theta) A' ])
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry MamlVpg() {
  return PpoAgent("MAML with one plain policy-gradient step of Adam in the outer loop.",
                  [](PpoAgentOptions& options) {
                    options.outer.outer_surrogate = Surrogate::kLogLikelihood;
                    options.outer.outer_epochs = 1;
                    options.fixed = {"outer_surrogate", "outer_epochs",   "clip",
                                     "kl_penalty",      "kl_coefficient", "kl_target"};
                  });
}

}  // namespace fewstep

// DiCE-MAML: MAML with the infinitely differentiable estimator of Foerster et al. 2018 ("DiCE"), in
// the form of Farquhar et al. 2019 that keeps a baseline unbiased at every order.
//
//   inner  theta' = theta + alpha grad J_dice(theta; D),  J_dice = E[ sum_t (R_t - R_{t-1}) A_t ]
//   outer  theta <- theta + Adam(grad mean over tasks of J_dice(theta'; D'))
//
// R_t is the product of pi_theta / pi_old over the steps up to t. Its Hessian is exact in
// expectation, with a variance that grows with the horizon.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry DiceMaml() {
  return PpoAgent("MAML with DiCE surrogates in both loops: unbiased, with high variance.",
                  [](PpoAgentOptions& options) {
                    options.adaptation.inner_surrogate = Surrogate::kDice;
                    options.outer.outer_surrogate = Surrogate::kDice;
                    options.outer.outer_epochs = 1;
                    options.fixed = {"inner_surrogate", "outer_surrogate", "outer_epochs", "clip",
                                     "kl_penalty",      "kl_coefficient",  "kl_target"};
                  });
}

}  // namespace fewstep

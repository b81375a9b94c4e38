// Meta-SGD: Li et al. 2017, "Meta-SGD: Learning to Learn Quickly for Few-Shot Learning",
// algorithm 2.
//
//   inner  theta' = theta + alpha o grad J_inner(theta; D),     alpha a vector like theta
//   outer  max over theta and alpha of the mean over tasks of J_clip(theta'; D')
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry MetaSgd() {
  return PpoAgent("MAML-PPO with a learned inner rate for every parameter.",
                  [](PpoAgentOptions& options) {
                    options.adaptation.learn_inner_rates = true;
                    options.fixed = {"learn_inner_rates"};
                  });
}

}  // namespace fewstep

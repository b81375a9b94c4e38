// First-order MAML: Finn et al. 2017, section 5.2. The outer gradient is taken at theta' and
// applied to theta, as if d theta' / d theta were the identity; the outer loop is that of
// MAML-TRPO.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry Fomaml() {
  return TrustRegionAgent("First-order MAML with a trust-region step in the outer loop.",
                          [](TrustRegionAgentOptions& options) {
                            options.adaptation.inner_order = GradientOrder::kFirst;
                            options.fixed = {"inner_order"};
                          });
}

}  // namespace fewstep

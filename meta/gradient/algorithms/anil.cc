// ANIL (almost no inner loop): Raghu et al. 2020, "Rapid Learning or Feature Reuse?". The inner
// loop adapts the last layer and the standard deviation of actions; the body is the same for all
// tasks and is trained by the outer loop.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry Anil() {
  return PpoAgent("MAML-PPO whose inner loop adapts the last layer only.",
                  [](PpoAgentOptions& options) {
                    options.adaptation.adapted = Adapted::kHead;
                    options.fixed = {"adapted"};
                  });
}

}  // namespace fewstep

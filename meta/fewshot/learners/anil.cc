// ANIL: Raghu et al., "Rapid Learning or Feature Reuse?", ICLR 2020, section 5: MAML whose inner
// loop adapts the last layer alone; the features are learned by the outer loop.
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotAnil() {
  return GradientEntry(
      "ANIL: MAML whose inner loop adapts the last layer alone.",
      [](GradientLearnerOptions& options) {
        options.head_only = true;
        options.fixed = {"carry_moments", "learn_inner_rates", "head_only", "outer"};
      });
}

}  // namespace fewstep

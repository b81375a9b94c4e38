// Meta-SGD: Li et al., "Meta-SGD: Learning to Learn Quickly for Few-Shot Learning", 2017, eq. 2.
//
//   theta_i = theta - alpha o grad L_support(theta)      with a learned rate for every parameter
//   (theta, alpha) <- (theta, alpha) - beta grad sum_i L_query(theta_i)
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotMetaSgd() {
  return GradientEntry(
      "Meta-SGD: MAML with a learned inner rate for every parameter.",
      [](GradientLearnerOptions& options) {
        options.learn_inner_rates = true;
        options.fixed = {"carry_moments", "inner_order", "learn_inner_rates", "outer"};
      });
}

}  // namespace fewstep

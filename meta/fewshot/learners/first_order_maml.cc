// First-order MAML: Finn et al. 2017, section 5.2: the inner gradient is a constant.
//
//   theta <- theta - beta sum_i grad L_query at theta_i
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FirstOrderMaml() {
  return GradientEntry(
      "First-order MAML: the inner gradient counts as a constant.",
      [](GradientLearnerOptions& options) {
        options.inner.order = GradientOrder::kFirst;
        options.fixed = {"carry_moments", "inner_order", "learn_inner_rates", "head_only", "outer"};
      });
}

}  // namespace fewstep

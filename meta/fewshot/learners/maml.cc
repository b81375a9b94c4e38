// MAML: Finn, Abbeel and Levine, ICML 2017, algorithm 2.
//
//   theta_i = theta - alpha grad L_support(theta)        for every task i, one step or several
//   theta  <- theta - beta grad sum_i L_query(theta_i)   through the inner gradient
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry Maml() {
  return GradientEntry(
      "MAML: learns an initialisation by the gradient through inner steps.",
      [](GradientLearnerOptions& options) {
        options.fixed = {"carry_moments", "inner_order", "learn_inner_rates", "head_only", "outer"};
      });
}

}  // namespace fewstep

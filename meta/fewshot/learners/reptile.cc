// Reptile: Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms", 2018,
// algorithm 2.
//
//   phi_i = theta after k steps of Adam with beta_1 = 0 on task i's support set
//   theta <- theta + epsilon mean_i (phi_i - theta)
//
// The published code keeps Adam's second moments from task to task; here every task begins anew.
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotReptile() {
  return GradientEntry(
      "Reptile: moves towards the mean of the adapted parameters.",
      [](GradientLearnerOptions& options) {
        options.outer = GradientLearnerOptions::Outer::kInterpolate;
        options.inner.order = GradientOrder::kFirst;
        options.inner.optimizer = InnerOptimizer::kAdam;
        options.inner.momentum = 0;
        options.inner.learning_rate = 1e-3;
        options.inner.steps = 5;
        options.inner_batch_size = 10;
        options.training.meta_batch_size = 5;
        options.learning_rate = 1;
        options.fixed = {"inner_order", "learn_inner_rates", "head_only", "outer", "clip"};
      });
}

}  // namespace fewstep

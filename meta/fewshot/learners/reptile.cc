// Reptile: Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms", 2018,
// algorithm 2.
//
//   phi_i = theta after k steps of Adam with beta_1 = 0 on task i's support set
//   theta <- theta + epsilon mean_i (phi_i - theta)
//
// As in the published code Adam's second moments stay from task to task: its steps are then
// gradients over their usual size, where those of an Adam that begins anew are little more than
// signs. There tasks follow one another; here those of an iteration begin alike, and the mean of
// their moments is what the next ones begin with.
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
        options.carry_moments = true;
        options.training.meta_batch_size = 5;
        options.learning_rate = 1;
        options.fixed = {"inner_order", "learn_inner_rates", "head_only", "outer", "clip"};
      });
}

}  // namespace fewstep

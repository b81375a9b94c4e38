// The inner loop of gradient-based meta-learning (Finn et al. 2017, eq. 1):
//   theta' = theta - alpha * grad L(theta), K times,
// for T tasks at once. Shared by meta-RL and few-shot learners; knows nothing of either.
#pragma once

#include <functional>
#include <string>

#include "agents/parameters.h"

namespace fewstep {

enum class GradientOrder {
  kFirst,   // theta' - theta is treated as a constant: d theta' / d theta = I
  kSecond,  // gradients flow through the inner gradient
};

struct InnerLoopOptions {
  int64_t steps = 1;
  double learning_rate = 0.1;
  GradientOrder order = GradientOrder::kSecond;
};

// The loss of every task, [T], with rows [T, P] at inner step `step`. Task t's loss may depend on
// row t only.
using LossFunction = std::function<torch::Tensor(const Parameters& rows, int64_t step)>;

// One step on every row. With kSecond the result is differentiable through the inner gradient.
Parameters AdaptStep(const Parameters& rows, const torch::Tensor& losses, double learning_rate,
                     GradientOrder order);

// `steps` steps from `rows`, which must require a gradient (or descend from what does).
Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options);

}  // namespace fewstep

// The inner loop of gradient-based meta-learning (Finn et al. 2017, eq. 1):
//   theta' = theta - alpha * grad L(theta), K times,
// for T tasks at once. Knows nothing of policies or episodes: a loss is a function of rows of
// parameters.
#pragma once

#include <functional>
#include <string>

#include "agents/parameters.h"
#include "core/config.h"

namespace fewstep {

enum class GradientOrder {
  kFirst,   // theta' - theta is treated as a constant: d theta' / d theta = I
  kSecond,  // gradients flow through the inner gradient
};
inline constexpr ChoiceName<GradientOrder> kGradientOrderNames[] = {
    {"first", GradientOrder::kFirst}, {"second", GradientOrder::kSecond}};

// What a step does with the gradient g. Moments are functions of theta too and are differentiated.
enum class InnerOptimizer {
  kGradient,  // theta' = theta - alpha g
  kMomentum,  // m' = beta_1 m + g;  theta' = theta - alpha m'            (Polyak 1964)
  kAdam,      // Kingma and Ba 2015, algorithm 1, with sqrt(v + epsilon^2) for sqrt(v) + epsilon,
              // whose derivative stays finite where a gradient is 0
};
inline constexpr ChoiceName<InnerOptimizer> kInnerOptimizerNames[] = {
    {"gradient", InnerOptimizer::kGradient},
    {"momentum", InnerOptimizer::kMomentum},
    {"adam", InnerOptimizer::kAdam}};

struct InnerLoopOptions {
  int64_t steps = 1;
  double learning_rate = 0.1;
  GradientOrder order = GradientOrder::kSecond;
  InnerOptimizer optimizer = InnerOptimizer::kGradient;
  double momentum = 0.9;           // beta_1
  double second_momentum = 0.999;  // beta_2
  double epsilon = 1e-8;
};

// What adaptation carries from step to step.
struct InnerState {
  torch::Tensor first, second;  // [T, P] moments; undefined before the first step
  int64_t steps = 0;
};

// The loss of every task, [T], with rows [T, P] at inner step `step`. Task t's loss may depend on
// row t only.
using LossFunction = std::function<torch::Tensor(const Parameters& rows, int64_t step)>;

// One step on every row. With kSecond the result is differentiable through the inner gradient.
// `scale` [1, P] multiplies the step of each parameter: learned rates (Meta-SGD), or ones and zeros
// for a subset that adapts (ANIL, CAVIA); undefined for 1. The result is differentiable in it.
Parameters AdaptStep(const Parameters& rows, const torch::Tensor& losses,
                     const InnerLoopOptions& options, const torch::Tensor& scale,
                     InnerState& state);

// `steps` steps from `rows`, which must require a gradient (or descend from what does). With a
// state they go on from its moments, and leave theirs in it.
Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options,
                 const torch::Tensor& scale, InnerState& state);
Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options,
                 const torch::Tensor& scale = {});

}  // namespace fewstep

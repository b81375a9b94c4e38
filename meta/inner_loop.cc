#include "meta/inner_loop.h"

#include <cmath>
#include <utility>

namespace fewstep {
namespace {

// The direction of a step, [T, P], from the gradient and the moments so far.
torch::Tensor Direction(const torch::Tensor& gradient, const InnerLoopOptions& options,
                        InnerState& state) {
  ++state.steps;
  if (options.optimizer == InnerOptimizer::kGradient) return gradient;

  if (!state.first.defined()) state.first = torch::zeros_like(gradient);
  if (options.optimizer == InnerOptimizer::kMomentum) {
    return state.first = state.first * options.momentum + gradient;
  }

  if (!state.second.defined()) state.second = torch::zeros_like(gradient);
  const double beta1 = options.momentum, beta2 = options.second_momentum;
  state.first = state.first * beta1 + gradient * (1 - beta1);
  state.second = state.second * beta2 + gradient.square() * (1 - beta2);
  const double steps = static_cast<double>(state.steps);
  const torch::Tensor first = state.first / (1 - std::pow(beta1, steps));
  const torch::Tensor second = state.second / (1 - std::pow(beta2, steps));
  return first / (second + options.epsilon * options.epsilon).sqrt();
}

}  // namespace

Parameters AdaptStep(const Parameters& rows, const torch::Tensor& losses,
                     const InnerLoopOptions& options, const torch::Tensor& scale,
                     InnerState& state) {
  // each loss touches its own row, so the gradient of the sum holds every task's own gradient; the
  // graph is kept, as the caller may differentiate what the losses came from
  const torch::Tensor gradient =
      torch::autograd::grad({losses.sum()}, {rows.flat}, {}, /*retain_graph=*/true,
                            /*create_graph=*/options.order == GradientOrder::kSecond)[0];  // [T, P]
  torch::Tensor step = Direction(gradient, options, state) * options.learning_rate;
  if (scale.defined()) step = step * scale;
  return rows.WithFlat(rows.flat - step);
}

Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options,
                 const torch::Tensor& scale, InnerState& state) {
  for (int64_t step = 0; step < options.steps; ++step) {
    rows = AdaptStep(rows, loss(rows, step), options, scale, state);
  }
  return rows;
}

Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options,
                 const torch::Tensor& scale) {
  InnerState state;
  return Adapt(std::move(rows), loss, options, scale, state);
}

}  // namespace fewstep

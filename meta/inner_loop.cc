#include "meta/inner_loop.h"

namespace fewstep {

Parameters AdaptStep(const Parameters& rows, const torch::Tensor& losses, double learning_rate,
                     GradientOrder order) {
  // each loss touches its own row, so the gradient of the sum holds every task's own gradient; the
  // graph is kept, as the caller may differentiate what the losses came from
  const torch::Tensor gradient =
      torch::autograd::grad({losses.sum()}, {rows.flat}, {}, /*retain_graph=*/true,
                            /*create_graph=*/order == GradientOrder::kSecond)[0];  // [T, P]
  return rows.WithFlat(rows.flat - gradient * learning_rate);
}

Parameters Adapt(Parameters rows, const LossFunction& loss, const InnerLoopOptions& options) {
  for (int64_t step = 0; step < options.steps; ++step) {
    rows = AdaptStep(rows, loss(rows, step), options.learning_rate, options.order);
  }
  return rows;
}

}  // namespace fewstep

#include "agents/squashed_gaussian.h"

#include <cmath>
#include <numbers>

namespace fewstep {

SquashedGaussian SquashedGaussian::Of(const torch::Tensor& outputs) {
  const std::vector<torch::Tensor> halves = outputs.chunk(2, -1);
  return {halves[0], halves[1].clamp(kMinLogStd, kMaxLogStd)};
}

SquashedGaussian::Draw SquashedGaussian::Sample(const torch::Tensor& noise) const {
  const torch::Tensor before = mean + log_std.exp() * noise;
  return {.actions = before.tanh(), .log_probs = LogProb(before), .before = before};
}

torch::Tensor SquashedGaussian::LogProb(const torch::Tensor& before) const {
  const torch::Tensor z = (before - mean) * (-log_std).exp();
  const torch::Tensor gaussian = z.square() * -0.5 - log_std - 0.5 * std::log(2 * std::numbers::pi);
  const torch::Tensor squashing = 2 * (std::numbers::ln2 - before - torch::softplus(-2 * before));
  return (gaussian - squashing).sum(-1);
}

}  // namespace fewstep

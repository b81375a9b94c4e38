#include "meta/posterior/latent_posterior.h"

#include <cmath>

#include "core/error.h"

namespace fewstep {
namespace {

// Below this a variance counts as this much, as in the published code.
constexpr double kLeastVariance = 1e-7;

}  // namespace

LatentPosterior LatentPosterior::OfNothing(int64_t tasks, int64_t latent_size, bool with_prior) {
  return {torch::zeros({tasks, latent_size}), torch::zeros({tasks, latent_size}), with_prior};
}

LatentPosterior LatentPosterior::Product(const torch::Tensor& means, const torch::Tensor& variances,
                                         bool with_prior, const torch::Tensor& mask) {
  torch::Tensor precisions = variances.clamp_min(kLeastVariance).reciprocal();
  torch::Tensor weighted = precisions * means;
  if (mask.defined()) {
    // not by a product, which of what is not finite is not zero
    const torch::Tensor counts = mask.unsqueeze(2) != 0;
    precisions = torch::where(counts, precisions, torch::zeros_like(precisions));
    weighted = torch::where(counts, weighted, torch::zeros_like(weighted));
  }
  return {precisions.sum(1), weighted.sum(1), with_prior};
}

LatentPosterior LatentPosterior::With(const LatentPosterior& more) const {
  FEWSTEP_CHECK(with_prior == more.with_prior, "posteriors of two kinds");
  return {precision + more.precision, precision_mean + more.precision_mean, with_prior};
}

torch::Tensor LatentPosterior::variance() const {
  // the prior's precision is 1; it is a factor, or takes the place of none
  if (with_prior) return (precision + 1).reciprocal();
  return torch::where(precision > 0, precision, torch::ones_like(precision)).reciprocal();
}

torch::Tensor LatentPosterior::mean() const { return variance() * precision_mean; }

torch::Tensor LatentPosterior::Sample(const torch::Tensor& noise) const {
  return mean() + variance().sqrt() * noise;
}

torch::Tensor LatentPosterior::KlToPrior() const {
  const torch::Tensor v = variance();
  return 0.5 * (v + mean().square() - 1 - v.log()).sum(1);
}

ContextEncoder::ContextEncoder(int64_t input_size, const std::vector<int64_t>& hidden,
                               int64_t latent_size)
    : latent_size_(latent_size) {
  MlpShape shape;
  shape.widths.push_back(input_size);
  shape.widths.insert(shape.widths.end(), hidden.begin(), hidden.end());
  shape.widths.push_back(2 * latent_size);
  shape.activation = Activation::kRelu;
  network_ = std::make_unique<Mlp>(*layout_, "", shape);
}

LatentPosterior ContextEncoder::Encode(const Parameters& row, const torch::Tensor& contexts,
                                       bool with_prior, const torch::Tensor& mask) const {
  const int64_t tasks = contexts.size(0), count = contexts.size(1);
  return Posterior(network_->Forward(row, contexts.reshape({1, tasks * count, contexts.size(2)})),
                   tasks, with_prior, mask);
}

LatentPosterior ContextEncoder::Posterior(const torch::Tensor& outputs, int64_t tasks,
                                          bool with_prior, const torch::Tensor& mask) const {
  const std::vector<torch::Tensor> halves =
      outputs.view({tasks, -1, 2 * latent_size_}).chunk(2, -1);
  return LatentPosterior::Product(halves[0], torch::softplus(halves[1]), with_prior, mask);
}

torch::Tensor ContextEncoder::FactorGradient(const torch::Tensor& outputs,
                                             const torch::Tensor& by_precision,
                                             const torch::Tensor& by_precision_mean) const {
  const std::vector<torch::Tensor> halves =
      outputs.view({by_precision.size(0), -1, 2 * latent_size_}).chunk(2, -1);
  const torch::Tensor variance = torch::softplus(halves[1]);
  const torch::Tensor p = variance.clamp_min(kLeastVariance).reciprocal();
  const torch::Tensor by_variance =
      (by_precision + by_precision_mean * halves[0]) * -p.square() * (variance >= kLeastVariance);
  return torch::cat({by_precision_mean * p, by_variance * halves[1].sigmoid()}, 2)
      .view({1, -1, 2 * latent_size_});
}

}  // namespace fewstep

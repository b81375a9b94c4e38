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
                                         bool with_prior) {
  const torch::Tensor precisions = variances.clamp_min(kLeastVariance).reciprocal();
  return {precisions.sum(1), (precisions * means).sum(1), with_prior};
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
                                       bool with_prior) const {
  const int64_t tasks = contexts.size(0), count = contexts.size(1);
  const torch::Tensor outputs =
      network_->Forward(row, contexts.reshape({1, tasks * count, contexts.size(2)}))
          .view({tasks, count, 2 * latent_size_});
  const std::vector<torch::Tensor> halves = outputs.chunk(2, -1);
  return LatentPosterior::Product(halves[0], torch::softplus(halves[1]), with_prior);
}

}  // namespace fewstep

#include "agents/networks/normalization.h"

#include "agents/networks/batch_norm.h"

namespace fewstep {
namespace {

torch::Tensor OfChannels(const torch::Tensor& values) { return values.view({1, -1, 1, 1}); }

torch::Tensor Rectified(torch::Tensor x, double slope) {
  if (slope == 1) return x;
  return slope == 0 ? x.relu_() : at::leaky_relu_(x, slope);
}

}  // namespace

torch::Tensor Normalizer::Batch(const torch::Tensor& x, const torch::Tensor& gain,
                                const torch::Tensor& offset, double slope) {
  const size_t index = next_++;
  BatchNormResult result;
  if (context_.given == nullptr || context_.record != nullptr) {
    const torch::Tensor factor = gain.defined() ? gain : torch::ones_like(offset);
    result = RectifiedBatchNorm(x, factor, offset, shape_.epsilon, slope);
  }
  if (context_.record != nullptr) {
    context_.record->means.push_back(result.mean.view({tasks_, -1}));
    const torch::Tensor variance = result.inverse_deviation.pow(-2) - shape_.epsilon;
    context_.record->variances.push_back(variance.clamp_min(0).view({tasks_, -1}));
  }
  if (context_.given == nullptr) return result.y;
  const auto all = [&](const torch::Tensor& of) {
    return of.expand({tasks_, of.size(1)}).reshape({-1});
  };
  torch::Tensor scale = (all(context_.given->variances[index]) + shape_.epsilon).rsqrt();
  if (gain.defined()) scale = scale * gain;
  const torch::Tensor shift = offset - all(context_.given->means[index]) * scale;
  return Rectified(torch::addcmul(OfChannels(shift), x, OfChannels(scale)), slope);
}

torch::Tensor Normalizer::OfGroups(const torch::Tensor& x, const torch::Tensor& gain,
                                   const torch::Tensor& offset) const {
  const int64_t groups = shape_.kind == Normalization::kGroup ? shape_.groups : 1;
  const torch::Tensor grouped = x.reshape({x.size(0), tasks_ * groups, -1});
  const torch::Tensor variance = grouped.var({2}, /*unbiased=*/false, /*keepdim=*/true);
  const torch::Tensor mean = grouped.mean({2}, /*keepdim=*/true);
  const torch::Tensor normal =
      ((grouped - mean) * (variance + shape_.epsilon).rsqrt()).view(x.sizes());
  if (!gain.defined()) return normal + OfChannels(offset);
  return torch::addcmul(OfChannels(offset), normal, OfChannels(gain));
}

torch::Tensor Normalizer::operator()(const torch::Tensor& x, const torch::Tensor& gain,
                                     const torch::Tensor& offset, double slope) {
  switch (shape_.kind) {
    case Normalization::kNone:
      return Rectified(x + OfChannels(offset), slope);
    case Normalization::kBatch:
      return Batch(x, gain, offset, slope);
    case Normalization::kGroup:
    case Normalization::kLayer:
      return Rectified(OfGroups(x, gain, offset), slope);
  }
  return x;
}

}  // namespace fewstep

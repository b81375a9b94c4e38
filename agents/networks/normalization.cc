#include "agents/networks/normalization.h"

#include <tuple>

namespace fewstep {
namespace {

torch::Tensor OfChannels(const torch::Tensor& values) { return values.view({1, -1, 1, 1}); }

}  // namespace

torch::Tensor Normalizer::Batch(const torch::Tensor& x, const torch::Tensor& gain,
                                const torch::Tensor& offset) {
  const size_t index = next_++;
  torch::Tensor result, mean, inverse_deviation;
  if (context_.given == nullptr || context_.record != nullptr) {
    // its second derivative wants a factor where there is an offset
    const torch::Tensor factor = gain.defined() ? gain : torch::ones_like(offset);
    std::tie(result, mean, inverse_deviation) = at::native_batch_norm(
        x, factor, offset, {}, {}, /*training=*/true, /*momentum=*/0, shape_.epsilon);
  }
  if (context_.record != nullptr) {
    context_.record->means.push_back(mean.detach().view({tasks_, -1}));
    const torch::Tensor variance = inverse_deviation.detach().pow(-2) - shape_.epsilon;
    context_.record->variances.push_back(variance.clamp_min(0).view({tasks_, -1}));
  }
  if (context_.given == nullptr) return result;
  const auto all = [&](const torch::Tensor& of) {
    return of.expand({tasks_, of.size(1)}).reshape({-1});
  };
  torch::Tensor scale = (all(context_.given->variances[index]) + shape_.epsilon).rsqrt();
  if (gain.defined()) scale = scale * gain;
  const torch::Tensor shift = offset - all(context_.given->means[index]) * scale;
  return torch::addcmul(OfChannels(shift), x, OfChannels(scale));
}

torch::Tensor Normalizer::operator()(const torch::Tensor& x, const torch::Tensor& gain,
                                     const torch::Tensor& offset) {
  switch (shape_.kind) {
    case Normalization::kNone:
      return x + OfChannels(offset);
    case Normalization::kBatch:
      return Batch(x, gain, offset);
    case Normalization::kGroup:
    case Normalization::kLayer: {
      const int64_t groups = shape_.kind == Normalization::kGroup ? shape_.groups : 1;
      const torch::Tensor grouped = x.reshape({x.size(0), tasks_ * groups, -1});
      const torch::Tensor variance = grouped.var({2}, /*unbiased=*/false, /*keepdim=*/true);
      const torch::Tensor mean = grouped.mean({2}, /*keepdim=*/true);
      const torch::Tensor normal =
          ((grouped - mean) * (variance + shape_.epsilon).rsqrt()).view(x.sizes());
      if (!gain.defined()) return normal + OfChannels(offset);
      return torch::addcmul(OfChannels(offset), normal, OfChannels(gain));
    }
  }
  return x;
}

}  // namespace fewstep

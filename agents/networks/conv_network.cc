#include "agents/networks/conv_network.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr int64_t kKernel = 3, kPadding = 1;

// [T, B, C, H, W] convolved by [T, O, C, k, k], or [1, O, C, k, k] for all tasks.
torch::Tensor ConvolveTasks(const torch::Tensor& x, const torch::Tensor& weight, int64_t stride) {
  const int64_t tasks = x.size(0), batch = x.size(1);
  const ConvolutionShape shape{.stride = stride, .padding = kPadding};
  if (weight.size(0) == 1) {
    const torch::Tensor y = Convolve(x.flatten(0, 1), weight[0], shape);
    return y.view({tasks, batch, y.size(1), y.size(2), y.size(3)});
  }
  std::vector<torch::Tensor> parts;
  for (int64_t t = 0; t < tasks; ++t) parts.push_back(Convolve(x[t], weight[t], shape));
  return torch::stack(parts);
}

// [T, B, C, H, W] by maxima of 2 x 2.
torch::Tensor Pooled(const torch::Tensor& x) {
  const torch::Tensor y = torch::max_pool2d(x.flatten(0, 1), {2, 2});
  return y.view({x.size(0), x.size(1), y.size(1), y.size(2), y.size(3)});
}

}  // namespace

ConvNetwork::ConvNetwork(ParameterLayout& layout, const std::string& prefix, ConvNetworkShape shape)
    : shape_(std::move(shape)), first_slice_(layout.slices().size()) {
  int64_t channels = shape_.channels, height = shape_.height, width = shape_.width;
  for (size_t i = 0; i < shape_.blocks.size(); ++i) {
    const std::string name = fmt::format("{}block{}.", prefix, i);
    // the fan-out counts the kernel as the fan-in does, which the array's own shape does not say
    constexpr int64_t kPlaces = kKernel * kKernel;
    const double scale = std::sqrt(static_cast<double>(kPlaces * channels + shape_.filters) /
                                   static_cast<double>(kPlaces * (channels + shape_.filters)));
    layout.Add(name + "weight", {channels * kPlaces, shape_.filters}, ParameterRole::kBody,
               Initial::Xavier(scale));
    layout.Add(name + "offset", {shape_.filters});
    const bool normalized = shape_.normalization != Normalization::kNone;
    if (normalized && shape_.gain) {
      layout.Add(name + "gain", {shape_.filters}, ParameterRole::kBody, Initial::Constant(1));
    }
    channels = shape_.filters;
    for (int64_t* side : {&height, &width}) {
      *side = (*side + 2 * kPadding - kKernel) / shape_.blocks[i].stride + 1;
      if (shape_.blocks[i].pool) *side /= 2;
    }
    if (height < 1 || width < 1) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("pictures of {} x {} pixels have no place left after {} blocks",
                              shape_.height, shape_.width, i + 1),
                  {.remedy = "Take larger pictures, fewer blocks or smaller strides"});
    }
  }
  if (shape_.normalization == Normalization::kGroup && shape_.filters % shape_.groups != 0) {
    throw Error(ErrorKind::kUsage, fmt::format("{} filters are no whole number of {} groups",
                                               shape_.filters, shape_.groups));
  }
  features_ = shape_.spatial_mean ? channels : channels * height * width;
  if (shape_.outputs > 0) {
    layout.Add(prefix + "head.weight", {features_, shape_.outputs}, ParameterRole::kHead,
               Initial::Xavier());
    layout.Add(prefix + "head.bias", {1, shape_.outputs}, ParameterRole::kHead);
  }
}

torch::Tensor ConvNetwork::Normalized(const torch::Tensor& x, const torch::Tensor& gain,
                                      const torch::Tensor& offset, size_t block,
                                      const NormContext& norm) const {
  const int64_t tasks = x.size(0), batch = x.size(1), channels = x.size(2);
  const auto by_channel = [&](const torch::Tensor& of) {
    return of.view({of.size(0), 1, channels, 1, 1});
  };
  torch::Tensor normal = x;
  switch (shape_.normalization) {
    case Normalization::kNone:
      return x + by_channel(offset);
    case Normalization::kBatch: {
      torch::Tensor mean, variance;
      if (norm.given == nullptr || norm.record != nullptr) {
        variance = x.var({1, 3, 4}, /*unbiased=*/false, /*keepdim=*/true);
        mean = x.mean({1, 3, 4}, /*keepdim=*/true);
      }
      if (norm.record != nullptr) {
        norm.record->means.push_back(mean.detach());
        norm.record->variances.push_back(variance.detach());
      }
      if (norm.given != nullptr) {
        mean = norm.given->means[block];
        variance = norm.given->variances[block];
      }
      normal = (x - mean) * (variance + shape_.epsilon).rsqrt();
      break;
    }
    case Normalization::kGroup:
    case Normalization::kLayer: {
      const int64_t groups = shape_.normalization == Normalization::kGroup ? shape_.groups : 1;
      const torch::Tensor grouped = x.reshape({tasks, batch, groups, -1});
      const torch::Tensor variance = grouped.var({3}, /*unbiased=*/false, /*keepdim=*/true);
      const torch::Tensor mean = grouped.mean({3}, /*keepdim=*/true);
      normal = ((grouped - mean) * (variance + shape_.epsilon).rsqrt()).view(x.sizes());
      break;
    }
  }
  if (gain.defined()) normal = normal * by_channel(gain);
  return normal + by_channel(offset);
}

torch::Tensor ConvNetwork::Forward(const Parameters& rows, const torch::Tensor& pictures,
                                   const NormContext& norm) const {
  const int64_t num_rows = rows.num_tasks(), tasks = pictures.size(0);
  FEWSTEP_CHECK(num_rows == 1 || num_rows == tasks, "{} rows for {} tasks", num_rows, tasks);
  if (norm.record != nullptr) *norm.record = {};
  const bool has_gain = shape_.normalization != Normalization::kNone && shape_.gain;
  torch::Tensor x = pictures;
  size_t slice = first_slice_;
  for (size_t i = 0; i < shape_.blocks.size(); ++i) {
    // stored [C k k, O], as an array of inputs and outputs
    const torch::Tensor weight = rows.View(slice++).transpose(1, 2).reshape(
        {num_rows, shape_.filters, x.size(2), kKernel, kKernel});
    const torch::Tensor offset = rows.View(slice++);
    const torch::Tensor gain = has_gain ? rows.View(slice++) : torch::Tensor();
    x = ConvolveTasks(x, weight, shape_.blocks[i].stride);
    x = Normalized(x, gain, offset, i, norm).relu();
    if (shape_.blocks[i].pool) x = Pooled(x);
  }
  x = shape_.spatial_mean ? x.mean({3, 4}) : x.flatten(2);  // [T, B, features]
  if (shape_.outputs == 0) return x;
  const torch::Tensor weight = rows.View(slice++), bias = rows.View(slice++);
  if (num_rows == 1) return x.matmul(weight[0]) + bias;
  return torch::baddbmm(bias, x, weight);
}

}  // namespace fewstep

#include "agents/networks/conv_layer.h"

#include <cmath>

#include "agents/networks/convolution.h"
#include "core/error.h"

namespace fewstep {

ConvLayer::ConvLayer(ParameterLayout& layout, const std::string& name, const Shape& shape)
    : shape_(shape), slice_(layout.slices().size()) {
  // the fan-out counts the kernel as the fan-in does, which the array's own shape does not say
  const int64_t places = shape.kernel * shape.kernel;
  const double scale = std::sqrt(static_cast<double>(places * shape.in + shape.out) /
                                 static_cast<double>(places * (shape.in + shape.out)));
  layout.Add(name + ".weight", {shape.out, shape.in * places}, ParameterRole::kBody,
             Initial::Xavier(scale));
  layout.Add(name + ".offset", {shape.out},
             shape.normalized ? ParameterRole::kNorm : ParameterRole::kBody);
  shape_.gain = shape.normalized && shape.gain;
  if (shape_.gain) {
    layout.Add(name + ".gain", {shape.out}, ParameterRole::kNorm, Initial::Constant(1));
  }
}

int64_t ConvLayer::Side(int64_t side) const { return (side - 1) / shape_.stride + 1; }

torch::Tensor ConvLayer::Forward(const ParameterArrays& rows, const torch::Tensor& x,
                                 Normalizer& normalize, double slope) const {
  const int64_t tasks = rows.num_tasks();
  const torch::Tensor weight =
      rows[slice_]
          .reshape({tasks * shape_.out, shape_.in, shape_.kernel, shape_.kernel})
          .contiguous(x.suggest_memory_format());
  const torch::Tensor y =
      Convolve(x, weight, {.stride = shape_.stride, .padding = shape_.kernel / 2, .groups = tasks});
  return normalize(y, shape_.gain ? rows[slice_ + 2].flatten() : torch::Tensor(),
                   rows[slice_ + 1].flatten(), slope);
}

void CheckPlaces(int64_t left_height, int64_t left_width, int64_t height, int64_t width,
                 size_t blocks) {
  if (left_height >= 1 && left_width >= 1) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("pictures of {} x {} pixels have no place left after {} blocks", height,
                          width, blocks),
              {.remedy = "Take larger pictures, fewer blocks or smaller strides"});
}

void CheckGroups(const Normalizer::Shape& normalization, const std::vector<int64_t>& channels) {
  if (normalization.kind != Normalization::kGroup) return;
  for (const int64_t of : channels) {
    if (of % normalization.groups == 0) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("{} channels are no whole number of {} groups of a normalisation", of,
                            normalization.groups));
  }
}

torch::Tensor FeaturesOf(const torch::Tensor& x, int64_t tasks, bool spatial_mean) {
  const torch::Tensor by_task = x.view({x.size(0), tasks, -1, x.size(2), x.size(3)});
  return spatial_mean ? by_task.mean({3, 4}) : by_task.flatten(2);
}

std::optional<size_t> AddHead(ParameterLayout& layout, const std::string& prefix, int64_t features,
                              int64_t outputs) {
  if (outputs == 0) return std::nullopt;
  const size_t slice = layout.Add(prefix + "head.weight", {features, outputs}, ParameterRole::kHead,
                                  Initial::Xavier());
  layout.Add(prefix + "head.bias", {1, outputs}, ParameterRole::kHead);
  return slice;
}

torch::Tensor ApplyHead(const ParameterArrays& rows, std::optional<size_t> slice,
                        const torch::Tensor& features) {
  if (!slice) return features;
  const torch::Tensor &weight = rows[*slice], &bias = rows[*slice + 1];
  if (rows.num_tasks() == 1) return features.matmul(weight[0]) + bias;
  return torch::baddbmm(bias, features, weight);
}

}  // namespace fewstep

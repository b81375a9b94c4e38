#include "agents/networks/residual_network.h"

#include <functional>
#include <utility>

#include "core/error.h"

namespace fewstep {

constexpr int kConvs = 3;
constexpr double kSlope = 0.1;

ResidualNetwork::ResidualNetwork(ParameterLayout& layout, const std::string& prefix,
                                 ResidualNetworkShape shape)
    : shape_(std::move(shape)) {
  int64_t in = shape_.channels, height = shape_.height, width = shape_.width;
  const bool normalized = shape_.normalization.kind != Normalization::kNone;
  for (size_t i = 0; i < shape_.widths.size(); ++i) {
    const std::string name = fmt::format("{}block{}.", prefix, i);
    const int64_t out = shape_.widths[i];
    std::vector<ConvLayer> convs;
    for (int c = 0; c < kConvs; ++c) {
      convs.emplace_back(
          layout, fmt::format("{}conv{}", name, c),
          ConvLayer::Shape{.in = c == 0 ? in : out, .out = out, .normalized = normalized});
    }
    blocks_.push_back({std::move(convs),
                       ConvLayer(layout, name + "shortcut",
                                 {.in = in, .out = out, .kernel = 1, .normalized = normalized})});
    // of every layer what is convolved and normalised
    kept_numbers_ +=
        (normalized ? 2.0 : 1.0) * (kConvs + 1) * static_cast<double>(out * height * width);
    in = out;
    height /= 2;
    width /= 2;
    CheckPlaces(height, width, shape_.height, shape_.width, i + 1);
  }
  CheckGroups(shape_.normalization, shape_.widths);
  maps_.channels = in;
  if (!shape_.spatial_mean) maps_ = {in, height, width};
  head_ = AddHead(layout, prefix, maps_.size(), shape_.outputs);
}

std::vector<int64_t> ResidualNetwork::norm_channels() const {
  std::vector<int64_t> channels;
  if (shape_.normalization.kind != Normalization::kBatch) return channels;
  for (const int64_t width : shape_.widths) channels.insert(channels.end(), kConvs + 1, width);
  return channels;
}

torch::Tensor ResidualNetwork::Features(const ParameterArrays& rows, torch::Tensor x,
                                        const NormContext& norm) const {
  Normalizer normalize(shape_.normalization, rows.num_tasks(), norm);
  x = x.contiguous(at::MemoryFormat::ChannelsLast);
  for (const Block& block : blocks_) {
    torch::Tensor y = x;
    for (size_t c = 0; c < block.convs.size(); ++c) {
      y = block.convs[c].Forward(rows, y, normalize, c + 1 < block.convs.size() ? kSlope : 1);
    }
    x = at::leaky_relu(y + block.shortcut.Forward(rows, x, normalize, 1), kSlope);
    x = torch::max_pool2d(x, {2, 2});
  }
  return FeaturesOf(x, rows.num_tasks(), shape_.spatial_mean);
}

torch::Tensor ResidualNetwork::Forward(const Parameters& rows, const torch::Tensor& pictures,
                                       const NormContext& norm) const {
  const NetworkOfTasks features = std::bind_front(&ResidualNetwork::Features, this);
  const ParameterArrays arrays(rows);
  return ApplyHead(arrays, head_, MapTasks(arrays, pictures, norm, features));
}

}  // namespace fewstep

#include "agents/networks/conv_network.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace fewstep {

ConvNetwork::ConvNetwork(ParameterLayout& layout, const std::string& prefix, ConvNetworkShape shape)
    : shape_(std::move(shape)) {
  int64_t channels = shape_.channels, height = shape_.height, width = shape_.width;
  const bool normalized = shape_.normalization.kind != Normalization::kNone;
  for (size_t i = 0; i < shape_.blocks.size(); ++i) {
    const ConvBlock& block = shape_.blocks[i];
    layers_.emplace_back(layout, fmt::format("{}block{}", prefix, i),
                         ConvLayer::Shape{.in = channels,
                                          .out = shape_.filters,
                                          .stride = block.stride,
                                          .normalized = normalized,
                                          .gain = shape_.gain});
    channels = shape_.filters;
    // what is convolved, normalised and rectified; of what is pooled the places, too
    const double places = static_cast<double>(layers_.back().Side(height)) *
                          static_cast<double>(layers_.back().Side(width));
    kept_numbers_ +=
        static_cast<double>(channels) * places * ((normalized ? 2 : 1) + (block.pool ? 0.5 : 0));
    for (int64_t* side : {&height, &width}) {
      *side = layers_.back().Side(*side);
      if (block.pool) *side /= 2;
    }
    CheckPlaces(height, width, shape_.height, shape_.width, i + 1);
  }
  CheckGroups(shape_.normalization, {shape_.filters});
  maps_.channels = channels;
  if (!shape_.spatial_mean) maps_ = {channels, height, width};
  head_ = AddHead(layout, prefix, maps_.size(), shape_.outputs);
}

std::vector<int64_t> ConvNetwork::norm_channels() const {
  if (shape_.normalization.kind != Normalization::kBatch) return {};
  return std::vector<int64_t>(shape_.blocks.size(), shape_.filters);
}

torch::Tensor ConvNetwork::Features(const ParameterArrays& rows, torch::Tensor x,
                                    const NormContext& norm) const {
  Normalizer normalize(shape_.normalization, rows.num_tasks(), norm);
  // maxima over places are four times as fast with channels side by side, on processors
  const bool pools = std::ranges::any_of(shape_.blocks, &ConvBlock::pool);
  x = x.contiguous(pools ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i].Forward(rows, x, normalize, /*slope=*/0);
    if (shape_.blocks[i].pool) x = torch::max_pool2d(x, {2, 2});
  }
  return FeaturesOf(x, rows.num_tasks(), shape_.spatial_mean);
}

torch::Tensor ConvNetwork::Forward(const Parameters& rows, const torch::Tensor& pictures,
                                   const NormContext& norm) const {
  const NetworkOfTasks features = std::bind_front(&ConvNetwork::Features, this);
  const ParameterArrays arrays(rows);
  return ApplyHead(arrays, head_, MapTasks(arrays, pictures, norm, features));
}

}  // namespace fewstep

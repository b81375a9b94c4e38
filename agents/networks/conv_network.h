// The convolutional networks of few-shot learning: blocks of a convolution, a normalisation, ReLU
// and perhaps a pooling, then a vector of features, then perhaps a linear layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/networks/by_task.h"
#include "agents/networks/conv_layer.h"

namespace fewstep {

struct ConvBlock {
  int64_t stride = 1;
  bool pool = false;  // 2x2, stride 2, what is left over is dropped
};

struct ConvNetworkShape {
  int64_t channels = 1, height = 28, width = 28;  // of a picture
  int64_t filters = 64;
  std::vector<ConvBlock> blocks;
  Normalizer::Shape normalization;
  bool gain = true;           // the normalisation has a learned factor beside its learned offset
  bool spatial_mean = false;  // features are means over places, instead of all of them
  int64_t outputs = 0;        // of the linear layer; 0: none, the features are what it gives
};

// Immutable.
class ConvNetwork {
 public:
  // Appends to `layout`: prefix + "block0.weight" [filters, C k k], "block0.offset", "block0.gain",
  // ..., "head.weight", "head.bias". Throws Error(kUsage) where blocks leave no place of a picture.
  ConvNetwork(ParameterLayout& layout, const std::string& prefix, ConvNetworkShape shape);

  const ConvNetworkShape& shape() const { return shape_; }
  const FeatureMaps& features() const { return maps_; }  // before the linear layer
  int64_t outputs() const { return shape_.outputs > 0 ? shape_.outputs : maps_.size(); }
  // Numbers of one picture that a pass keeps for its gradient.
  double kept_numbers() const { return kept_numbers_; }
  // Channels of each batch normalisation, in their order.
  std::vector<int64_t> norm_channels() const;

  // pictures [T, B, C, H, W] -> [T, B, outputs()], with rows [T, P], or one row for all [1, P].
  // Batch normalisation never mixes tasks.
  torch::Tensor Forward(const Parameters& rows, const torch::Tensor& pictures,
                        const NormContext& norm = {}) const;

 private:
  torch::Tensor Features(const ParameterArrays& rows, torch::Tensor x,
                         const NormContext& norm) const;

  ConvNetworkShape shape_;
  std::vector<ConvLayer> layers_;  // a block each
  std::optional<size_t> head_;     // its first slice
  FeatureMaps maps_;
  double kept_numbers_ = 0;
};

}  // namespace fewstep

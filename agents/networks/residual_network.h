// ResNet-12 as few-shot learning has it: blocks of three convolutions of 3x3 beside one of 1x1,
// leaky ReLU, maxima of 2x2 (Mishra et al., "A Simple Neural Attentive Meta-Learner", ICLR 2018,
// appendix; Lee et al., "Meta-Learning with Differentiable Convex Optimization", CVPR 2019),
// without their DropBlock.
#pragma once

#include <string>
#include <vector>

#include "agents/networks/by_task.h"
#include "agents/networks/conv_layer.h"

namespace fewstep {

struct ResidualNetworkShape {
  int64_t channels = 3, height = 84, width = 84;      // of a picture
  std::vector<int64_t> widths = {64, 160, 320, 640};  // channels of each block
  Normalizer::Shape normalization;
  bool spatial_mean = true;  // features are means over places, instead of all of them
  int64_t outputs = 0;       // of the linear layer; 0: none
};

// Immutable.
class ResidualNetwork {
 public:
  // Appends prefix + "block0.conv0.weight", ..., "block0.shortcut.weight", ..., "head.weight",
  // "head.bias". Throws Error(kUsage) where blocks leave no place of a picture.
  ResidualNetwork(ParameterLayout& layout, const std::string& prefix, ResidualNetworkShape shape);

  const FeatureMaps& features() const { return maps_; }  // before the linear layer
  int64_t outputs() const { return shape_.outputs > 0 ? shape_.outputs : maps_.size(); }
  double kept_numbers() const { return kept_numbers_; }  // as ConvNetwork
  std::vector<int64_t> norm_channels() const;            // as ConvNetwork

  // pictures [T, B, C, H, W] -> [T, B, outputs()], with rows [T, P], or one row for all [1, P].
  torch::Tensor Forward(const Parameters& rows, const torch::Tensor& pictures,
                        const NormContext& norm = {}) const;

 private:
  struct Block {
    std::vector<ConvLayer> convs;
    ConvLayer shortcut;
  };
  torch::Tensor Features(const ParameterArrays& rows, torch::Tensor x,
                         const NormContext& norm) const;

  ResidualNetworkShape shape_;
  std::vector<Block> blocks_;
  std::optional<size_t> head_;  // its first slice
  FeatureMaps maps_;
  double kept_numbers_ = 0;
};

}  // namespace fewstep

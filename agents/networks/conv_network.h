// The convolutional networks of few-shot learning: blocks of a convolution, a normalisation, ReLU
// and perhaps a pooling, then a vector of features, then perhaps a linear layer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/networks/convolution.h"
#include "agents/parameters.h"
#include "core/config.h"

namespace fewstep {

// What a block's channels are divided by their mean and deviation over.
enum class Normalization {
  kBatch,  // examples and places (Ioffe and Szegedy 2015); of a task by itself
  kGroup,  // places and a group of channels of each example (Wu and He 2018)
  kLayer,  // places and all channels of each example
  kNone,
};
inline constexpr ChoiceName<Normalization> kNormalizationNames[] = {
    {"batch", Normalization::kBatch},
    {"group", Normalization::kGroup},
    {"layer", Normalization::kLayer},
    {"none", Normalization::kNone}};

struct ConvBlock {
  int64_t stride = 1;
  bool pool = false;  // 2x2, stride 2, what is left over is dropped
};

struct ConvNetworkShape {
  int64_t channels = 1, height = 28, width = 28;  // of a picture
  int64_t filters = 64;
  std::vector<ConvBlock> blocks;
  Normalization normalization = Normalization::kBatch;
  int64_t groups = 8;         // of kGroup
  double epsilon = 1e-5;      // added to variances
  bool gain = true;           // the normalisation has a learned factor beside its learned offset
  bool spatial_mean = false;  // features are means over places, instead of all of them
  int64_t outputs = 0;        // of the linear layer; 0: none, the features are what it gives
};

// Means and variances of every block of batch normalisation: [T, 1, C, 1, 1] each.
struct NormStatistics {
  std::vector<torch::Tensor> means, variances;

  bool empty() const { return means.empty(); }
};

// How batch normalisation gets its statistics.
struct NormContext {
  const NormStatistics* given = nullptr;  // these; null: those of the examples themselves
  NormStatistics* record = nullptr;       // where to write those of the examples; or null
};

// Immutable. Weights start as Glorot and Bengio's uniform ("Xavier"), of a convolution with 9 C
// inputs and 9 O outputs; offsets and biases at 0, gains at 1.
class ConvNetwork {
 public:
  // Appends to `layout`: prefix + "block0.weight" [C k k, filters], "block0.offset", "block0.gain",
  // ..., "head.weight", "head.bias". Throws Error(kUsage) where blocks leave no place of a picture.
  ConvNetwork(ParameterLayout& layout, const std::string& prefix, ConvNetworkShape shape);

  const ConvNetworkShape& shape() const { return shape_; }
  int64_t features() const { return features_; }
  int64_t outputs() const { return shape_.outputs > 0 ? shape_.outputs : features_; }

  // pictures [T, B, C, H, W] -> [T, B, outputs()], with rows [T, P], or one row for all [1, P].
  // Batch normalisation never mixes tasks.
  torch::Tensor Forward(const Parameters& rows, const torch::Tensor& pictures,
                        const NormContext& norm = {}) const;

 private:
  torch::Tensor Normalized(const torch::Tensor& x, const torch::Tensor& gain,
                           const torch::Tensor& offset, size_t block,
                           const NormContext& norm) const;

  ConvNetworkShape shape_;
  size_t first_slice_;
  int64_t features_ = 0;
};

}  // namespace fewstep

// A convolution and the normalisation behind it, as a function of slices of rows of parameters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/networks/normalization.h"
#include "agents/parameters.h"

namespace fewstep {

// Immutable. The weight starts as Glorot and Bengio's uniform ("Xavier"), of a convolution with
// k k C inputs and k k O outputs; the offset at 0, the gain at 1.
class ConvLayer {
 public:
  struct Shape {
    int64_t in = 1, out = 1;  // channels
    int64_t kernel = 3;       // padded so that a stride of 1 keeps the size
    int64_t stride = 1;
    bool normalized = true;  // false: the offset is a bias
    bool gain = true;  // whether the normalisation has a learned factor beside its learned offset
  };

  // Appends name + ".weight" [out, in k k], ".offset" [out], ".gain" [out].
  ConvLayer(ParameterLayout& layout, const std::string& name, const Shape& shape);

  // Of a side of a picture, what is left.
  int64_t Side(int64_t side) const;

  // Of G tasks side by side: x [B, G * in, H, W] -> [B, G * out, H', W'], in the memory format of
  // x; what is below 0 times `slope`.
  torch::Tensor Forward(const ParameterArrays& rows, const torch::Tensor& x, Normalizer& normalize,
                        double slope) const;

 private:
  Shape shape_;
  size_t slice_;
};

// Features as maps of channels; of a vector height and width are 1.
struct FeatureMaps {
  int64_t channels = 1, height = 1, width = 1;
  int64_t size() const { return channels * height * width; }
};

// What networks of such layers have in common.
// Throws Error(kUsage) when nothing is left of pictures of height x width after so many blocks.
void CheckPlaces(int64_t left_height, int64_t left_width, int64_t height, int64_t width,
                 size_t blocks);
// Throws Error(kUsage) when a number of channels is no whole number of groups.
void CheckGroups(const Normalizer::Shape& normalization, const std::vector<int64_t>& channels);
// x [B, G * C, H, W] -> features [B, G, F]: all places of all channels, or means over places.
torch::Tensor FeaturesOf(const torch::Tensor& x, int64_t tasks, bool spatial_mean);
// A linear layer at the end: appends prefix + "head.weight", "head.bias" where there are outputs,
// and returns its first slice; without outputs there is none. Then features [T, B, F] with rows of
// T tasks or of one -> [T, B, outputs]; features as they are without a layer.
std::optional<size_t> AddHead(ParameterLayout& layout, const std::string& prefix, int64_t features,
                              int64_t outputs);
torch::Tensor ApplyHead(const ParameterArrays& rows, std::optional<size_t> slice,
                        const torch::Tensor& features);

}  // namespace fewstep

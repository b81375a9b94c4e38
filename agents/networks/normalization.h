// Normalisation of the channels of pictures, of several tasks side by side.
#pragma once

#include <vector>

#include "agents/torch.h"
#include "core/config.h"

namespace fewstep {

// What a channel is divided by its mean and deviation over.
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

// Means and variances of every batch normalisation of a network, in their order: [T, C] each, or
// [1, C] for all tasks.
struct NormStatistics {
  std::vector<torch::Tensor> means, variances;

  bool empty() const { return means.empty(); }
};

// How batch normalisation gets its statistics.
struct NormContext {
  const NormStatistics* given = nullptr;  // these; null: those of the examples themselves
  NormStatistics* record = nullptr;       // where to write those of the examples; or null
};

// One pass through the normalisations of a network, for `tasks` tasks whose channels lie one behind
// the other.
class Normalizer {
 public:
  struct Shape {
    Normalization kind = Normalization::kBatch;
    int64_t groups = 8;     // of kGroup
    double epsilon = 1e-5;  // added to variances
  };
  Normalizer(const Shape& shape, int64_t tasks, const NormContext& context)
      : shape_(shape), tasks_(tasks), context_(context) {}

  // The next normalisation and the rectifier behind it: x [B, T * C, H, W] -> the same shape, with
  // factor and offset [T * C]; a factor that is undefined is 1. Below 0 numbers are multiplied by
  // `slope`: 0 is ReLU, 1 is no rectifier.
  torch::Tensor operator()(const torch::Tensor& x, const torch::Tensor& gain,
                           const torch::Tensor& offset, double slope);

 private:
  torch::Tensor Batch(const torch::Tensor& x, const torch::Tensor& gain,
                      const torch::Tensor& offset, double slope);
  torch::Tensor OfGroups(const torch::Tensor& x, const torch::Tensor& gain,
                         const torch::Tensor& offset) const;

  Shape shape_;
  int64_t tasks_;
  NormContext context_;
  size_t next_ = 0;
};

}  // namespace fewstep

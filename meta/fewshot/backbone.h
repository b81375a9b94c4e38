// The network of a few-shot learner, as a recipe chooses it: of pictures or of vectors, to features
// or to outputs.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agents/networks/conv_network.h"
#include "agents/networks/mlp.h"
#include "agents/networks/residual_network.h"
#include "core/config.h"
#include "data/example_set.h"

namespace fewstep {

enum class BackboneKind { kConv, kResidual, kMlp };
inline constexpr ChoiceName<BackboneKind> kBackboneNames[] = {{"conv", BackboneKind::kConv},
                                                              {"resnet", BackboneKind::kResidual},
                                                              {"mlp", BackboneKind::kMlp}};
inline constexpr ChoiceName<Activation> kActivationNames[] = {{"relu", Activation::kRelu},
                                                              {"tanh", Activation::kTanh}};

struct BackboneOptions : Options {
  BackboneKind kind = BackboneKind::kConv;
  // of kConv
  int64_t filters = 64;
  std::vector<int64_t> strides = {2, 2, 2, 2};
  int64_t pool_blocks = 0;  // so many of them, the first, end with maxima of 2x2
  bool gain = true;
  // of kResidual
  std::vector<int64_t> widths = {64, 160, 320, 640};
  // of both
  Normalization normalization = Normalization::kBatch;
  bool spatial_mean = false;
  double epsilon = 1e-5;
  // of kMlp
  std::vector<int64_t> hidden = {64, 64};
  Activation activation = Activation::kRelu;
  MlpInitial initial = MlpInitial::kXavier;
  std::string weights;  // a file that it starts from (weights.h); "": it starts by chance
  void Visit(FieldVisitor& visitor) override;
};

// Immutable.
class Backbone {
 public:
  // `outputs` of a linear layer at its end; 0: features. Throws Error(kUsage) where the network
  // does not take such examples.
  Backbone(ParameterLayout& layout, const std::string& prefix, const BackboneOptions& options,
           const ExampleShape& example, int64_t outputs);

  int64_t outputs() const;
  // Before the linear layer; of a perceptron what it gives.
  FeatureMaps features() const;
  // Numbers of one example that a pass keeps for its gradient.
  double kept_numbers() const;
  // Channels of each batch normalisation, in their order; empty: no batch statistics matter to it.
  std::vector<int64_t> norm_channels() const;

  // examples [T, B, ...] -> [T, B, outputs()], with rows [T, P] or [1, P].
  torch::Tensor Forward(const Parameters& rows, const torch::Tensor& examples,
                        const NormContext& norm = {}) const;

 private:
  std::variant<ConvNetwork, ResidualNetwork, Mlp> network_;
};

}  // namespace fewstep

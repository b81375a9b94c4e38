// The network of a few-shot learner, as a recipe chooses it: of pictures or of vectors, to features
// or to outputs.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "agents/networks/conv_network.h"
#include "agents/networks/mlp.h"
#include "core/config.h"
#include "data/example_set.h"

namespace fewstep {

enum class BackboneKind { kConv, kMlp };
inline constexpr ChoiceName<BackboneKind> kBackboneNames[] = {{"conv", BackboneKind::kConv},
                                                              {"mlp", BackboneKind::kMlp}};
inline constexpr ChoiceName<Activation> kActivationNames[] = {{"relu", Activation::kRelu},
                                                              {"tanh", Activation::kTanh}};

struct BackboneOptions : Options {
  BackboneKind kind = BackboneKind::kConv;
  // of kConv
  int64_t filters = 64;
  std::vector<int64_t> strides = {2, 2, 2, 2};
  bool pool = false;
  Normalization normalization = Normalization::kBatch;
  bool gain = true, spatial_mean = false;
  double epsilon = 1e-5;
  // of kMlp
  std::vector<int64_t> hidden = {64, 64};
  Activation activation = Activation::kRelu;
  MlpInitial initial = MlpInitial::kXavier;
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
  // Whether batch statistics matter to it.
  bool has_batch_norm() const;

  // examples [T, B, ...] -> [T, B, outputs()], with rows [T, P] or [1, P].
  torch::Tensor Forward(const Parameters& rows, const torch::Tensor& examples,
                        const NormContext& norm = {}) const;

 private:
  std::variant<ConvNetwork, Mlp> network_;
};

}  // namespace fewstep

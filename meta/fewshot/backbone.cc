#include "meta/fewshot/backbone.h"

#include <algorithm>

#include "core/error.h"

namespace fewstep {

void BackboneOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, kBackboneNames,
           {.help = "conv: blocks of a 3x3 convolution, for pictures; mlp: fully connected."});
  v.Field("filters", filters,
          {.help = "Of conv: channels of each block.", .unit = "channels", .min = 1, .max = 4096});
  v.Field("strides", strides,
          {.help = "Of conv: the stride of each block, and so how many there are.",
           .min = 1,
           .max = 16});
  v.Field("pool", pool, {.help = "Of conv: whether each block ends with maxima of 2x2."});
  v.Choice("normalization", normalization, kNormalizationNames,
           {.help = "Of conv: over what a channel is normalised."});
  v.Field("gain", gain, {.help = "Of conv: whether normalisation has a learned factor."});
  v.Field("spatial_mean", spatial_mean,
          {.help = "Of conv: features are means over places, instead of all of them."});
  v.Field("epsilon", epsilon,
          {.help = "Of conv: added to the variances of a normalisation.", .min = 0, .max = 1});
  v.Field("hidden", hidden,
          {.help = "Of mlp: width of each hidden layer.", .unit = "units", .min = 1, .max = 65536});
  v.Choice("activation", activation, kActivationNames, {.help = "Of mlp."});
  v.Choice("initial", initial, kMlpInitialNames,
           {.help = "Of mlp: how weights start: xavier; fan_in, as PyTorch's layers do; or normal, "
                    "with a deviation of 0.01."});
}

namespace {

ConvNetworkShape ConvShapeOf(const BackboneOptions& options, const ExampleShape& example,
                             int64_t outputs) {
  if (!example.picture) {
    throw Error(ErrorKind::kUsage, fmt::format("a convolution of {}", example.Text()),
                {.key = "kind", .remedy = "Set learner.network.kind = \"mlp\""});
  }
  ConvNetworkShape shape{.channels = example.channels,
                         .height = example.height,
                         .width = example.width,
                         .filters = options.filters,
                         .blocks = {},
                         .normalization = options.normalization,
                         .epsilon = options.epsilon,
                         .gain = options.gain,
                         .spatial_mean = options.spatial_mean,
                         .outputs = outputs};
  for (const int64_t stride : options.strides) shape.blocks.push_back({stride, options.pool});
  return shape;
}

// Features of a perceptron are what its last hidden layer would be without its activation.
MlpShape MlpShapeOf(const BackboneOptions& options, const ExampleShape& example, int64_t outputs) {
  MlpShape shape;
  shape.widths.push_back(example.size());
  shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
  if (outputs > 0) shape.widths.push_back(outputs);
  shape.activation = options.activation;
  shape.initial = options.initial;
  return shape;
}

}  // namespace

Backbone::Backbone(ParameterLayout& layout, const std::string& prefix,
                   const BackboneOptions& options, const ExampleShape& example, int64_t outputs)
    : network_(options.kind == BackboneKind::kConv
                   ? std::variant<ConvNetwork, Mlp>(
                         ConvNetwork(layout, prefix, ConvShapeOf(options, example, outputs)))
                   : std::variant<ConvNetwork, Mlp>(
                         Mlp(layout, prefix, MlpShapeOf(options, example, outputs)))) {}

int64_t Backbone::outputs() const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) return conv->outputs();
  return std::get<Mlp>(network_).shape().widths.back();
}

bool Backbone::has_batch_norm() const {
  const auto* conv = std::get_if<ConvNetwork>(&network_);
  return conv != nullptr && conv->shape().normalization == Normalization::kBatch;
}

torch::Tensor Backbone::Forward(const Parameters& rows, const torch::Tensor& examples,
                                const NormContext& norm) const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) {
    return conv->Forward(rows, examples, norm);
  }
  const torch::Tensor flat = examples.flatten(2);
  const int64_t tasks = flat.size(0);
  return std::get<Mlp>(network_).Forward(rows.num_tasks() == tasks ? rows : rows.Expand(tasks),
                                         flat);
}

}  // namespace fewstep

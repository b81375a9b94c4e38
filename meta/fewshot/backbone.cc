#include "meta/fewshot/backbone.h"

#include <algorithm>

#include "core/error.h"

namespace fewstep {

void BackboneOptions::Visit(FieldVisitor& v) {
  v.Choice(
      "kind", kind, kBackboneNames,
      {.help = "conv: blocks of a 3x3 convolution, for pictures; resnet: ResNet-12's blocks of "
               "three convolutions beside a shortcut; mlp: fully connected."});
  v.Field("filters", filters,
          {.help = "Of conv: channels of each block.", .unit = "channels", .min = 1, .max = 4096});
  v.Field("strides", strides,
          {.help = "Of conv: the stride of each block, and so how many there are.",
           .min = 1,
           .max = 16});
  v.Field("pool_blocks", pool_blocks,
          {.help = "Of conv: so many blocks, the first of them, end with maxima of 2x2.",
           .unit = "blocks",
           .min = 0,
           .max = 4096});
  v.Field("gain", gain, {.help = "Of conv: whether normalisation has a learned factor."});
  v.Field("widths", widths,
          {.help = "Of resnet: channels of each block, and so how many there are.",
           .unit = "channels",
           .min = 1,
           .max = 4096});
  v.Choice("normalization", normalization, kNormalizationNames,
           {.help = "Of pictures: over what a channel is normalised."});
  v.Field("spatial_mean", spatial_mean,
          {.help = "Of pictures: features are means over places, instead of all of them."});
  v.Field(
      "epsilon", epsilon,
      {.help = "Of pictures: added to the variances of a normalisation.", .min = 1e-12, .max = 1});
  v.Field("hidden", hidden,
          {.help = "Of mlp: width of each hidden layer.", .unit = "units", .min = 1, .max = 65536});
  v.Choice("activation", activation, kActivationNames, {.help = "Of mlp."});
  v.Choice("initial", initial, kMlpInitialNames,
           {.help = "Of mlp: how weights start: xavier; fan_in, as PyTorch's layers do; or normal, "
                    "with a deviation of 0.01."});
  v.Field("weights", weights,
          {.help = "Safetensors file that the network starts from, but for its last layer: a "
                   "checkpoint of another few-shot run, or arrays of the same names."});
}

namespace {

void CheckPictures(const ExampleShape& example) {
  if (example.picture) return;
  throw Error(ErrorKind::kUsage, fmt::format("a convolution of {}", example.Text()),
              {.key = "kind", .remedy = "Set learner.network.kind = \"mlp\""});
}

Normalizer::Shape NormShapeOf(const BackboneOptions& options) {
  return {.kind = options.normalization, .epsilon = options.epsilon};
}

ConvNetworkShape ConvShapeOf(const BackboneOptions& options, const ExampleShape& example,
                             int64_t outputs) {
  CheckPictures(example);
  ConvNetworkShape shape{.channels = example.channels,
                         .height = example.height,
                         .width = example.width,
                         .filters = options.filters,
                         .blocks = {},
                         .normalization = NormShapeOf(options),
                         .gain = options.gain,
                         .spatial_mean = options.spatial_mean,
                         .outputs = outputs};
  for (const int64_t stride : options.strides) {
    const auto index = static_cast<int64_t>(shape.blocks.size());
    shape.blocks.push_back({stride, index < options.pool_blocks});
  }
  return shape;
}

ResidualNetworkShape ResidualShapeOf(const BackboneOptions& options, const ExampleShape& example,
                                     int64_t outputs) {
  CheckPictures(example);
  return {.channels = example.channels,
          .height = example.height,
          .width = example.width,
          .widths = options.widths,
          .normalization = NormShapeOf(options),
          .spatial_mean = options.spatial_mean,
          .outputs = outputs};
}

// Features of a perceptron are what its last hidden layer would be without its activation.
MlpShape MlpShapeOf(const BackboneOptions& options, const ExampleShape& example, int64_t outputs) {
  MlpShape shape;
  shape.widths.push_back(example.size());
  shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
  if (outputs > 0) {
    shape.widths.push_back(outputs);
  } else {
    shape.head_role = ParameterRole::kBody;  // all of it is features
  }
  shape.activation = options.activation;
  shape.initial = options.initial;
  return shape;
}

std::variant<ConvNetwork, ResidualNetwork, Mlp> Made(ParameterLayout& layout,
                                                     const std::string& prefix,
                                                     const BackboneOptions& options,
                                                     const ExampleShape& example, int64_t outputs) {
  switch (options.kind) {
    case BackboneKind::kConv:
      return ConvNetwork(layout, prefix, ConvShapeOf(options, example, outputs));
    case BackboneKind::kResidual:
      return ResidualNetwork(layout, prefix, ResidualShapeOf(options, example, outputs));
    case BackboneKind::kMlp:
      break;
  }
  return Mlp(layout, prefix, MlpShapeOf(options, example, outputs));
}

}  // namespace

Backbone::Backbone(ParameterLayout& layout, const std::string& prefix,
                   const BackboneOptions& options, const ExampleShape& example, int64_t outputs)
    : network_(Made(layout, prefix, options, example, outputs)) {}

FeatureMaps Backbone::features() const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) return conv->features();
  if (const auto* residual = std::get_if<ResidualNetwork>(&network_)) return residual->features();
  return {.channels = outputs()};
}

int64_t Backbone::outputs() const {
  if (const auto* mlp = std::get_if<Mlp>(&network_)) return mlp->shape().widths.back();
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) return conv->outputs();
  return std::get<ResidualNetwork>(network_).outputs();
}

double Backbone::kept_numbers() const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) return conv->kept_numbers();
  if (const auto* residual = std::get_if<ResidualNetwork>(&network_)) {
    return residual->kept_numbers();
  }
  double numbers = 0;
  for (const int64_t width : std::get<Mlp>(network_).shape().widths) {
    numbers += static_cast<double>(width);
  }
  return numbers;
}

std::vector<int64_t> Backbone::norm_channels() const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) return conv->norm_channels();
  if (const auto* residual = std::get_if<ResidualNetwork>(&network_)) {
    return residual->norm_channels();
  }
  return {};
}

torch::Tensor Backbone::Forward(const Parameters& rows, const torch::Tensor& examples,
                                const NormContext& norm) const {
  if (const auto* conv = std::get_if<ConvNetwork>(&network_)) {
    return conv->Forward(rows, examples, norm);
  }
  if (const auto* residual = std::get_if<ResidualNetwork>(&network_)) {
    return residual->Forward(rows, examples, norm);
  }
  const torch::Tensor flat = examples.flatten(2);
  const int64_t tasks = flat.size(0);
  return std::get<Mlp>(network_).Forward(rows.num_tasks() == tasks ? rows : rows.Expand(tasks),
                                         flat);
}

}  // namespace fewstep

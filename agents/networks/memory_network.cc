#include "agents/networks/memory_network.h"

#include <vector>

namespace fewstep {
namespace {

// Layers on top of one another, each remembering by itself.
class Layers final : public MemoryNetwork {
 public:
  explicit Layers(std::vector<std::unique_ptr<MemoryNetwork>> layers)
      : layers_(std::move(layers)) {}

  int64_t outputs() const override { return layers_.back()->outputs(); }
  int64_t memory_size() const override {
    int64_t size = 0;
    for (const auto& layer : layers_) size += layer->memory_size();
    return size;
  }

  double kept_numbers(int64_t steps) const override {
    double numbers = 0;
    for (const auto& layer : layers_) numbers += layer->kept_numbers(steps);
    return numbers;
  }

  MemoryOutput Unroll(const Parameters& parameters, const torch::Tensor& inputs,
                      const torch::Tensor& mask, const torch::Tensor& memory,
                      Derivatives derivatives) const override {
    return Through(inputs, memory, [&](const MemoryNetwork& layer, const auto& x, const auto& own) {
      return layer.Unroll(parameters, x, mask, own, derivatives);
    });
  }

  MemoryOutput Step(const Parameters& parameters, const torch::Tensor& inputs,
                    const torch::Tensor& memory) const override {
    return Through(inputs, memory, [&](const MemoryNetwork& layer, const auto& x, const auto& own) {
      return layer.Step(parameters, x, own);
    });
  }

  std::unique_ptr<MemoryEvaluator<float>> MakeEvaluator(const ParameterLayout& layout,
                                                        float) const override {
    return std::make_unique<Evaluator<float>>(*this, layout);
  }
  std::unique_ptr<MemoryEvaluator<double>> MakeEvaluator(const ParameterLayout& layout,
                                                         double) const override {
    return std::make_unique<Evaluator<double>>(*this, layout);
  }

 private:
  template <typename Apply>
  MemoryOutput Through(torch::Tensor x, const torch::Tensor& memory, const Apply& apply) const {
    std::vector<torch::Tensor> memories;
    int64_t offset = 0;
    for (const auto& layer : layers_) {
      const MemoryOutput out = apply(*layer, x, memory.narrow(-1, offset, layer->memory_size()));
      offset += layer->memory_size();
      memories.push_back(out.memory);
      x = out.outputs;
    }
    return {x, torch::cat(memories, -1)};
  }

  template <typename Scalar>
  class Evaluator final : public MemoryEvaluator<Scalar> {
   public:
    Evaluator(const Layers& network, const ParameterLayout& layout) {
      for (const auto& layer : network.layers_) {
        layers_.push_back(layer->MakeEvaluator(layout, Scalar{}));
        sizes_.push_back(layer->memory_size());
      }
    }
    const Scalar* Step(const Scalar* row, const Scalar* input, Scalar* memory) noexcept override {
      for (size_t i = 0; i < layers_.size(); ++i) {
        input = layers_[i]->Step(row, input, memory);
        memory += sizes_[i];
      }
      return input;
    }

   private:
    std::vector<std::unique_ptr<MemoryEvaluator<Scalar>>> layers_;
    std::vector<int64_t> sizes_;
  };

  std::vector<std::unique_ptr<MemoryNetwork>> layers_;
};

}  // namespace

void MemoryOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, kMemoryKindNames,
           {.help = "The network that remembers: gru, lstm, min_gru (a gated linear recurrence) or "
                    "transformer (causal attention over the steps of the trial)."});
  v.Field("size", size, {.help = "Units of each layer.", .unit = "units", .min = 1, .max = 16384});
  v.Field("layers", layers,
          {.help = "Layers on top of one another.", .unit = "layers", .min = 1, .max = 64});
  v.Field("heads", heads,
          {.help = "Attention heads of a transformer; they share its units evenly.",
           .min = 1,
           .max = 1024});
  v.Field("context", context,
          {.help = "Steps that each layer of a transformer attends to, the present one included; "
                   "what lies before is forgotten.",
           .unit = "steps",
           .min = 1,
           .max = 65536});
}

std::unique_ptr<MemoryNetwork> MakeMemoryNetwork(ParameterLayout& layout, const std::string& prefix,
                                                 int64_t inputs, const MemoryOptions& options) {
  if (options.kind == MemoryKind::kTransformer) {
    return MakeTransformer(layout, prefix, inputs, options);
  }
  const auto make_layer = [&](const std::string& name, int64_t in) {
    switch (options.kind) {
      case MemoryKind::kLstm:
        return MakeLstm(layout, name, in, options.size);
      case MemoryKind::kMinGru:
        return MakeMinGru(layout, name, in, options.size);
      case MemoryKind::kGru:
      case MemoryKind::kTransformer:
        break;
    }
    return MakeGru(layout, name, in, options.size);
  };
  std::vector<std::unique_ptr<MemoryNetwork>> layers;
  for (int64_t i = 0; i < options.layers; ++i) {
    layers.push_back(
        make_layer(fmt::format("{}layer{}.", prefix, i), i == 0 ? inputs : options.size));
  }
  if (layers.size() == 1) return std::move(layers.front());
  return std::make_unique<Layers>(std::move(layers));
}

}  // namespace fewstep

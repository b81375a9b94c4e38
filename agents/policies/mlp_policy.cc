#include "agents/policies/mlp_policy.h"

#include <algorithm>
#include <cmath>

#include "agents/networks/mlp.h"
#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

// Where the parameters lie that are not the network's, and what becomes of its output.
struct Outputs {
  int64_t size = 0;  // means or logits
  bool gaussian = true;
  float min_log_std = 0;
  int64_t log_std = 0;       // offset in the row
  int64_t context = 0;       // offset in the row
  int64_t context_size = 0;  // inputs that are parameters, after the observation
};

class MlpActor final : public Actor {
 public:
  MlpActor(const Mlp& network, const ParameterLayout& layout, const Outputs& outputs,
           int observation_size)
      : network_(network, layout), outputs_(outputs), observation_size_(observation_size) {}

  void BeginTrial(const float* row, float* /*memory*/) override {
    row_ = row;
    std::copy_n(row + outputs_.context, outputs_.context_size,
                network_.inputs() + observation_size_);
  }

  void Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    std::copy_n(percept.observation, observation_size_, network_.inputs());
    const float* output = network_.Evaluate(row_);
    if (!outputs_.gaussian) {
      action[0] = static_cast<float>(Choose(output, rng, deterministic));
      return;
    }
    const float* log_std = row_ + outputs_.log_std;
    for (int64_t i = 0; i < outputs_.size; ++i) {
      const float noise = deterministic ? 0.0f
                                        : static_cast<float>(rng.Normal()) *
                                              std::exp(std::max(log_std[i], outputs_.min_log_std));
      action[i] = output[i] + noise;
    }
  }

 private:
  // In double, as SampleActions.
  int64_t Choose(const float* logits, Rng& rng, bool deterministic) const {
    const float* best = std::max_element(logits, logits + outputs_.size);
    if (deterministic) return best - logits;
    const auto weight = [&](int64_t i) { return std::exp(double{logits[i]} - *best); };
    double total = 0;
    for (int64_t i = 0; i < outputs_.size; ++i) total += weight(i);
    return InvertCumulative(rng.Uniform() * total, outputs_.size, weight);
  }

  Mlp::Evaluator network_;
  Outputs outputs_;
  int observation_size_;
  const float* row_ = nullptr;
};

class MlpPolicy final : public MemorylessPolicy {
 public:
  MlpPolicy(const FamilySpec& spec, const MlpOptions& options)
      : MemorylessPolicy(spec), network_(*layout_, "", ShapeOf(spec, options)) {
    outputs_.size = spec.action_size;
    outputs_.gaussian = spec.action_kind == ActionKind::kContinuous;
    outputs_.min_log_std = static_cast<float>(std::log(options.min_std));
    outputs_.context_size = options.context_size;
    if (outputs_.gaussian) {
      log_std_ = layout_->Add("log_std", {1, outputs_.size}, ParameterRole::kHead,
                              Initial::Constant(std::log(options.initial_std)));
      outputs_.log_std = layout_->slices()[log_std_].offset;
    }
    if (options.context_size > 0) {
      context_ = layout_->Add("context", {1, options.context_size}, ParameterRole::kContext);
      outputs_.context = layout_->slices()[context_].offset;
    }
    // the parameters, their gradient and two moments of an optimizer
    RequireMemory(4 * sizeof(float) * static_cast<double>(layout_->size()), "a policy in training",
                  "agent.hidden");
  }

  ActionDistribution Forward(const Parameters& parameters,
                             const torch::Tensor& observations) const override {
    torch::Tensor x = observations;  // [T, B, O]
    if (outputs_.context_size > 0) {
      x = torch::cat({x, parameters.View(context_).expand({x.size(0), x.size(1), -1})}, 2);
    }
    x = network_.Forward(parameters, x);
    if (!outputs_.gaussian) return ActionDistribution::Categorical(x);
    return ActionDistribution::Gaussian(x,
                                        parameters.View(log_std_).clamp_min(outputs_.min_log_std));
  }

  std::unique_ptr<Actor> MakeActor() const override {
    return std::make_unique<MlpActor>(network_, *layout_, outputs_, observation_size());
  }
  bool has_native_actor() const override { return true; }

 private:
  static MlpShape ShapeOf(const FamilySpec& spec, const MlpOptions& options) {
    MlpShape shape;
    shape.widths.push_back(spec.observation_size + options.context_size);
    shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
    shape.widths.push_back(spec.action_size);
    shape.activation = options.activation;
    shape.bias = options.bias;
    shape.head_scale = options.head_scale;
    return shape;
  }

  Mlp network_;
  Outputs outputs_;
  size_t log_std_ = 0, context_ = 0;  // slices
};

}  // namespace

void MlpOptions::Visit(FieldVisitor& v) {
  v.Field("hidden", hidden,
          {.help = "Width of each hidden layer of the policy.",
           .unit = "units",
           .min = 1,
           .max = 65536});
  v.Choice("activation", activation, {{"tanh", Activation::kTanh}, {"relu", Activation::kRelu}},
           {.help = "Nonlinearity of the hidden layers."});
  v.Field("bias", bias,
          {.help = "Whether layers add a bias; without one and without hidden layers "
                   "a one-hot observation gives a table."});
  v.Field("initial_std", initial_std,
          {.help = "Standard deviation of actions at the start, in units of the policy's output.",
           .min = 1e-6,
           .max = 1e6});
  v.Field("head_scale", head_scale,
          {.help = "Factor on the initial weights of the last layer; 0 gives every choice the same "
                   "probability.",
           .min = 0,
           .max = 1e6});
  v.Field("min_std", min_std,
          {.help = "Lower bound of the standard deviation.", .min = 1e-12, .max = 1e6});
  v.Field("context_size", context_size,
          {.help = "Context parameters: inputs of the network beside the observation.",
           .unit = "parameters",
           .min = 0,
           .max = 65536});
}

std::unique_ptr<MemorylessPolicy> MakeMlpPolicy(const FamilySpec& spec, const MlpOptions& options) {
  return std::make_unique<MlpPolicy>(spec, options);
}

}  // namespace fewstep

#include "agents/policies/mlp_policy.h"

#include <algorithm>
#include <cmath>

#include "agents/networks/mlp.h"
#include "agents/policies/action_choice.h"
#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

// Where the parameters lie that are not the network's, and what becomes of its output.
struct Outputs {
  ActionOutputs action;
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

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    std::copy_n(percept.observation, observation_size_, network_.inputs());
    return outputs_.action.Choose(network_.Evaluate(row_), row_ + outputs_.log_std, rng,
                                  deterministic, action);
  }

 private:
  Mlp::Evaluator<float> network_;
  Outputs outputs_;
  int observation_size_;
  const float* row_ = nullptr;
};

class MlpPolicy final : public MemorylessPolicy {
 public:
  MlpPolicy(const FamilySpec& spec, const MlpOptions& options)
      : MemorylessPolicy(spec), network_(*layout_, "", ShapeOf(spec, options)) {
    outputs_.action = ActionOutputs::Of(spec, options.min_std);
    outputs_.context_size = options.context_size;
    if (outputs_.action.gaussian) {
      log_std_ = layout_->Add("log_std", {1, outputs_.action.size}, ParameterRole::kHead,
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
    if (!outputs_.action.gaussian) return ActionDistribution::Categorical(x);
    return ActionDistribution::Gaussian(
        x, parameters.View(log_std_).clamp_min(outputs_.action.min_log_std));
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

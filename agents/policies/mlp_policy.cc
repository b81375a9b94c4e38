#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "agents/policies/policy.h"
#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

enum class Activation { kTanh, kRelu };

Activation ParseActivation(const std::string& name) {
  return name == "relu" ? Activation::kRelu : Activation::kTanh;
}

// What both evaluations of the network share.
struct MlpShape {
  std::vector<int64_t> widths;  // input (observation, then context), hidden ..., output
  int64_t context = 0;          // inputs that are parameters
  Activation activation = Activation::kTanh;
  bool bias = true;
  bool gaussian = true;
  float min_log_std = 0;
};

// The network on one observation, in single precision, from a row of parameters.
class MlpActor final : public Actor {
 public:
  MlpActor(const MlpShape& shape, const ParameterLayout& layout) : shape_(shape) {
    for (const ParameterSlice& slice : layout.slices()) offsets_.push_back(slice.offset);
    for (const int64_t width : shape.widths) values_.emplace_back(Eigen::VectorXf::Zero(width));
  }

  void SetParameters(const float* row) override {
    row_ = row;
    if (shape_.context == 0) return;
    std::copy_n(row + offsets_.back(), shape_.context, values_[0].data() + observation_size());
  }

  void Act(const float* observation, Rng& rng, bool deterministic,
           float* action) noexcept override {
    std::copy_n(observation, observation_size(), values_[0].data());

    // layers; a weight is stored [in, out], so column-major it is its own transpose
    size_t slice = 0;
    const size_t num_layers = values_.size() - 1;
    for (size_t layer = 0; layer < num_layers; ++layer) {
      Eigen::VectorXf& out = values_[layer + 1];
      const Eigen::Map<const Eigen::MatrixXf> weight(Array(slice++), out.size(),
                                                     values_[layer].size());
      out.noalias() = weight * values_[layer];
      if (shape_.bias) out += Eigen::Map<const Eigen::VectorXf>(Array(slice++), out.size());
      if (layer + 1 == num_layers) continue;
      if (shape_.activation == Activation::kTanh) {
        out = out.array().tanh();
      } else {
        out = out.cwiseMax(0.0f);
      }
    }

    const Eigen::VectorXf& output = values_.back();
    if (shape_.gaussian) {
      const float* log_std = Array(slice);
      for (Eigen::Index i = 0; i < output.size(); ++i) {
        const float noise = deterministic ? 0.0f
                                          : static_cast<float>(rng.Normal()) *
                                                std::exp(std::max(log_std[i], shape_.min_log_std));
        action[i] = output[i] + noise;
      }
    } else {
      action[0] = static_cast<float>(Choose(output, rng, deterministic));
    }
  }

 private:
  const float* Array(size_t slice) const { return row_ + offsets_[slice]; }
  Eigen::Index observation_size() const { return values_[0].size() - shape_.context; }

  // Inverse of the cumulative distribution, in double as in SampleActions.
  static Eigen::Index Choose(const Eigen::VectorXf& logits, Rng& rng, bool deterministic) {
    Eigen::Index best = 0;
    const float top = logits.maxCoeff(&best);
    if (deterministic) return best;
    double total = 0;
    for (Eigen::Index i = 0; i < logits.size(); ++i) total += std::exp(double{logits[i]} - top);
    double remaining = rng.Uniform() * total;
    for (Eigen::Index i = 0; i + 1 < logits.size(); ++i) {
      remaining -= std::exp(double{logits[i]} - top);
      if (remaining < 0) return i;
    }
    return logits.size() - 1;
  }

  MlpShape shape_;
  std::vector<int64_t> offsets_;
  std::vector<Eigen::VectorXf> values_;  // one a width
  const float* row_ = nullptr;
};

class MlpPolicy final : public Policy {
 public:
  MlpPolicy(MlpShape shape, double initial_std, double head_scale)
      : shape_(std::move(shape)), initial_std_(initial_std), head_scale_(head_scale) {
    const size_t num_layers = shape_.widths.size() - 1;
    for (size_t layer = 0; layer < num_layers; ++layer) {
      const auto role = layer + 1 == num_layers ? ParameterRole::kHead : ParameterRole::kBody;
      const int64_t in = shape_.widths[layer], out = shape_.widths[layer + 1];
      layout_->Add(fmt::format("layer{}.weight", layer), {in, out}, role);
      if (shape_.bias) layout_->Add(fmt::format("layer{}.bias", layer), {1, out}, role);
    }
    if (shape_.gaussian) layout_->Add("log_std", {1, shape_.widths.back()}, ParameterRole::kHead);
    if (shape_.context > 0) {
      context_slice_ = layout_->Add("context", {1, shape_.context}, ParameterRole::kContext);
    }
    // the parameters, their gradient and two moments of an optimizer
    RequireMemory(4 * sizeof(float) * static_cast<double>(layout_->size()), "a policy in training",
                  "agent.hidden");
  }

  Parameters InitialParameters(const Rng& rng) const override {
    torch::Tensor flat = torch::zeros({1, layout_->size()});
    float* row = flat.mutable_data_ptr<float>();
    for (const ParameterSlice& slice : layout_->slices()) {
      float* values = row + slice.offset;
      if (slice.name.ends_with(".weight")) {
        Rng stream = rng.Fork(slice.name);
        const double scale = slice.role == ParameterRole::kHead ? head_scale_ : 1.0;
        const double limit =
            scale * std::sqrt(6.0 / static_cast<double>(slice.shape[0] + slice.shape[1]));
        std::generate_n(values, slice.size,
                        [&] { return static_cast<float>(stream.Uniform(-limit, limit)); });
      } else if (slice.name == "log_std") {
        std::fill_n(values, slice.size, static_cast<float>(std::log(initial_std_)));
      }
    }
    return {flat, layout_};
  }

  ActionDistribution Forward(const Parameters& parameters,
                             const torch::Tensor& observations) const override {
    torch::Tensor x = observations;  // [T, B, O]
    if (shape_.context > 0) {
      x = torch::cat({x, parameters.View(context_slice_).expand({x.size(0), x.size(1), -1})}, 2);
    }
    size_t slice = 0;
    const size_t num_layers = shape_.widths.size() - 1;
    for (size_t layer = 0; layer < num_layers; ++layer) {
      const torch::Tensor weight = parameters.View(slice++);  // [T, in, out]
      x = shape_.bias ? torch::baddbmm(parameters.View(slice++), x, weight) : x.bmm(weight);
      if (layer + 1 == num_layers) continue;
      x = shape_.activation == Activation::kTanh ? x.tanh() : x.relu();
    }
    if (!shape_.gaussian) return ActionDistribution::Categorical(x);
    return ActionDistribution::Gaussian(x, parameters.View(slice).clamp_min(shape_.min_log_std));
  }

  std::unique_ptr<Actor> MakeActor() const override {
    return std::make_unique<MlpActor>(shape_, *layout_);
  }

 private:
  MlpShape shape_;
  double initial_std_, head_scale_;
  size_t context_slice_ = 0;
};

}  // namespace

void MlpOptions::Visit(FieldVisitor& v) {
  v.Field("hidden", hidden,
          {.help = "Width of each hidden layer of the policy.",
           .unit = "units",
           .min = 1,
           .max = 65536});
  v.Field("activation", activation,
          {.help = "Nonlinearity of the hidden layers.", .choices = {"tanh", "relu"}});
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

std::unique_ptr<Policy> MakeMlpPolicy(const FamilySpec& spec, const MlpOptions& options) {
  MlpShape shape;
  shape.widths.push_back(spec.observation_size + options.context_size);
  shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
  shape.widths.push_back(spec.action_size);
  shape.context = options.context_size;
  shape.activation = ParseActivation(options.activation);
  shape.bias = options.bias;
  shape.gaussian = spec.action_kind == ActionKind::kContinuous;
  shape.min_log_std = static_cast<float>(std::log(options.min_std));
  return std::make_unique<MlpPolicy>(std::move(shape), options.initial_std, options.head_scale);
}

torch::Tensor SampleActions(const ActionDistribution& distribution, std::span<Rng> streams,
                            bool deterministic) {
  if (distribution.kind == ActionDistribution::Kind::kGaussian) {
    const torch::Tensor& mean = distribution.mean;
    if (deterministic) return mean;
    torch::Tensor noise = torch::empty(mean.sizes(), torch::kFloat32);
    const size_t size = static_cast<size_t>(mean.size(-1));
    for (size_t i = 0; i < streams.size(); ++i) {
      streams[i].FillNormal({noise.mutable_data_ptr<float>() + i * size, size});
    }
    return mean + noise.to(mean.device()) * distribution.log_std.exp();
  }

  const torch::Tensor log_probs = distribution.log_probs;
  if (deterministic) return log_probs.argmax(-1, /*keepdim=*/true).to(torch::kFloat32);
  const torch::Tensor cpu = log_probs.to(torch::kCPU, torch::kFloat64).contiguous();
  const int64_t choices = cpu.size(-1);
  torch::Tensor actions = torch::empty({cpu.size(0), cpu.size(1), 1}, torch::kFloat32);
  float* out = actions.mutable_data_ptr<float>();
  for (size_t i = 0; i < streams.size(); ++i) {
    const double* row = cpu.const_data_ptr<double>() + static_cast<int64_t>(i) * choices;
    double remaining = streams[i].Uniform();
    int64_t choice = 0;
    while (choice + 1 < choices && (remaining -= std::exp(row[choice])) >= 0) ++choice;
    out[i] = static_cast<float>(choice);
  }
  return actions.to(log_probs.device());
}

}  // namespace fewstep

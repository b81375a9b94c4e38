#include "agents/policies/latent_policy.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "agents/squashed_gaussian.h"
#include "agents/trials.h"
#include "core/error.h"

namespace fewstep {
namespace {

class LatentActor final : public Actor {
 public:
  LatentActor(const Mlp& network, const ParameterLayout& layout, int64_t observation_size,
              int64_t latent_size, int64_t action_size, double low, double high)
      : network_(network, layout),
        observation_size_(observation_size),
        latent_size_(latent_size),
        action_size_(action_size),
        center_((low + high) / 2),
        half_((high - low) / 2) {}

  void BeginTrial(const float* row, float* memory) override {
    row_ = row;
    memory_ = memory;
  }

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    float* inputs = network_.inputs();
    std::copy_n(percept.observation, observation_size_, inputs);
    if (latent_size_ > 0) {
      const float *mean = memory_, *deviation = memory_ + latent_size_;
      float* z = memory_ + 2 * latent_size_;
      if (percept.step == 0) {
        for (int64_t i = 0; i < latent_size_; ++i) {
          z[i] = mean[i] + deviation[i] * static_cast<float>(rng.Normal());
        }
      }
      std::copy_n(z, latent_size_, inputs + observation_size_);
    }
    const float *means = network_.Evaluate(row_), *log_stds = means + action_size_;
    double log_prob = -0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(action_size_);
    for (int64_t i = 0; i < action_size_; ++i) {
      const float log_std =
          std::clamp(log_stds[i], static_cast<float>(SquashedGaussian::kMinLogStd),
                     static_cast<float>(SquashedGaussian::kMaxLogStd));
      float u = means[i];
      if (!deterministic) u += static_cast<float>(rng.Normal()) * std::exp(log_std);
      action[i] = static_cast<float>(std::tanh(u) * half_ + center_);
      log_prob += LogProb(action[i], means[i], log_std);
    }
    return static_cast<float>(log_prob);
  }

 private:
  // As ActionDistribution::LogProb, without the Gaussian's constant.
  double LogProb(double action, double mean, double log_std) const noexcept {
    constexpr double kInside = SquashedGaussian::kInside;
    const double u = std::atanh(std::clamp((action - center_) / half_, -kInside, kInside));
    const double z = (u - mean) * std::exp(-log_std);
    const double softplus = std::max(-2 * u, 0.0) + std::log1p(std::exp(-std::abs(2 * u)));
    return -z * z / 2 - log_std - 2 * (std::numbers::ln2 - u - softplus) - std::log(half_);
  }

  Mlp::Evaluator<float> network_;
  int64_t observation_size_, latent_size_, action_size_;
  double center_, half_;
  const float* row_ = nullptr;
  float* memory_ = nullptr;
};

}  // namespace

LatentPolicy::LatentPolicy(const FamilySpec& spec, int64_t latent_size, const MlpShape& network)
    : Policy(spec),
      latent_size_(latent_size),
      action_size_(spec.action_size),
      low_(spec.action_low),
      high_(spec.action_high),
      network_(*layout_, "", network) {
  FEWSTEP_CHECK(spec.action_kind == ActionKind::kContinuous && std::isfinite(high_ - low_),
                "actions of {}", spec.name);
  FEWSTEP_CHECK(network.widths.front() == spec.observation_size + latent_size &&
                    network.widths.back() == 2 * spec.action_size,
                "a network of {} inputs and {} outputs", network.widths.front(),
                network.widths.back());
}

torch::Tensor LatentPolicy::Memory(const torch::Tensor& mean, const torch::Tensor& deviation) {
  return torch::cat({mean, deviation, torch::zeros_like(mean)}, 1);
}

ActionDistribution LatentPolicy::Distribution(const Parameters& parameters,
                                              const torch::Tensor& observations,
                                              const torch::Tensor& latents) const {
  const torch::Tensor inputs =
      latent_size_ > 0 ? torch::cat({observations, latents}, 2) : observations;
  const auto gaussian = SquashedGaussian::Of(network_.Forward(parameters, inputs));
  return ActionDistribution::SquashedGaussian(gaussian.mean, gaussian.log_std, low_, high_);
}

PolicyOutput LatentPolicy::Unroll(const Parameters& parameters, const Sequences& sequences) const {
  // the trials of a task are one long batch of its row
  const int64_t trials = sequences.num_trials(), steps = sequences.num_steps();
  const int64_t tasks = parameters.num_tasks(), batch = trials / tasks * steps;
  const torch::Tensor z = sequences.memory.narrow(1, 2 * latent_size_, latent_size_)
                              .unsqueeze(1)
                              .expand({trials, steps, latent_size_});
  return {.distribution =
              Distribution(parameters,
                           sequences.observations.reshape({tasks, batch, observation_size()}),
                           z.reshape({tasks, batch, latent_size_}))
                  .OfTrials(trials, steps),
          .value = {},
          .memory = sequences.memory,
          .value_memory = {}};
}

ActionDistribution LatentPolicy::Step(const Parameters& parameters, const Percepts& percepts,
                                      torch::Tensor& memory) const {
  if (latent_size_ == 0) return Distribution(parameters, percepts.observations, {});
  if (percepts.step == 0) {
    torch::Tensor noise =
        torch::empty({memory.size(0), memory.size(1), latent_size_}, torch::kFloat32);
    float* out = noise.mutable_data_ptr<float>();
    for (Rng& stream : percepts.streams) {
      for (int64_t i = 0; i < latent_size_; ++i) *out++ = static_cast<float>(stream.Normal());
    }
    const std::vector<torch::Tensor> parts = memory.chunk(3, 2);
    const torch::Tensor z = parts[0] + parts[1] * noise.to(memory.device());
    UpdateMemory(memory, torch::cat({parts[0], parts[1], z}, 2), percepts.running);
  }
  return Distribution(parameters, percepts.observations,
                      memory.narrow(2, 2 * latent_size_, latent_size_));
}

std::unique_ptr<Actor> LatentPolicy::MakeActor() const {
  return std::make_unique<LatentActor>(network_, *layout_, observation_size(), latent_size_,
                                       action_size_, low_, high_);
}

}  // namespace fewstep

#include "agents/optimizers/ppo.h"

#include <algorithm>

#include "agents/optimizers/adam.h"

namespace fewstep {

void PpoOptions::Visit(FieldVisitor& v) {
  v.Field("outer_learning_rate", outer_learning_rate,
          {.help = "Learning rate of Adam in the outer loop.", .min = 0, .max = 10});
  v.Field("outer_epochs", outer_epochs,
          {.help = "Outer gradient steps on the data of one iteration.",
           .unit = "steps",
           .min = 1,
           .max = 1000});
  v.Choice("outer_surrogate", outer_surrogate, kSurrogateNames,
           {.help = "Objective of the outer loop; all have the same gradient in the first epoch."});
  v.Field("clip", clip,
          {.help = "PPO's clipping range of the probability ratio.", .min = 0, .max = 1e6});
  v.Choice("kl_penalty", kl_penalty,
           {{"none", KlPenalty::kNone},
            {"fixed", KlPenalty::kFixed},
            {"adaptive", KlPenalty::kAdaptive}},
           {.help = "Penalty on the divergence from the policies that sampled; adaptive halves or "
                    "doubles its coefficient to keep the divergence near kl_target."});
  v.Field("kl_coefficient", kl_coefficient,
          {.help = "Coefficient eta of the KL penalty (its first value when adaptive).", .min = 0});
  v.Field("kl_target", kl_target,
          {.help = "Divergence aimed at by the adaptive penalty.", .unit = "nats", .min = 1e-12});
  v.Field(
      "minibatches", minibatches,
      {.help = "Parts that the data of an iteration are divided into; each epoch takes a step on "
               "every one of them.",
       .min = 1,
       .max = 100000});
  v.Field("max_gradient_norm", max_gradient_norm,
          {.help = "Longer gradients are shortened to this norm; 0: never.", .min = 0});
  v.Field("anneal_iterations", anneal_iterations,
          {.help = "Iterations in which the learning rate falls linearly to final_learning_rate, "
                   "where it stays; 0: it is constant.",
           .unit = "iterations",
           .min = 0,
           .max = 1e12});
  v.Field("final_learning_rate", final_learning_rate,
          {.help = "Learning rate after anneal_iterations.", .min = 0, .max = 10});
}

namespace {

class Ppo final : public PolicyOptimizer {
 public:
  Ppo(const PpoOptions& options, const torch::Tensor& point, int64_t inner_policies)
      : options_(options),
        adam_(point, options.outer_learning_rate),
        kl_coefficients_(static_cast<size_t>(inner_policies),
                         options.kl_penalty == KlPenalty::kNone ? 0.0 : options.kl_coefficient) {}

  ObjectiveForm form() const override {
    return {.surrogate = options_.outer_surrogate,
            .clip = options_.clip,
            .kl_coefficients =
                options_.kl_penalty == KlPenalty::kNone ? std::vector<double>{} : kl_coefficients_};
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns = {"gradient_norm", "outer_objective", "outer_kl",
                                        "clip_fraction"};
    for (const size_t k : ShownPoints(kl_coefficients_.size())) {
      columns.push_back(fmt::format("inner_kl_{}", k));
      columns.push_back(fmt::format("kl_coefficient_{}", k));
    }
    return columns;
  }

  torch::Tensor Improve(const torch::Tensor& point, const Objective& objective,
                        Metrics& metrics) override {
    torch::Tensor improved = point, first_gradient;
    Adam adam = adam_;
    std::vector<std::unique_ptr<Objective>> parts;
    if (options_.minibatches > 1) parts = objective.Parts(0, options_.minibatches);
    adam.set_learning_rate(LearningRate(std::max<size_t>(1, parts.size())));
    ObjectiveValues values;  // with minibatches, of the last epoch
    const auto step = [&](const Objective& part, ObjectiveValues* of_part) {
      torch::Tensor gradient = part.Gradient(improved, form(), of_part);
      if (!first_gradient.defined()) first_gradient = gradient;
      if (options_.max_gradient_norm > 0) {
        const torch::Tensor scale = options_.max_gradient_norm / (gradient.norm() + 1e-12);
        gradient = gradient * scale.clamp_max(1);
      }
      improved = adam.Step(improved, -gradient);
    };
    for (int64_t epoch = 0; epoch < options_.outer_epochs; ++epoch) {
      if (options_.minibatches == 1) {
        step(objective, nullptr);
        continue;
      }
      if (epoch > 0) parts = objective.Parts(epoch, options_.minibatches);
      const bool last = epoch + 1 == options_.outer_epochs;
      for (const auto& part : parts) {
        ObjectiveValues of_part;
        step(*part, last ? &of_part : nullptr);
        const double share = 1 / static_cast<double>(parts.size());
        values.objective += of_part.objective * share;
        values.kl += of_part.kl * share;
        values.clip_fraction += of_part.clip_fraction * share;
      }
    }
    // What is not finite stays so. The second moment is checked too: once a square overflows it
    // stays infinite and Adam's steps are 0.
    RequireFiniteUpdate(improved);
    RequireFiniteUpdate(adam.second());
    metrics.Add("gradient_norm", first_gradient.norm().item<double>());
    adam_ = adam;

    // the values after the last epoch; the adaptive penalty goes by their KL
    if (options_.minibatches == 1) values = objective.Values(improved, form());
    metrics.Add("outer_objective", values.objective);
    metrics.Add("outer_kl", values.kl);
    metrics.Add("clip_fraction", values.clip_fraction);
    for (size_t k = 0; k < kl_coefficients_.size(); ++k) {
      metrics.Add(fmt::format("inner_kl_{}", k), values.inner_kl[k]);
      metrics.Add(fmt::format("kl_coefficient_{}", k), kl_coefficients_[k]);
      if (options_.kl_penalty != KlPenalty::kAdaptive) continue;
      if (values.inner_kl[k] < options_.kl_target / 1.5) kl_coefficients_[k] /= 2;
      if (values.inner_kl[k] > options_.kl_target * 1.5) kl_coefficients_[k] *= 2;
    }
    return improved;
  }

  void Save(CheckpointWriter checkpoint) const override {
    adam_.Save(checkpoint.Scope("adam"));
    checkpoint.Store("kl_coefficients", torch::tensor(kl_coefficients_, torch::kFloat64));
  }

  void Load(CheckpointReader checkpoint) override {
    // all of it is read before any of it is used
    const Adam adam = adam_.Loaded(checkpoint.Scope("adam"));
    const torch::Tensor coefficients =
        checkpoint.Load("kl_coefficients", torch::tensor(kl_coefficients_, torch::kFloat64));
    adam_ = adam;
    std::copy_n(coefficients.const_data_ptr<double>(), kl_coefficients_.size(),
                kl_coefficients_.begin());
  }

 private:
  // Adam's steps tell how many iterations there have been, each of `parts` steps an epoch.
  double LearningRate(size_t parts) const {
    if (options_.anneal_iterations == 0) return options_.outer_learning_rate;
    const double steps = static_cast<double>(options_.outer_epochs) * static_cast<double>(parts);
    const double iteration = static_cast<double>(adam_.steps) / steps;
    const double part = std::min(1.0, iteration / static_cast<double>(options_.anneal_iterations));
    return options_.outer_learning_rate +
           part * (options_.final_learning_rate - options_.outer_learning_rate);
  }

  PpoOptions options_;
  Adam adam_;
  std::vector<double> kl_coefficients_;  // one an inner policy
};

}  // namespace

std::unique_ptr<PolicyOptimizer> MakePpo(const PpoOptions& options, const torch::Tensor& point,
                                         int64_t inner_policies) {
  return std::make_unique<Ppo>(options, point, inner_policies);
}

}  // namespace fewstep

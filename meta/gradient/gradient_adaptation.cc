#include "meta/gradient/gradient_adaptation.h"

#include "core/error.h"

namespace fewstep {

void GradientAdaptationOptions::Visit(FieldVisitor& v) {
  v.Field("episodes", episodes,
          {.help = "Episodes sampled for each task before every inner step and after the last.",
           .unit = "episodes",
           .min = 1,
           .max = 100000});
  v.Field("inner_steps", inner_steps,
          {.help = "Gradient steps of the inner loop; 0 trains one policy on all tasks.",
           .unit = "steps",
           .min = 0,
           .max = 100});
  v.Field("inner_learning_rate", inner_learning_rate,
          {.help = "Step size alpha of the inner loop.", .min = 0, .max = 1e6});
  v.Field(
      "learn_inner_rates", learn_inner_rates,
      {.help = "Whether every parameter has an inner rate of its own that the outer loop trains "
               "(Meta-SGD); inner_learning_rate is where they start."});
  v.Choice("inner_optimizer", inner_optimizer, kInnerOptimizerNames,
           {.help = "What an inner step does with the gradient; moments last from step to step and "
                    "are differentiated."});
  v.Field("inner_momentum", inner_momentum,
          {.help = "Momentum of the inner optimiser, beta_1 of Adam.", .min = 0, .max = 0.9999});
  v.Field("inner_second_momentum", inner_second_momentum,
          {.help = "Decay of the squared gradients of the inner Adam, beta_2.",
           .min = 0,
           .max = 0.999999});
  v.Choice("inner_order", inner_order, kGradientOrderNames,
           {.help = "Whether the meta-gradient flows through the inner gradient."});
  v.Choice(
      "inner_surrogate", inner_surrogate, kSurrogateNames,
      {.help = "Objective whose gradient is the inner step; log_likelihood lacks a part of the "
               "Hessian, likelihood_ratio has it, dice is exact in expectation.",
       .choices = {"log_likelihood", "likelihood_ratio", "dice"}});
  v.Choice("inner_reduction", inner_reduction, kReductionNames,
           {.help = "Inner objective: mean over steps, or the return of an episode."});
  v.Choice("adapted", adapted,
           {{"all", Adapted::kAll}, {"head", Adapted::kHead}, {"context", Adapted::kContext}},
           {.help = "What the inner loop adapts: all parameters, the last layer (ANIL) or the "
                    "context (CAVIA)."});
  v.Field("evaluation_rate_factor", evaluation_rate_factor,
          {.help = "Factor on the inner learning rate after the first step of an evaluation.",
           .min = 0,
           .max = 1e6});
  advantage.Visit(v);
}

InnerLoopOptions GradientAdaptationOptions::inner_loop() const {
  return {.steps = inner_steps,
          .learning_rate = learn_inner_rates ? 1.0 : inner_learning_rate,
          .order = inner_order,
          .optimizer = inner_optimizer,
          .momentum = inner_momentum,
          .second_momentum = inner_second_momentum};
}

GradientAdaptation::GradientAdaptation(const MemorylessPolicy& policy,
                                       const GradientAdaptationOptions& options, WorkerPool& pool,
                                       torch::Device device)
    : policy_(policy), options_(options), pool_(pool), device_(device) {
  // what adapts
  const ParameterLayout& layout = *policy.layout();
  const torch::Tensor context = layout.Mask(ParameterRole::kContext);
  if (options.adapted == Adapted::kHead) mask_ = layout.Mask(ParameterRole::kHead).to(device);
  if (options.adapted == Adapted::kContext) mask_ = context.to(device);
  if (mask_.defined() && mask_.sum().item<float>() == 0) {
    const bool wants_context = options.adapted == Adapted::kContext;
    throw Error(
        ErrorKind::kUsage,
        fmt::format("the policy has no {} parameters to adapt", wants_context ? "context" : "head"),
        {.key = "agent.adapted", .remedy = wants_context ? "Set agent.context_size" : ""});
  }

  // what is trained: a context starts from 0 on every task
  if (context.sum().item<float>() == 0) return;
  trained_ = 1 - context;
  if (options.learn_inner_rates) trained_ = torch::cat({trained_, torch::ones_like(context)}, 1);
  trained_ = trained_.to(device);
}

torch::Tensor GradientAdaptation::InitialMeta(const Rng& rng) const {
  const torch::Tensor theta = policy_.InitialParameters(rng).flat;
  if (!options_.learn_inner_rates) return theta.to(device_);
  const torch::Tensor rates = torch::full_like(theta, options_.inner_learning_rate);
  return torch::cat({theta, rates}, 1).to(device_);
}

Parameters GradientAdaptation::Theta(const torch::Tensor& meta) const {
  const auto layout = policy_.layout();
  return {options_.learn_inner_rates ? meta.narrow(1, 0, layout->size()) : meta, layout};
}

torch::Tensor GradientAdaptation::Scale(const torch::Tensor& meta) const {
  if (!options_.learn_inner_rates) return mask_;
  const int64_t size = policy_.layout()->size();
  const torch::Tensor rates = meta.narrow(1, size, size);
  return mask_.defined() ? rates * mask_ : rates;
}

torch::Tensor GradientAdaptation::Trained(const torch::Tensor& tensor) const {
  return trained_.defined() ? tensor * trained_ : tensor;
}

namespace {

torch::Tensor StandardRewards(const Rollouts& rollouts) {
  const torch::Tensor rewards = rollouts.rewards.to(torch::kFloat64);  // 0 past an episode's end
  const torch::Tensor steps = rollouts.mask.sum({1, 2}).to(torch::kFloat64);  // [T]
  const torch::Tensor all = steps.sum().clamp_min(1);
  const torch::Tensor mean = rewards.sum() / all;
  const torch::Tensor variance = (rewards.square().sum() / all - mean.square()).clamp_min(0);
  return (rewards.sum({1, 2}) / steps.clamp_min(1) - mean) / (variance.sqrt() + 1e-8);
}

}  // namespace

AdaptationData GradientAdaptation::Prepare(const Rollouts& rollouts, const Parameters& rows,
                                           const Shards& shards) const {
  const Advantages advantages = ComputeAdvantages(rollouts, options_.advantage, pool_);
  AdaptationData data{.batches = std::vector<PolicyBatch>(shards.size()),
                      .returns = advantages.returns.mean(1) * advantages.scales,
                      .standard_rewards = StandardRewards(rollouts),
                      .explained_variance = advantages.explained_variance};
  if (options_.inner_reduction == Reduction::kSteps) {
    const torch::Tensor steps = rollouts.mask.sum({1, 2}).to(torch::kFloat64).clamp_min(1);
    data.returns = data.returns * (static_cast<double>(rollouts.episodes()) / steps);
  }
  shards.ForEach([&](const Shard& shard) {
    data.batches[shard.index] =
        MakePolicyBatch(policy_, rows.Rows(shard.begin, shard.end), rollouts, advantages.advantages,
                        options_.inner_reduction, shard.begin, shard.end, device_);
  });
  return data;
}

torch::Tensor GradientAdaptation::Loss(const torch::Tensor& log_probs,
                                       const PolicyBatch& batch) const {
  return -SurrogateObjective(options_.inner_surrogate, log_probs, batch);
}

AdaptedRows GradientAdaptation::Start(const torch::Tensor& meta, int64_t num_tasks,
                                      const Shards& shards) const {
  const Parameters theta = Theta(meta.detach());
  return {.rows = theta.WithFlat(theta.flat.repeat({num_tasks, 1})),
          .states = std::vector<InnerState>(shards.size())};
}

void GradientAdaptation::Step(AdaptedRows& adapted, const AdaptationData& data,
                              const Shards& shards, const torch::Tensor& meta,
                              double rate_factor) const {
  InnerLoopOptions inner = options_.inner_loop();
  inner.order = GradientOrder::kFirst;  // no one differentiates this step
  inner.learning_rate *= rate_factor;
  const torch::Tensor scale = Scale(meta.detach());
  std::vector<torch::Tensor> rows(shards.size());
  shards.ForEach([&](const Shard& shard) {
    const size_t i = shard.index;
    const torch::AutoGradMode with_gradient(true);
    Parameters leaf = adapted.rows.Rows(shard.begin, shard.end);
    leaf.flat = leaf.flat.detach().clone().requires_grad_(true);
    const PolicyBatch& batch = data.batches[i];
    const torch::Tensor log_probs =
        policy_.Forward(leaf, batch.observations).LogProb(batch.actions);
    rows[i] =
        AdaptStep(leaf, Loss(log_probs, batch), inner, scale, adapted.states[i]).flat.detach();
  });
  adapted.rows.flat = torch::cat(rows, 0);
}

std::vector<AdaptationData> DataAlongInnerLoop(const GradientAdaptation& adaptation,
                                               const torch::Tensor& meta, const Shards& shards,
                                               const CollectData& collect) {
  const int64_t inner_steps = adaptation.options().inner_steps;
  std::vector<AdaptationData> data;
  AdaptedRows adapted = adaptation.Start(meta, shards.num_tasks(), shards);
  for (int64_t k = 0; k <= inner_steps; ++k) {
    data.push_back(collect(adapted.rows, k));
    if (k < inner_steps) adaptation.Step(adapted, data.back(), shards, meta);
  }
  return data;
}

namespace {

class DeployedGradientAdaptation final : public AdaptiveAgent {
 public:
  DeployedGradientAdaptation(const GradientAdaptation& adaptation, const torch::Tensor& meta,
                             int num_tasks, int64_t num_shards)
      : adaptation_(adaptation),
        meta_(meta.detach().clone()),
        shards_(num_tasks, num_shards, adaptation.pool()),
        adapted_(adaptation.Start(meta_, num_tasks, shards_)) {}

  const Policy& policy() const override { return adaptation_.policy(); }
  const Parameters& parameters() const override { return adapted_.rows; }

  void Adapt(const Rollouts& support) override {
    const double factor = steps_ == 0 ? 1.0 : adaptation_.options().evaluation_rate_factor;
    adaptation_.Step(adapted_, adaptation_.Prepare(support, adapted_.rows, shards_), shards_, meta_,
                     factor);
    ++steps_;
  }

 private:
  const GradientAdaptation& adaptation_;
  torch::Tensor meta_;  // [1, M]
  Shards shards_;
  AdaptedRows adapted_;
  int steps_ = 0;
};

}  // namespace

std::unique_ptr<AdaptiveAgent> DeployGradientAdaptation(const GradientAdaptation& adaptation,
                                                        const torch::Tensor& meta, int num_tasks,
                                                        int64_t num_shards) {
  return std::make_unique<DeployedGradientAdaptation>(adaptation, meta, num_tasks, num_shards);
}

}  // namespace fewstep

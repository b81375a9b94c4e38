#include "meta/gradient_adaptation.h"

#include <cmath>

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
  v.Field("inner_order", inner_order,
          {.help = "Whether the meta-gradient flows through the inner gradient.",
           .choices = {"first", "second"}});
  v.Field("inner_surrogate", inner_surrogate,
          {.help = "Objective whose gradient is the inner step; log_likelihood lacks a part of the "
                   "Hessian, likelihood_ratio has it, dice is exact in expectation.",
           .choices = {"log_likelihood", "likelihood_ratio", "dice"}});
  v.Field("inner_reduction", inner_reduction,
          {.help = "Inner objective: mean over steps, or the return of an episode.",
           .choices = {"steps", "episodes"}});
  v.Field("evaluation_rate_factor", evaluation_rate_factor,
          {.help = "Factor on the inner learning rate after the first step of an evaluation.",
           .min = 0,
           .max = 1e6});
  advantage.Visit(v);
}

InnerLoopOptions GradientAdaptationOptions::inner_loop() const {
  return {.steps = inner_steps,
          .learning_rate = inner_learning_rate,
          .order = inner_order == "first" ? GradientOrder::kFirst : GradientOrder::kSecond};
}

Reduction GradientAdaptationOptions::reduction() const {
  return inner_reduction == "episodes" ? Reduction::kEpisodes : Reduction::kSteps;
}

GradientAdaptation::GradientAdaptation(const Policy& policy,
                                       const GradientAdaptationOptions& options, WorkerPool& pool,
                                       torch::Device device)
    : policy_(policy), options_(options), pool_(pool), device_(device) {}

AdaptationData GradientAdaptation::Prepare(const Rollouts& rollouts, const Parameters& rows,
                                           const std::vector<Shard>& shards) const {
  const Advantages advantages = ComputeAdvantages(rollouts, options_.advantage, pool_);
  AdaptationData data{.batches = std::vector<PolicyBatch>(shards.size()),
                      .explained_variance = advantages.explained_variance};
  pool_.Run(static_cast<int>(shards.size()), [&](int item, int) {
    const Shard& shard = shards[static_cast<size_t>(item)];
    data.batches[static_cast<size_t>(item)] =
        MakePolicyBatch(policy_, rows.Rows(shard.begin, shard.end), rollouts, advantages.advantages,
                        options_.reduction(), shard.begin, shard.end, device_);
  });
  return data;
}

torch::Tensor GradientAdaptation::Loss(const ActionDistribution& distribution,
                                       const PolicyBatch& batch) const {
  return -SurrogateObjective(options_.surrogate(), distribution.LogProb(batch.actions), batch);
}

Parameters GradientAdaptation::Step(const Parameters& rows, const AdaptationData& data,
                                    const std::vector<Shard>& shards, double learning_rate) const {
  std::vector<torch::Tensor> adapted(shards.size());
  pool_.Run(static_cast<int>(shards.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);
    Parameters leaf = rows.Rows(shards[i].begin, shards[i].end);
    leaf.flat = leaf.flat.detach().clone().requires_grad_(true);
    const PolicyBatch& batch = data.batches[i];
    const torch::Tensor losses = Loss(policy_.Forward(leaf, batch.observations), batch);
    adapted[i] = AdaptStep(leaf, losses, learning_rate, GradientOrder::kFirst).flat.detach();
  });
  return rows.WithFlat(torch::cat(adapted, 0));
}

namespace {

class DeployedGradientAdaptation final : public AdaptiveAgent {
 public:
  DeployedGradientAdaptation(const GradientAdaptation& adaptation, const Parameters& theta,
                             int num_tasks, int64_t num_shards)
      : adaptation_(adaptation),
        rows_(theta.WithFlat(theta.flat.detach().repeat({num_tasks, 1}))),
        shards_(MakeShards(num_tasks, num_shards)) {}

  const Policy& policy() const override { return adaptation_.policy(); }
  const Parameters& parameters() const override { return rows_; }
  std::string unit() const override { return "gradient step"; }
  int episodes_per_unit() const override {
    return static_cast<int>(adaptation_.options().episodes);
  }

  void Adapt(const Rollouts& support) override {
    const GradientAdaptationOptions& options = adaptation_.options();
    const double rate =
        options.inner_learning_rate * (steps_ == 0 ? 1.0 : options.evaluation_rate_factor);
    rows_ = adaptation_.Step(rows_, adaptation_.Prepare(support, rows_, shards_), shards_, rate);
    ++steps_;
  }

 private:
  const GradientAdaptation& adaptation_;
  Parameters rows_;
  std::vector<Shard> shards_;
  int steps_ = 0;
};

}  // namespace

std::unique_ptr<AdaptiveAgent> DeployGradientAdaptation(const GradientAdaptation& adaptation,
                                                        const Parameters& theta, int num_tasks,
                                                        int64_t num_shards) {
  return std::make_unique<DeployedGradientAdaptation>(adaptation, theta, num_tasks, num_shards);
}

}  // namespace fewstep

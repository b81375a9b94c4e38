// Adaptation by policy gradients on a task's own episodes: the inner loop of MAML for
// reinforcement learning (Finn et al. 2017, algorithm 3, lines 4-7), shared by every agent that
// adapts by gradients, in training and in deployment.
#pragma once

#include <memory>
#include <vector>

#include "agents/advantages.h"
#include "agents/policy.h"
#include "meta/inner_loop.h"
#include "meta/meta_agent.h"
#include "meta/sharded_gradient.h"
#include "meta/surrogates.h"

namespace fewstep {

// Fields of [agent] that describe the inner loop.
struct GradientAdaptationOptions : Options {
  int64_t episodes = 20;
  int64_t inner_steps = 1;
  double inner_learning_rate = 0.1;
  std::string inner_order = "second";
  std::string inner_surrogate = "likelihood_ratio";
  std::string inner_reduction = "steps";
  double evaluation_rate_factor = 1.0;
  AdvantageOptions advantage;
  void Visit(FieldVisitor& visitor) override;

  InnerLoopOptions inner_loop() const;
  Surrogate surrogate() const { return ParseSurrogate(inner_surrogate); }
  Reduction reduction() const;
};

// The episodes of one inner step, made ready for differentiation.
struct AdaptationData {
  std::vector<PolicyBatch> batches;  // one a shard
  double explained_variance = 0;
};

// Immutable; safe to share. All references outlive it.
class GradientAdaptation {
 public:
  GradientAdaptation(const Policy& policy, const GradientAdaptationOptions& options,
                     WorkerPool& pool, torch::Device device);

  const Policy& policy() const { return policy_; }
  const GradientAdaptationOptions& options() const { return options_; }

  // Batches of `rollouts`, which were sampled with `rows` [T, P], cut along `shards`.
  AdaptationData Prepare(const Rollouts& rollouts, const Parameters& rows,
                         const std::vector<Shard>& shards) const;

  // The inner loss of every task of one batch, [T].
  torch::Tensor Loss(const ActionDistribution& distribution, const PolicyBatch& batch) const;

  // One inner step on every row, without a graph: what sampling after adaptation needs.
  Parameters Step(const Parameters& rows, const AdaptationData& data,
                  const std::vector<Shard>& shards, double learning_rate) const;

 private:
  const Policy& policy_;
  GradientAdaptationOptions options_;
  WorkerPool& pool_;
  torch::Device device_;
};

// Deploys `theta` [1, P] on T tasks: one gradient step a unit.
std::unique_ptr<AdaptiveAgent> DeployGradientAdaptation(const GradientAdaptation& adaptation,
                                                        const Parameters& theta, int num_tasks,
                                                        int64_t num_shards);

}  // namespace fewstep

// Adaptation by policy gradients on a task's own episodes: the inner loop of MAML for
// reinforcement learning (Finn et al. 2017, algorithm 3, lines 4-7), shared by every agent that
// adapts by gradients, in training and in deployment.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agents/advantages.h"
#include "agents/policies/policy.h"
#include "agents/shards.h"
#include "agents/surrogates.h"
#include "meta/inner_loop.h"
#include "meta/meta_agent.h"

namespace fewstep {

// What the inner loop adapts: all parameters, the last layer (ANIL) or the context (CAVIA).
enum class Adapted { kAll, kHead, kContext };

// Fields of [agent] that describe the inner loop.
struct GradientAdaptationOptions : Options {
  int64_t episodes = 20;
  int64_t inner_steps = 1;
  double inner_learning_rate = 0.1;
  bool learn_inner_rates = false;
  InnerOptimizer inner_optimizer = InnerOptimizer::kGradient;
  double inner_momentum = 0.9;
  double inner_second_momentum = 0.999;
  GradientOrder inner_order = GradientOrder::kSecond;
  Surrogate inner_surrogate = Surrogate::kLikelihoodRatio;
  Reduction inner_reduction = Reduction::kSteps;
  Adapted adapted = Adapted::kAll;
  double evaluation_rate_factor = 1.0;
  AdvantageOptions advantage;
  void Visit(FieldVisitor& visitor) override;

  InnerLoopOptions inner_loop() const;
};

// The episodes of one inner step, made ready for differentiation.
struct AdaptationData {
  std::vector<PolicyBatch> batches;  // one a shard
  // Mean discounted return of a task's episodes, [T] float64, in the unit of the task's surrogate:
  // multiplied by the scale of its advantages and, with Reduction::kSteps, divided by its mean
  // number of steps an episode.
  torch::Tensor returns;
  // Mean over a task's steps of (r - m) / (d + 1e-8), m and d the mean and the standard deviation
  // of the rewards of all steps of all tasks, [T] float64.
  torch::Tensor standard_rewards;
  double explained_variance = 0;
};

// T tasks on their way through the inner loop, without a graph.
struct AdaptedRows {
  Parameters rows;                 // [T, P]
  std::vector<InnerState> states;  // one a shard
};

// The meta-parameters are one row: theta, then, with learned inner rates, a rate for each of its
// parameters (Li et al. 2017, Meta-SGD): [1, M], M = P or 2 P.
//
// Immutable; safe to share. All references outlive it.
class GradientAdaptation {
 public:
  // Throws Error(kUsage) when the policy has no parameters of the kind that is to adapt.
  GradientAdaptation(const MemorylessPolicy& policy, const GradientAdaptationOptions& options,
                     WorkerPool& pool, torch::Device device);

  const MemorylessPolicy& policy() const { return policy_; }
  const GradientAdaptationOptions& options() const { return options_; }
  WorkerPool& pool() const { return pool_; }

  torch::Tensor InitialMeta(const Rng& rng) const;    // [1, M]
  Parameters Theta(const torch::Tensor& meta) const;  // [1, P]; a view
  // The factor on each parameter's inner step, [1, P]; undefined for 1.
  torch::Tensor Scale(const torch::Tensor& meta) const;
  // `tensor` [1, M] with zeros where meta-parameters are not trained: where every task starts from
  // the same context.
  torch::Tensor Trained(const torch::Tensor& tensor) const;

  // Batches of `rollouts`, which were sampled with `rows` [T, P], cut along `shards`.
  AdaptationData Prepare(const Rollouts& rollouts, const Parameters& rows,
                         const Shards& shards) const;

  // The inner loss of every task of one batch, [T].
  torch::Tensor Loss(const torch::Tensor& log_probs, const PolicyBatch& batch) const;

  AdaptedRows Start(const torch::Tensor& meta, int64_t num_tasks, const Shards& shards) const;

  // One inner step on every row, without a graph: what sampling after adaptation needs.
  void Step(AdaptedRows& adapted, const AdaptationData& data, const Shards& shards,
            const torch::Tensor& meta, double rate_factor = 1) const;

 private:
  const MemorylessPolicy& policy_;
  GradientAdaptationOptions options_;
  WorkerPool& pool_;
  torch::Device device_;
  torch::Tensor mask_;     // [1, P] of what adapts; undefined for all
  torch::Tensor trained_;  // [1, M] of what the outer loop trains; undefined for all
};

// Samples along the inner loop from `meta`: `collect` acts episodes with the rows [T, P] of inner
// step k and prepares them. Returns D_0 .. D_K.
using CollectData = std::function<AdaptationData(const Parameters& rows, int64_t k)>;
std::vector<AdaptationData> DataAlongInnerLoop(const GradientAdaptation& adaptation,
                                               const torch::Tensor& meta, const Shards& shards,
                                               const CollectData& collect);

// Deploys `meta` [1, M] on T tasks: one gradient step a unit.
std::unique_ptr<AdaptiveAgent> DeployGradientAdaptation(const GradientAdaptation& adaptation,
                                                        const torch::Tensor& meta, int num_tasks,
                                                        int64_t num_shards);

}  // namespace fewstep

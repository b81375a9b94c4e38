// The meta-objective: what the outer loop improves, as a function of the meta-parameters on the
// fixed data of one iteration. D_k are the episodes sampled with theta_k, k = 0 .. K, for each
// task; theta_0 = theta and theta_{k+1} = U(theta_k; D_k) is the inner loop.
//
//   J(theta) = mean over tasks of
//        sum over k in S of J_out(theta_k; D_k)                 S = {K}, or {0 .. K} for trials
//      + sum over k < K of c_k log p_{theta_k}(D_k)              exploration credit
//      - sum over k < K of eta_k / K * KL(pi_old,k || pi_{theta_k})
//
// The second line is what an algorithm that samples owes to its sampling: the data D_k depend on
// theta as well, and c_k is the return that follows them (Al-Shedivat et al. 2018, eq. 7; Stadie et
// al. 2018, E-MAML). Without it, MAML is blind to what its exploration is good for. The credit of
// published code ("mean") is another one: it goes to D_0 alone, as the mean over steps of
// log pi_theta, times the mean reward of a step of D_K, standardised over all steps of all tasks.
#pragma once

#include <string>
#include <vector>

#include "agents/optimizers/objective.h"
#include "meta/gradient/gradient_adaptation.h"

namespace fewstep {

enum class OuterReturns { kLast, kTrial };              // S above
enum class ExplorationCredit { kNone, kExact, kMean };  // c_k above

// Fields of [agent].
struct MetaObjectiveOptions : Options {
  OuterReturns outer_returns = OuterReturns::kLast;
  ExplorationCredit exploration_credit = ExplorationCredit::kNone;
  void Visit(FieldVisitor& visitor) override;
};

// Immutable. One caller at a time, as it computes on the pool.
//
// ObjectiveValues::kl is the mean over tasks of KL(pi_old || pi) of the adapted policies. With
// outer_returns = kTrial or exploration_credit = kExact it is the sum over theta_0 .. theta_K,
// because the objective is then measured on the data of all of them. kMean does not change it, as
// in the published code.
class MetaObjective final : public Objective {
 public:
  // `data` [K + 1] were sampled along the inner loop from one row of meta-parameters. Everything
  // passed by reference must outlive it.
  MetaObjective(const GradientAdaptation& adaptation, const MetaObjectiveOptions& options,
                Shards shards, std::vector<AdaptationData> data);

  const GradientAdaptation& adaptation() const { return adaptation_; }
  int64_t num_tasks() const { return shards_.num_tasks(); }
  int64_t inner_steps() const { return static_cast<int64_t>(data_.size()) - 1; }

  torch::Tensor Gradient(const torch::Tensor& meta, const ObjectiveForm& form,
                         ObjectiveValues* values = nullptr) const override;
  ObjectiveValues Values(const torch::Tensor& meta, const ObjectiveForm& form) const override;
  // The exact Hessian of ObjectiveValues::kl as defined above. Where the data were sampled it is
  // the Fisher matrix of the policies that it counts, seen through the inner loop.
  LinearMap HessianOfKl(const torch::Tensor& meta) const override;

  // theta after one more inner step than the data were sampled with, [T, P]: U through D_K.
  torch::Tensor AdaptedBeyond(const torch::Tensor& meta) const;

 private:
  enum class Differentiate { kNothing, kObjective, kKl };
  // A shard's part of means over all tasks. Tensors until they are read, all at once.
  struct ShardTerms {
    torch::Tensor objective, penalty, kl;
    std::vector<torch::Tensor> clipped, inner_kl;  // weights of clipped steps, one a counted batch
  };
  ShardTerms Terms(const torch::Tensor& meta, const Shard& shard, const ObjectiveForm& form,
                   Differentiate what) const;
  ObjectiveValues Read(const std::vector<ShardTerms>& terms) const;

  const GradientAdaptation& adaptation_;
  Shards shards_;
  std::vector<AdaptationData> data_;  // [K + 1]
  bool trial_;
  bool mean_credit_;
  std::vector<torch::Tensor> credits_;  // c_k, [T] each, undefined for 0; empty without credit
};

}  // namespace fewstep

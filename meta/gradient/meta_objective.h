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

#include "meta/gradient/gradient_adaptation.h"

namespace fewstep {

// Fields of [agent].
struct MetaObjectiveOptions : Options {
  std::string outer_returns = "last";
  std::string exploration_credit = "none";
  void Visit(FieldVisitor& visitor) override;
};

// J_out, the objective of the outer loop on one batch; all have the same gradient where the data
// were sampled, and differ away from it.
struct OuterSurrogate {
  enum class Kind { kLogLikelihood, kLikelihoodRatio, kDice, kClipped };
  Kind kind = Kind::kLikelihoodRatio;
  double clip = 0.3;                         // kClipped
  std::vector<double> kl_coefficients = {};  // eta_k, one an inner step; empty for none
};
OuterSurrogate::Kind ParseOuterSurrogate(const std::string& name);

// Means over tasks at one point.
struct OuterValues {
  double objective = 0;  // J without its KL terms
  // KL(pi_old || pi) after adaptation, and the sum over all policies of the trial when its returns
  // or exactly its exploration count: a trust region bounds whatever the objective was measured
  // with. Published code with mean credit bounds the divergence after adaptation only.
  double kl = 0;
  double clip_fraction = 0;
  std::vector<double> inner_kl;  // [K]
};

// Immutable. One caller at a time, as it computes on the pool.
class MetaObjective {
 public:
  // `data` [K + 1] were sampled along the inner loop from one row of meta-parameters. Everything
  // passed by reference must outlive it.
  MetaObjective(const GradientAdaptation& adaptation, const MetaObjectiveOptions& options,
                std::vector<Shard> shards, std::vector<AdaptationData> data);

  const GradientAdaptation& adaptation() const { return adaptation_; }
  int64_t num_tasks() const { return shards_.back().end; }
  int64_t inner_steps() const { return static_cast<int64_t>(data_.size()) - 1; }

  // grad J at `meta` [1, M], and the values there when `values` is not null.
  torch::Tensor Gradient(const torch::Tensor& meta, const OuterSurrogate& surrogate,
                         OuterValues* values = nullptr) const;

  OuterValues Values(const torch::Tensor& meta, const OuterSurrogate& surrogate) const;

  // theta after one more inner step than the data were sampled with, [T, P]: U through D_K.
  torch::Tensor AdaptedBeyond(const torch::Tensor& meta) const;

  // Products with the exact Hessian of the mean KL after adaptation, at `meta`. Where the data were
  // sampled it is the Fisher matrix of the adapted policies seen through the inner loop.
  class KlHessian {
   public:
    torch::Tensor operator()(const torch::Tensor& vector) const;  // [1, M] -> [1, M]

   private:
    friend class MetaObjective;
    const MetaObjective* objective_ = nullptr;
    std::vector<torch::Tensor> leaves_, gradients_;  // one a shard, with their graphs
  };
  KlHessian HessianOfKl(const torch::Tensor& meta) const;

 private:
  enum class Differentiate { kNothing, kObjective, kKl };
  struct ShardTerms {  // the shard's part of means over all tasks
    torch::Tensor objective, penalty, kl;
    double clip_fraction = 0;
    std::vector<double> inner_kl;
  };
  ShardTerms Terms(const torch::Tensor& meta, const Shard& shard, const OuterSurrogate& surrogate,
                   Differentiate what) const;
  static void AddTo(const ShardTerms& terms, OuterValues& values);

  const GradientAdaptation& adaptation_;
  std::vector<Shard> shards_;
  std::vector<AdaptationData> data_;  // [K + 1]
  bool trial_;
  bool mean_credit_;
  std::vector<torch::Tensor> credits_;  // c_k, [T] each, undefined for 0; empty without credit
};

}  // namespace fewstep

#include "meta/gradient/meta_objective.h"

namespace fewstep {

void MetaObjectiveOptions::Visit(FieldVisitor& v) {
  v.Field(
      "outer_returns", outer_returns,
      {.help = "Episodes whose return the outer loop improves: those after the last inner step, "
               "or all of the trial.",
       .choices = {"last", "trial"}});
  v.Field("exploration_credit", exploration_credit,
          {.help = "Credit of the episodes adapted on for the returns that follow: none (MAML), "
                   "exact (their score times what follows, E-MAML), or mean (mean log-probability "
                   "of the first ones times the standardised mean reward, as in published code).",
           .choices = {"none", "exact", "mean"}});
}

OuterSurrogate::Kind ParseOuterSurrogate(const std::string& name) {
  if (name == "log_likelihood") return OuterSurrogate::Kind::kLogLikelihood;
  if (name == "dice") return OuterSurrogate::Kind::kDice;
  if (name == "clipped") return OuterSurrogate::Kind::kClipped;
  return OuterSurrogate::Kind::kLikelihoodRatio;
}

namespace {

// c_k for every task: the returns that follow D_k, less their mean over the other tasks, which does
// not depend on D_k and so leaves the expectation as it is.
std::vector<torch::Tensor> Credits(const std::vector<AdaptationData>& data, bool trial) {
  std::vector<torch::Tensor> credits(data.size() - 1);
  torch::Tensor following = torch::zeros_like(data.back().returns);
  for (size_t k = data.size() - 1; k-- > 0;) {
    if (trial || k + 2 == data.size()) following = following + data[k + 1].returns;
    const double others = static_cast<double>(following.size(0) - 1);
    credits[k] = others > 0 ? following - (following.sum() - following) / others : following;
  }
  return credits;
}

// The credit of ProMP's code (meta_sample_processor.py, trpo_maml.py), for D_0 alone.
std::vector<torch::Tensor> MeanCredits(const std::vector<AdaptationData>& data) {
  std::vector<torch::Tensor> credits(data.size() - 1);
  if (!credits.empty()) credits.front() = data.back().standard_rewards;
  return credits;
}

// J_out of every task, [T].
torch::Tensor OuterObjective(const torch::Tensor& log_probs, const PolicyBatch& batch,
                             const OuterSurrogate& surrogate) {
  switch (surrogate.kind) {
    case OuterSurrogate::Kind::kClipped:
      return ClippedObjective(log_probs, batch, surrogate.clip);
    case OuterSurrogate::Kind::kLogLikelihood:
      return SurrogateObjective(Surrogate::kLogLikelihood, log_probs, batch);
    case OuterSurrogate::Kind::kDice:
      return SurrogateObjective(Surrogate::kDice, log_probs, batch);
    case OuterSurrogate::Kind::kLikelihoodRatio:
      break;
  }
  return SurrogateObjective(Surrogate::kLikelihoodRatio, log_probs, batch);
}

}  // namespace

MetaObjective::MetaObjective(const GradientAdaptation& adaptation,
                             const MetaObjectiveOptions& options, std::vector<Shard> shards,
                             std::vector<AdaptationData> data)
    : adaptation_(adaptation),
      shards_(std::move(shards)),
      data_(std::move(data)),
      trial_(options.outer_returns == "trial"),
      mean_credit_(options.exploration_credit == "mean") {
  if (options.exploration_credit == "exact") credits_ = Credits(data_, trial_);
  if (options.exploration_credit == "mean") credits_ = MeanCredits(data_);
}

MetaObjective::ShardTerms MetaObjective::Terms(const torch::Tensor& meta, const Shard& shard,
                                               const OuterSurrogate& surrogate,
                                               Differentiate what) const {
  const int64_t num_rows = shard.end - shard.begin, last = inner_steps();
  const double tasks = static_cast<double>(num_tasks());
  InnerLoopOptions inner = adaptation_.options().inner_loop();
  if (what == Differentiate::kNothing) inner.order = GradientOrder::kFirst;
  const torch::Tensor scale = adaptation_.Scale(meta);
  ShardTerms terms{.objective = torch::zeros({}, meta.options()),
                   .penalty = torch::zeros({}, meta.options()),
                   .kl = torch::zeros({}, meta.options()),
                   .inner_kl = std::vector<double>(static_cast<size_t>(last))};
  // a mean over tasks of the divergence, in the graph where someone differentiates it
  const auto mean_kl = [&](const ActionDistribution& distribution, const PolicyBatch& batch,
                           bool in_graph) {
    const torch::AutoGradMode mode(in_graph);
    return MeanKl(distribution, batch).sum() / tasks;
  };

  Parameters rows = adaptation_.Theta(meta).Expand(num_rows);
  InnerState state;
  for (int64_t k = 0;; ++k) {
    const size_t step = static_cast<size_t>(k);
    const PolicyBatch& batch = data_[step].batches[static_cast<size_t>(shard.index)];
    const ActionDistribution distribution = adaptation_.policy().Forward(rows, batch.observations);

    // how far theta_k has moved from what sampled
    if (k < last) {
      const bool penalised = !surrogate.kl_coefficients.empty();
      const torch::Tensor kl = mean_kl(distribution, batch, penalised);
      terms.inner_kl[step] = kl.item<double>();
      if (penalised) {
        terms.penalty =
            terms.penalty + kl * (surrogate.kl_coefficients[step] / static_cast<double>(last));
      }
    }

    // policies whose data the objective was measured on: what is credited with its sampling, too
    if (trial_ || k == last || (!credits_.empty() && !mean_credit_)) {
      terms.kl = terms.kl + mean_kl(distribution, batch, what == Differentiate::kKl);
    }

    // the returns that count
    const torch::Tensor log_probs = distribution.LogProb(batch.actions);
    if (trial_ || k == last) {
      terms.objective = terms.objective + OuterObjective(log_probs, batch, surrogate).sum() / tasks;
      const torch::NoGradGuard no_grad;
      const torch::Tensor ratio = (log_probs - batch.old_log_probs).exp();
      const torch::Tensor clipped = ((ratio - 1).abs() > surrogate.clip).to(batch.weights.dtype());
      terms.clip_fraction += (clipped * batch.weights).sum().item<double>() / tasks;
    }
    if (k == last) return terms;

    // what sampling D_k is worth
    if (!credits_.empty() && credits_[step].defined()) {
      const torch::Tensor credit =
          credits_[step].narrow(0, shard.begin, num_rows).to(meta.device(), meta.scalar_type());
      torch::Tensor weights = (batch.weights != 0).to(batch.weights.dtype());
      if (mean_credit_) weights = weights / weights.sum(1, /*keepdim=*/true).clamp_min(1);
      const torch::Tensor score = ((log_probs - batch.old_log_probs) * weights).sum(1);
      terms.objective = terms.objective + (score * credit).sum() / tasks;
    }
    rows = AdaptStep(rows, adaptation_.Loss(log_probs, batch), inner, scale, state);
  }
}

void MetaObjective::AddTo(const ShardTerms& terms, OuterValues& values) {
  values.objective += terms.objective.item<double>();
  values.kl += terms.kl.item<double>();
  values.clip_fraction += terms.clip_fraction;
  values.inner_kl.resize(terms.inner_kl.size());
  for (size_t k = 0; k < terms.inner_kl.size(); ++k) values.inner_kl[k] += terms.inner_kl[k];
}

torch::Tensor MetaObjective::Gradient(const torch::Tensor& meta, const OuterSurrogate& surrogate,
                                      OuterValues* values) const {
  std::vector<ShardTerms> terms(shards_.size());
  const torch::Tensor gradient = ComputeShardedGradient(
      meta, shards_, adaptation_.pool(), [&](const torch::Tensor& leaf, const Shard& shard) {
        ShardTerms& own = terms[static_cast<size_t>(shard.index)];
        own = Terms(leaf, shard, surrogate, Differentiate::kObjective);
        const torch::Tensor objective = own.objective - own.penalty;
        own.objective = own.objective.detach();
        own.penalty = own.penalty.detach();
        return objective;
      });
  if (values != nullptr) {
    *values = {};
    for (const ShardTerms& shard : terms) AddTo(shard, *values);
  }
  return adaptation_.Trained(gradient);
}

OuterValues MetaObjective::Values(const torch::Tensor& meta,
                                  const OuterSurrogate& surrogate) const {
  std::vector<ShardTerms> terms(shards_.size());
  adaptation_.pool().Run(static_cast<int>(shards_.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);  // of the inner loop
    terms[i] = Terms(meta.detach().clone().requires_grad_(true), shards_[i], surrogate,
                     Differentiate::kNothing);
  });
  OuterValues values;
  for (const ShardTerms& shard : terms) AddTo(shard, values);
  return values;
}

torch::Tensor MetaObjective::AdaptedBeyond(const torch::Tensor& meta) const {
  AdaptedRows adapted = adaptation_.Start(meta, num_tasks(), shards_);
  for (const AdaptationData& data : data_) adaptation_.Step(adapted, data, shards_, meta);
  return adapted.rows.flat;
}

MetaObjective::KlHessian MetaObjective::HessianOfKl(const torch::Tensor& meta) const {
  KlHessian hessian;
  hessian.objective_ = this;
  hessian.leaves_.resize(shards_.size());
  hessian.gradients_.resize(shards_.size());
  adaptation_.pool().Run(static_cast<int>(shards_.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);
    hessian.leaves_[i] = meta.detach().clone().requires_grad_(true);
    const torch::Tensor kl = Terms(hessian.leaves_[i], shards_[i], {}, Differentiate::kKl).kl;
    hessian.gradients_[i] = torch::autograd::grad({kl}, {hessian.leaves_[i]}, {},
                                                  /*retain_graph=*/true, /*create_graph=*/true)[0];
  });
  return hessian;
}

torch::Tensor MetaObjective::KlHessian::operator()(const torch::Tensor& vector) const {
  std::vector<torch::Tensor> products(leaves_.size());
  objective_->adaptation_.pool().Run(static_cast<int>(leaves_.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);
    products[i] = torch::autograd::grad({(gradients_[i] * vector).sum()}, {leaves_[i]}, {},
                                        /*retain_graph=*/true)[0];
  });
  return objective_->adaptation_.Trained(SumInOrder(products));
}

}  // namespace fewstep

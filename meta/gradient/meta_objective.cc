#include "meta/gradient/meta_objective.h"

namespace fewstep {

void MetaObjectiveOptions::Visit(FieldVisitor& v) {
  v.Choice(
      "outer_returns", outer_returns,
      {{"last", OuterReturns::kLast}, {"trial", OuterReturns::kTrial}},
      {.help = "Episodes whose return the outer loop improves: those after the last inner step, "
               "or all of the trial."});
  v.Choice(
      "exploration_credit", exploration_credit,
      {{"none", ExplorationCredit::kNone},
       {"exact", ExplorationCredit::kExact},
       {"mean", ExplorationCredit::kMean}},
      {.help = "Credit of the episodes adapted on for the returns that follow: none (MAML), "
               "exact (their score times what follows, E-MAML), or mean (mean log-probability "
               "of the first ones times the standardised mean reward, as in published code)."});
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

}  // namespace

MetaObjective::MetaObjective(const GradientAdaptation& adaptation,
                             const MetaObjectiveOptions& options, Shards shards,
                             std::vector<AdaptationData> data)
    : adaptation_(adaptation),
      shards_(std::move(shards)),
      data_(std::move(data)),
      trial_(options.outer_returns == OuterReturns::kTrial),
      mean_credit_(options.exploration_credit == ExplorationCredit::kMean) {
  if (options.exploration_credit == ExplorationCredit::kExact) credits_ = Credits(data_, trial_);
  if (options.exploration_credit == ExplorationCredit::kMean) credits_ = MeanCredits(data_);
}

MetaObjective::ShardTerms MetaObjective::Terms(const torch::Tensor& meta, const Shard& shard,
                                               const ObjectiveForm& form,
                                               Differentiate what) const {
  const int64_t num_rows = shard.size(), last = inner_steps();
  const double tasks = static_cast<double>(num_tasks());
  InnerLoopOptions inner = adaptation_.options().inner_loop();
  if (what == Differentiate::kNothing) inner.order = GradientOrder::kFirst;
  const torch::Tensor scale = adaptation_.Scale(meta);
  ShardTerms terms{.objective = torch::zeros({}, meta.options()),
                   .penalty = torch::zeros({}, meta.options()),
                   .kl = torch::zeros({}, meta.options()),
                   .clipped = {},
                   .inner_kl = std::vector<torch::Tensor>(static_cast<size_t>(last))};
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
    const PolicyBatch& batch = data_[step].batches[shard.index];
    const ActionDistribution distribution = adaptation_.policy().Forward(rows, batch.observations);

    // KL from the policy that sampled D_k
    if (k < last) {
      const bool penalised = !form.kl_coefficients.empty();
      const torch::Tensor kl = mean_kl(distribution, batch, penalised);
      terms.inner_kl[step] = kl.detach();
      if (penalised) {
        terms.penalty =
            terms.penalty + kl * (form.kl_coefficients[step] / static_cast<double>(last));
      }
    }

    // the KL of every policy on whose data the objective is measured
    if (trial_ || k == last || (!credits_.empty() && !mean_credit_)) {
      terms.kl = terms.kl + mean_kl(distribution, batch, what == Differentiate::kKl);
    }

    // the returns that count
    const torch::Tensor log_probs = distribution.LogProb(batch.actions);
    if (trial_ || k == last) {
      const torch::Tensor objective =
          SurrogateObjective(form.surrogate, log_probs, batch, form.clip);
      terms.objective = terms.objective + objective.sum() / tasks;
      const torch::NoGradGuard no_grad;
      const torch::Tensor ratio = (log_probs - batch.old_log_probs).exp();
      const torch::Tensor clipped = ((ratio - 1).abs() > form.clip).to(batch.weights.dtype());
      terms.clipped.push_back((clipped * batch.weights).sum());
    }
    if (k == last) return terms;

    // the exploration credit of D_k
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

ObjectiveValues MetaObjective::Read(const std::vector<ShardTerms>& terms) const {
  // one transfer for all numbers
  std::vector<torch::Tensor> scalars;
  for (const ShardTerms& shard : terms) {
    scalars.push_back(shard.objective.detach());
    scalars.push_back(shard.kl.detach());
    scalars.insert(scalars.end(), shard.clipped.begin(), shard.clipped.end());
    scalars.insert(scalars.end(), shard.inner_kl.begin(), shard.inner_kl.end());
  }
  const torch::Tensor numbers = torch::stack(scalars).to(torch::kCPU, torch::kFloat64).contiguous();
  const double* next = numbers.const_data_ptr<double>();

  const double tasks = static_cast<double>(num_tasks());
  ObjectiveValues values{.inner_kl = std::vector<double>(static_cast<size_t>(inner_steps()))};
  for (const ShardTerms& shard : terms) {
    values.objective += *next++;
    values.kl += *next++;
    double clipped = 0;
    for (size_t i = 0; i < shard.clipped.size(); ++i) clipped += *next++ / tasks;
    values.clip_fraction += clipped;
    for (double& kl : values.inner_kl) kl += *next++;
  }
  return values;
}

torch::Tensor MetaObjective::Gradient(const torch::Tensor& meta, const ObjectiveForm& form,
                                      ObjectiveValues* values) const {
  std::vector<ShardTerms> terms(shards_.size());
  const torch::Tensor gradient =
      shards_.Gradient(meta, [&](const torch::Tensor& leaf, const Shard& shard) {
        ShardTerms& own = terms[shard.index];
        own = Terms(leaf, shard, form, Differentiate::kObjective);
        const torch::Tensor objective = own.objective - own.penalty;
        own.objective = own.objective.detach();
        own.penalty = own.penalty.detach();
        return objective;
      });
  if (values != nullptr) *values = Read(terms);
  return adaptation_.Trained(gradient);
}

ObjectiveValues MetaObjective::Values(const torch::Tensor& meta, const ObjectiveForm& form) const {
  std::vector<ShardTerms> terms(shards_.size());
  shards_.ForEach([&](const Shard& shard) {
    const torch::AutoGradMode with_gradient(true);  // of the inner loop
    ShardTerms& own = terms[shard.index];
    own = Terms(meta.detach().clone().requires_grad_(true), shard, form, Differentiate::kNothing);
    own.objective = own.objective.detach();  // its graph is not needed any more
    own.penalty = own.penalty.detach();
  });
  return Read(terms);
}

torch::Tensor MetaObjective::AdaptedBeyond(const torch::Tensor& meta) const {
  AdaptedRows adapted = adaptation_.Start(meta, num_tasks(), shards_);
  for (const AdaptationData& data : data_) adaptation_.Step(adapted, data, shards_, meta);
  return adapted.rows.flat;
}

LinearMap MetaObjective::HessianOfKl(const torch::Tensor& meta) const {
  const LinearMap products =
      shards_.Hessian(meta, [this](const torch::Tensor& leaf, const Shard& shard) {
        return Terms(leaf, shard, {}, Differentiate::kKl).kl;
      });
  return [this, products](const torch::Tensor& vector) {
    return adaptation_.Trained(products(vector));
  };
}

}  // namespace fewstep

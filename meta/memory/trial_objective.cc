#include "meta/memory/trial_objective.h"

#include <numeric>

#include "core/error.h"

namespace fewstep {
namespace {

PolicyBatch Narrowed(const PolicyBatch& batch, int64_t first, int64_t count) {
  PolicyBatch part = batch;
  for (torch::Tensor* tensor :
       {&part.observations, &part.actions, &part.advantages, &part.weights, &part.old_log_probs}) {
    *tensor = tensor->narrow(1, first, count);
  }
  part.old_distribution = batch.old_distribution.Steps(first, count);
  return part;
}

}  // namespace

TrialObjective::TrialObjective(const MemoryPolicy& policy, const TrialData& data,
                               torch::Tensor numbers, const TrialObjectiveOptions& options,
                               WorkerPool& pool, const Rng& rng)
    : policy_(policy),
      data_(data),
      numbers_(std::move(numbers)),
      options_(options),
      pool_(pool),
      rng_(rng),
      shards_(numbers_.size(0), options.shards, pool),
      steps_(std::max(1.0, data.batch.weights.index_select(0, numbers_).sum().item<double>())) {}

TrialData TrialObjective::Of(const Shard& shard) const {
  const torch::Tensor own = numbers_.narrow(0, shard.begin, shard.size());
  const auto choose = [&](const torch::Tensor& tensor) { return tensor.index_select(0, own); };
  TrialData part{.sequences = data_.sequences.Trials(own),
                 .batch = {.observations = choose(data_.batch.observations),
                           .actions = choose(data_.batch.actions),
                           .advantages = choose(data_.batch.advantages),
                           .weights = choose(data_.batch.weights) / steps_,
                           .old_log_probs = choose(data_.batch.old_log_probs),
                           .old_distribution = data_.batch.old_distribution.Select(own),
                           .horizon = data_.batch.horizon},
                 .targets = {}};
  if (data_.targets.defined()) part.targets = choose(data_.targets);
  return part;
}

template <typename Function>
void TrialObjective::ForEachChunk(const torch::Tensor& leaf, const Shard& shard,
                                  Derivatives derivatives, const Function& function) const {
  const TrialData data = Of(shard);
  UnrollInChunks(policy_, {leaf, policy_.layout()}, data.sequences, options_.truncation,
                 derivatives, [&](const PolicyOutput& out, int64_t first, int64_t count) {
                   TrialData part{
                       .sequences = {}, .batch = Narrowed(data.batch, first, count), .targets = {}};
                   if (data.targets.defined()) part.targets = data.targets.narrow(1, first, count);
                   function(out, part);
                 });
}

TrialObjective::Terms TrialObjective::TermsOf(const PolicyOutput& out, const TrialData& data,
                                              const ObjectiveForm& form, bool with_kl) const {
  const PolicyBatch& batch = data.batch;
  const torch::Tensor log_probs = out.distribution.LogProb(batch.actions);
  torch::Tensor objective = SurrogateObjective(form.surrogate, log_probs, batch, form.clip).sum();
  if (options_.entropy_coefficient != 0) {
    objective = objective +
                (out.distribution.Entropy() * batch.weights).sum() * options_.entropy_coefficient;
  }
  Terms terms{.total = objective * options_.policy_coefficient,
              .objective = objective.detach(),
              .kl = {},
              .clipped = {}};
  if (options_.value_coefficient != 0) {
    const torch::Tensor errors = (out.value - data.targets).square();
    terms.total = terms.total - (errors * batch.weights).sum() * (options_.value_coefficient / 2);
  }
  if (with_kl) {
    const torch::NoGradGuard no_grad;
    terms.kl = (batch.weights * batch.old_distribution.Kl(out.distribution)).sum();
    const torch::Tensor ratio = (log_probs - batch.old_log_probs).exp();
    terms.clipped = (((ratio - 1).abs() > form.clip) * batch.weights).sum();
  }
  return terms;
}

ObjectiveValues TrialObjective::Read(const std::vector<std::vector<Terms>>& of_shards) const {
  // one transfer for all numbers
  std::vector<torch::Tensor> scalars;
  for (const std::vector<Terms>& chunks : of_shards) {
    for (const Terms& terms : chunks) {
      scalars.insert(scalars.end(), {terms.objective, terms.kl, terms.clipped});
    }
  }
  const torch::Tensor numbers = torch::stack(scalars).to(torch::kCPU, torch::kFloat64).contiguous();
  ObjectiveValues values;
  for (const double* next = numbers.const_data_ptr<double>();
       next != numbers.const_data_ptr<double>() + numbers.numel(); next += 3) {
    values.objective += next[0];
    values.kl += next[1];
    values.clip_fraction += next[2];
  }
  return values;
}

torch::Tensor TrialObjective::Gradient(const torch::Tensor& point, const ObjectiveForm& form,
                                       ObjectiveValues* values) const {
  std::vector<torch::Tensor> gradients(shards_.size());
  std::vector<std::vector<Terms>> terms(shards_.size());
  shards_.ForEach([&](const Shard& shard) {
    const torch::AutoGradMode with_gradient(true);
    const torch::Tensor leaf = point.detach().clone().requires_grad_(true);
    torch::Tensor& gradient = gradients[shard.index];
    // a chunk's graph is gone before the next one's is made
    ForEachChunk(leaf, shard, Derivatives::kFirst,
                 [&](const PolicyOutput& out, const TrialData& data) {
                   Terms own = TermsOf(out, data, form, values != nullptr);
                   const torch::Tensor part = torch::autograd::grad({own.total}, {leaf})[0];
                   gradient = gradient.defined() ? gradient + part : part;
                   own.total = torch::Tensor();
                   if (values != nullptr) terms[shard.index].push_back(std::move(own));
                 });
  });
  if (values != nullptr) *values = Read(terms);
  return SumInOrder(gradients);
}

ObjectiveValues TrialObjective::Values(const torch::Tensor& point,
                                       const ObjectiveForm& form) const {
  std::vector<std::vector<Terms>> terms(shards_.size());
  shards_.ForEach([&](const Shard& shard) {
    const torch::NoGradGuard no_grad;
    ForEachChunk(point, shard, Derivatives::kFirst,
                 [&](const PolicyOutput& out, const TrialData& data) {
                   terms[shard.index].push_back(TermsOf(out, data, form, true));
                 });
  });
  return Read(terms);
}

LinearMap TrialObjective::HessianOfKl(const torch::Tensor& point) const {
  return shards_.Hessian(point, [this](const torch::Tensor& leaf, const Shard& shard) {
    torch::Tensor kl = torch::zeros({}, leaf.options().requires_grad(false));
    ForEachChunk(
        leaf, shard, Derivatives::kSecond, [&](const PolicyOutput& out, const TrialData& data) {
          const torch::Tensor divergence = data.batch.old_distribution.Kl(out.distribution);
          kl = kl + (data.batch.weights * divergence).sum();
        });
    return kl;
  });
}

std::vector<std::unique_ptr<Objective>> TrialObjective::Parts(int64_t epoch, int64_t count) const {
  std::vector<int> order(static_cast<size_t>(numbers_.size(0)));
  std::iota(order.begin(), order.end(), 0);
  rng_.Fork("epoch", static_cast<uint64_t>(epoch)).Shuffle(order);
  const torch::Tensor shuffled =
      numbers_.index_select(0, torch::tensor(order, torch::kInt64).to(numbers_.device()));
  std::vector<std::unique_ptr<Objective>> parts;
  for (const Shard& part : Shards(numbers_.size(0), count, pool_)) {
    parts.push_back(std::make_unique<TrialObjective>(
        policy_, data_, shuffled.narrow(0, part.begin, part.size()), options_, pool_, rng_));
  }
  return parts;
}

}  // namespace fewstep

#include "agents/surrogates.h"

namespace fewstep {
namespace {

torch::Tensor StepWeights(const torch::Tensor& mask, Reduction reduction) {  // [T, E, H]
  if (reduction == Reduction::kEpisodes) return mask / static_cast<double>(mask.size(1));
  return mask / mask.sum({1, 2}, /*keepdim=*/true).clamp_min(1);
}

// log pi / pi_old, [T, B]; 0 past an episode's end, where a ratio that overflows would enter the
// weighted sums as 0 * infinity.
torch::Tensor LogRatio(const torch::Tensor& log_probs, const PolicyBatch& batch) {
  return (log_probs - batch.old_log_probs) * (batch.weights != 0);
}

}  // namespace

PolicyBatch MakePolicyBatch(const MemorylessPolicy& policy, const Parameters& parameters,
                            const Rollouts& rollouts, const torch::Tensor& advantages,
                            Reduction reduction, int64_t begin, int64_t end, torch::Device device) {
  const torch::NoGradGuard no_grad;
  const int64_t tasks = end - begin, steps = rollouts.episodes() * rollouts.horizon();
  const auto flatten = [&](const torch::Tensor& values) {  // [T, E, H, ...] -> [T, B, ...]
    std::vector<int64_t> shape = {tasks, steps};
    if (values.dim() == 4) shape.push_back(values.size(3));
    return values.narrow(0, begin, tasks).reshape(shape).to(device);
  };
  PolicyBatch batch;
  batch.observations = flatten(rollouts.observations);
  batch.actions = flatten(rollouts.actions);
  batch.advantages = flatten(advantages);
  batch.weights = flatten(StepWeights(rollouts.mask, reduction));
  batch.horizon = rollouts.horizon();
  batch.old_distribution = policy.Forward(parameters, batch.observations).Detach();
  batch.old_log_probs = batch.old_distribution.LogProb(batch.actions);
  return batch;
}

namespace {

torch::Tensor ClippedObjective(const torch::Tensor& log_probs, const PolicyBatch& batch,
                               double clip) {
  const torch::Tensor ratio = LogRatio(log_probs, batch).exp();
  const torch::Tensor objective =
      torch::min(ratio * batch.advantages, ratio.clamp(1 - clip, 1 + clip) * batch.advantages);
  return (batch.weights * objective).sum(1);
}

}  // namespace

torch::Tensor SurrogateObjective(Surrogate surrogate, const torch::Tensor& log_probs,
                                 const PolicyBatch& batch, double clip) {
  if (surrogate == Surrogate::kClipped) return ClippedObjective(log_probs, batch, clip);
  const torch::Tensor weighted = batch.weights * batch.advantages;  // [T, B]
  switch (surrogate) {
    case Surrogate::kLogLikelihood:
      return (log_probs * weighted).sum(1);
    case Surrogate::kLikelihoodRatio:
      return (LogRatio(log_probs, batch).exp() * weighted).sum(1);
    case Surrogate::kDice:
    case Surrogate::kClipped:
      break;
  }
  // cumulative ratios within each episode, R_{-1} = 1
  const int64_t tasks = batch.num_tasks();
  const torch::Tensor cumulative =
      LogRatio(log_probs, batch).view({tasks, -1, batch.horizon}).cumsum(2).exp();  // [T, E, H]
  const torch::Tensor before = torch::cat(
      {torch::ones_like(cumulative.narrow(2, 0, 1)), cumulative.narrow(2, 0, batch.horizon - 1)},
      2);
  return ((cumulative - before).reshape_as(weighted) * weighted).sum(1);
}

torch::Tensor MeanKl(const ActionDistribution& distribution, const PolicyBatch& batch) {
  const torch::Tensor total = batch.weights.sum(1).clamp_min(1e-12);
  return (batch.weights * batch.old_distribution.Kl(distribution)).sum(1) / total;
}

}  // namespace fewstep

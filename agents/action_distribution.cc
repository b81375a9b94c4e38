#include "agents/action_distribution.h"

#include <cmath>
#include <numbers>

namespace fewstep {

ActionDistribution ActionDistribution::Gaussian(torch::Tensor mean, torch::Tensor log_std) {
  return {Kind::kGaussian, std::move(mean), std::move(log_std), {}};
}

ActionDistribution ActionDistribution::Categorical(torch::Tensor logits) {
  return {Kind::kCategorical, {}, {}, logits.log_softmax(-1)};
}

namespace {

torch::Tensor Cat(const std::vector<ActionDistribution>& parts,
                  torch::Tensor ActionDistribution::*member, int64_t dimension) {
  std::vector<torch::Tensor> tensors;
  for (const ActionDistribution& part : parts) tensors.push_back(part.*member);
  return torch::cat(tensors, dimension);
}

}  // namespace

ActionDistribution ActionDistribution::Joined(const std::vector<ActionDistribution>& parts) {
  if (parts.front().kind == Kind::kCategorical) {
    return {Kind::kCategorical, {}, {}, Cat(parts, &ActionDistribution::log_probs, 0)};
  }
  return {Kind::kGaussian,
          Cat(parts, &ActionDistribution::mean, 0),
          Cat(parts, &ActionDistribution::log_std, 0),
          {}};
}

ActionDistribution ActionDistribution::JoinedSteps(const std::vector<ActionDistribution>& parts) {
  if (parts.size() == 1) return parts.front();
  if (parts.front().kind == Kind::kCategorical) {
    return {Kind::kCategorical, {}, {}, Cat(parts, &ActionDistribution::log_probs, 1)};
  }
  return {Kind::kGaussian, Cat(parts, &ActionDistribution::mean, 1), parts.front().log_std, {}};
}

torch::Tensor ActionDistribution::LogProb(const torch::Tensor& actions) const {
  if (kind == Kind::kCategorical) {
    return log_probs.gather(-1, actions.to(torch::kLong)).squeeze(-1);
  }
  // log N(a; mu, sigma) = -z^2/2 - log sigma - log(2 pi)/2, summed over action dimensions
  const torch::Tensor z = (actions - mean) * (-log_std).exp();
  const double constant = 0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(mean.size(-1));
  return z.square().sum(-1) * -0.5 - log_std.sum(-1) - constant;
}

torch::Tensor ActionDistribution::Entropy() const {
  if (kind == Kind::kCategorical) return -(log_probs.exp() * log_probs).sum(-1);
  const double constant = 0.5 * (1 + std::log(2 * std::numbers::pi));
  return (log_std + constant).sum(-1).expand({mean.size(0), mean.size(1)});
}

torch::Tensor ActionDistribution::Kl(const ActionDistribution& other) const {
  if (kind == Kind::kCategorical) {
    return (log_probs.exp() * (log_probs - other.log_probs)).sum(-1);
  }
  // (sigma_p^2 + (mu_p - mu_q)^2) / (2 sigma_q^2) - 1/2 + log(sigma_q / sigma_p)
  const torch::Tensor inverse_variance = (other.log_std * -2).exp();
  const torch::Tensor squares = (log_std * 2).exp() + (mean - other.mean).square();
  return (squares * inverse_variance * 0.5 - 0.5 + other.log_std - log_std).sum(-1);
}

ActionDistribution ActionDistribution::Detach() const {
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.detach()};
  return {kind, mean.detach(), log_std.detach(), {}};
}

ActionDistribution ActionDistribution::Rows(int64_t begin, int64_t end) const {
  const int64_t count = end - begin;
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.narrow(0, begin, count)};
  return {kind, mean.narrow(0, begin, count), log_std.narrow(0, begin, count), {}};
}

ActionDistribution ActionDistribution::Select(const torch::Tensor& rows) const {
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.index_select(0, rows)};
  return {kind, mean.index_select(0, rows), log_std.index_select(0, rows), {}};
}

ActionDistribution ActionDistribution::Steps(int64_t first, int64_t count) const {
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.narrow(1, first, count)};
  return {kind, mean.narrow(1, first, count), log_std, {}};
}

ActionDistribution ActionDistribution::OfTrials(int64_t num_trials, int64_t steps) const {
  if (kind == Kind::kCategorical) {
    return {kind, {}, {}, log_probs.reshape({num_trials, steps, log_probs.size(-1)})};
  }
  const int64_t trials_of_task = num_trials / mean.size(0);
  return {kind,
          mean.reshape({num_trials, steps, mean.size(-1)}),
          log_std.repeat_interleave(trials_of_task, 0),
          {}};
}

}  // namespace fewstep

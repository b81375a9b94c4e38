#include "agents/action_distribution.h"

#include <cmath>
#include <numbers>

#include "agents/squashed_gaussian.h"
#include "core/error.h"

namespace fewstep {

ActionDistribution ActionDistribution::Gaussian(torch::Tensor mean, torch::Tensor log_std) {
  return {Kind::kGaussian, std::move(mean), std::move(log_std), {}};
}

ActionDistribution ActionDistribution::SquashedGaussian(torch::Tensor mean, torch::Tensor log_std,
                                                        double low, double high) {
  return {Kind::kSquashed, std::move(mean), std::move(log_std), {}, low, high};
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
  ActionDistribution joined = parts.front();
  joined.mean = Cat(parts, &ActionDistribution::mean, 0);
  joined.log_std = Cat(parts, &ActionDistribution::log_std, 0);
  return joined;
}

ActionDistribution ActionDistribution::JoinedSteps(const std::vector<ActionDistribution>& parts) {
  if (parts.size() == 1) return parts.front();
  if (parts.front().kind == Kind::kCategorical) {
    return {Kind::kCategorical, {}, {}, Cat(parts, &ActionDistribution::log_probs, 1)};
  }
  ActionDistribution joined = parts.front();
  joined.mean = Cat(parts, &ActionDistribution::mean, 1);
  if (joined.kind == Kind::kSquashed) joined.log_std = Cat(parts, &ActionDistribution::log_std, 1);
  return joined;
}

torch::Tensor ActionDistribution::Squashed(const torch::Tensor& draws) const {
  if (kind != Kind::kSquashed) return draws;
  return draws.tanh() * ((high - low) / 2) + (low + high) / 2;
}

torch::Tensor ActionDistribution::LogProb(const torch::Tensor& actions) const {
  if (kind == Kind::kCategorical) {
    return log_probs.gather(-1, actions.to(torch::kLong)).squeeze(-1);
  }
  if (kind == Kind::kSquashed) {
    // from the action back to what was squashed
    constexpr double kInside = fewstep::SquashedGaussian::kInside;
    const torch::Tensor x = (actions.to(torch::kFloat64) - (low + high) / 2) * (2 / (high - low));
    const fewstep::SquashedGaussian gaussian{mean.to(torch::kFloat64), log_std.to(torch::kFloat64)};
    const double stretch = static_cast<double>(mean.size(-1)) * std::log((high - low) / 2);
    return (gaussian.LogProb(x.clamp(-kInside, kInside).atanh()) - stretch).to(mean.scalar_type());
  }
  // log N(a; mu, sigma) = -z^2/2 - log sigma - log(2 pi)/2, summed over action dimensions
  const torch::Tensor z = (actions - mean) * (-log_std).exp();
  const double constant = 0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(mean.size(-1));
  return z.square().sum(-1) * -0.5 - log_std.sum(-1) - constant;
}

torch::Tensor ActionDistribution::Entropy() const {
  if (kind == Kind::kCategorical) return -(log_probs.exp() * log_probs).sum(-1);
  FEWSTEP_CHECK(kind == Kind::kGaussian, "the entropy of a squashed Gaussian has no closed form");
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
  return {kind, mean.detach(), log_std.detach(), {}, low, high};
}

ActionDistribution ActionDistribution::Rows(int64_t begin, int64_t end) const {
  const int64_t count = end - begin;
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.narrow(0, begin, count)};
  return {kind, mean.narrow(0, begin, count), log_std.narrow(0, begin, count), {}, low, high};
}

ActionDistribution ActionDistribution::Select(const torch::Tensor& rows) const {
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.index_select(0, rows)};
  return {kind, mean.index_select(0, rows), log_std.index_select(0, rows), {}, low, high};
}

ActionDistribution ActionDistribution::Steps(int64_t first, int64_t count) const {
  if (kind == Kind::kCategorical) return {kind, {}, {}, log_probs.narrow(1, first, count)};
  const torch::Tensor own = kind == Kind::kSquashed ? log_std.narrow(1, first, count) : log_std;
  return {kind, mean.narrow(1, first, count), own, {}, low, high};
}

ActionDistribution ActionDistribution::OfTrials(int64_t num_trials, int64_t steps) const {
  if (kind == Kind::kCategorical) {
    return {kind, {}, {}, log_probs.reshape({num_trials, steps, log_probs.size(-1)})};
  }
  const std::vector<int64_t> shape = {num_trials, steps, mean.size(-1)};
  const torch::Tensor own = kind == Kind::kSquashed
                                ? log_std.reshape(shape)
                                : log_std.repeat_interleave(num_trials / mean.size(0), 0);
  return {kind, mean.reshape(shape), own, {}, low, high};
}

}  // namespace fewstep

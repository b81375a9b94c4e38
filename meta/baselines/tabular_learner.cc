#include "meta/baselines/tabular_learner.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "meta/baselines/variates.h"

namespace fewstep {
namespace {

struct KnownFamily {
  std::string_view name;
  bool bandit;
  RewardPrior prior;
};

constexpr KnownFamily kFamilies[] = {
    {"bandit-bernoulli@rl2", true, {RewardPrior::Kind::kBernoulli, 0.5, 2}},
    {"bandit-gaussian@maml", true, {RewardPrior::Kind::kNormal, 0.5, 12}},
    {"tabular-mdp@rl2", false, {RewardPrior::Kind::kNormal, kMdpRewardMean, 1}},
};

}  // namespace

double PosteriorMean(const RewardPrior& prior, const RewardStatistics& seen) {
  return (prior.mean * prior.weight + seen.sum) / (prior.weight + seen.count);
}

double SamplePosterior(const RewardPrior& prior, const RewardStatistics& seen, Rng& rng) {
  if (prior.kind == RewardPrior::Kind::kBernoulli) {
    return SampleBeta(prior.mean * prior.weight + seen.sum,
                      (1 - prior.mean) * prior.weight + seen.count - seen.sum, rng);
  }
  return PosteriorMean(prior, seen) + rng.Normal() / std::sqrt(prior.weight + seen.count);
}

double LogPosteriorDensity(const RewardPrior& prior, const RewardStatistics& seen, double value) {
  if (prior.kind == RewardPrior::Kind::kBernoulli) {
    const double a = prior.mean * prior.weight + seen.sum;
    const double b = (1 - prior.mean) * prior.weight + seen.count - seen.sum;
    // an exponent of 0 contributes 0, also where the logarithm is infinite
    return (a == 1 ? 0 : (a - 1) * std::log(value)) + (b == 1 ? 0 : (b - 1) * std::log1p(-value));
  }
  const double apart = value - PosteriorMean(prior, seen);
  return -(prior.weight + seen.count) * apart * apart / 2;
}

bool IsTabular(const FamilySpec& spec) {
  return std::ranges::find(kFamilies, spec.name, &KnownFamily::name) != std::end(kFamilies);
}

TabularFamily TabularFamilyOf(const FamilySpec& spec, std::string_view agent) {
  std::vector<std::string_view> names;
  for (const KnownFamily& family : kFamilies) {
    if (family.name == spec.name) {
      return {.bandit = family.bandit,
              .states = spec.observation_size,
              .actions = spec.action_size,
              .horizon = spec.horizon,
              .trial_episodes = spec.trial_episodes,
              .prior = family.prior};
    }
    names.push_back(family.name);
  }
  throw Error(ErrorKind::kUsage, fmt::format("'{}' does not play '{}'", agent, spec.name),
              {.key = "agent.name", .remedy = fmt::format("It plays {}", fmt::join(names, ", "))});
}

void SpreadOverBest(std::span<const double> values, std::span<float> probabilities, Ties ties) {
  FEWSTEP_CHECK(values.size() == probabilities.size(), "{} of {}", probabilities.size(),
                values.size());
  const auto best = std::ranges::max_element(values);  // the first of them
  if (ties == Ties::kLowest) {
    std::ranges::fill(probabilities, 0.0f);
    probabilities[static_cast<size_t>(best - values.begin())] = 1;
    return;
  }
  const auto tied = static_cast<float>(std::ranges::count(values, *best));
  for (size_t i = 0; i < values.size(); ++i) probabilities[i] = values[i] == *best ? 1 / tied : 0;
}

}  // namespace fewstep

#include "meta/baselines/bandit_rules.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace fewstep {
namespace {

class BanditLearner final : public TabularLearner {
 public:
  BanditLearner(int arms, BanditRule rule, const BanditChoice& choice)
      : rule_(std::move(rule)),
        choice_(choice),
        arms_(static_cast<size_t>(arms)),
        indices_(arms_.size()) {}

  void Observe(int, int action, double reward, int) override {
    RewardStatistics& arm = arms_[static_cast<size_t>(action)];
    ++arm.count;
    arm.sum += reward;
    ++pulls_;
  }

  void Choose(Rng& rng, std::span<float> table) override {
    rule_(arms_, pulls_, rng, indices_);
    SpreadOverBest(indices_, table, choice_.ties);
    const auto arms = static_cast<float>(arms_.size());
    const auto epsilon = static_cast<float>(choice_.epsilon);
    for (float& probability : table) probability = (1 - epsilon) * probability + epsilon / arms;
  }

 private:
  BanditRule rule_;
  BanditChoice choice_;
  std::vector<RewardStatistics> arms_;
  std::vector<double> indices_;  // of the latest choice
  int64_t pulls_ = 0;
};

}  // namespace

BanditRule ArmByArm(ArmIndex index) {
  return [index = std::move(index)](std::span<const RewardStatistics> arms, int64_t pulls, Rng& rng,
                                    std::span<double> indices) {
    for (size_t i = 0; i < arms.size(); ++i) indices[i] = index(arms[i], pulls, rng);
  };
}

ArmIndex PosteriorMeanIndex(const RewardPrior& prior) {
  return [prior](const RewardStatistics& arm, int64_t, Rng&) { return PosteriorMean(prior, arm); };
}

ArmIndex Ucb1Index(const RewardPrior& prior, double constant) {
  return [prior, constant](const RewardStatistics& arm, int64_t pulls, Rng&) {
    const double t = static_cast<double>(pulls + 1);
    return PosteriorMean(prior, arm) +
           constant * std::sqrt(2 * std::log(t) / (prior.weight + arm.count));
  };
}

ArmIndex ThompsonIndex(const RewardPrior& prior) { return BestOfSamplesIndex(prior, 1); }

ArmIndex BestOfSamplesIndex(const RewardPrior& prior, int samples) {
  return [prior, samples](const RewardStatistics& arm, int64_t, Rng& rng) {
    double best = SamplePosterior(prior, arm, rng);
    for (int i = 1; i < samples; ++i) best = std::max(best, SamplePosterior(prior, arm, rng));
    return best;
  };
}

ArmIndex ClippedSampleIndex(const RewardPrior& prior) {
  return [prior](const RewardStatistics& arm, int64_t, Rng& rng) {
    return std::max(SamplePosterior(prior, arm, rng), PosteriorMean(prior, arm));
  };
}

ArmIndex GittinsIndex(const RewardPrior& prior, std::shared_ptr<const GittinsTable> table,
                      int trial_episodes) {
  return [prior, table = std::move(table), trial_episodes](const RewardStatistics& arm,
                                                           int64_t pulls, Rng&) {
    const int64_t remaining = trial_episodes - pulls;
    if (remaining < 1) return PosteriorMean(prior, arm);
    return table->Index(static_cast<int>(arm.sum), static_cast<int>(arm.count - arm.sum),
                        static_cast<int>(remaining));
  };
}

BanditRule LikeliestSampleRule(const RewardPrior& prior, int samples) {
  return [prior, samples](std::span<const RewardStatistics> arms, int64_t, Rng& rng,
                          std::span<double> indices) {
    std::vector<double> sample(arms.size());
    double highest = -INFINITY;
    for (int n = 0; n < samples; ++n) {
      double density = 0;
      for (size_t i = 0; i < arms.size(); ++i) {
        sample[i] = SamplePosterior(prior, arms[i], rng);
        density += LogPosteriorDensity(prior, arms[i], sample[i]);
      }
      if (n > 0 && density <= highest) continue;
      highest = density;
      std::ranges::copy(sample, indices.begin());
    }
  };
}

std::unique_ptr<TabularLearner> MakeBanditLearner(int arms, BanditRule rule,
                                                  const BanditChoice& choice) {
  return std::make_unique<BanditLearner>(arms, std::move(rule), choice);
}

}  // namespace fewstep

#include "meta/baselines/bandit_rules.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace fewstep {
namespace {

class BanditLearner final : public TabularLearner {
 public:
  BanditLearner(int arms, ArmIndex index, double epsilon)
      : index_(std::move(index)),
        epsilon_(static_cast<float>(epsilon)),
        arms_(static_cast<size_t>(arms)),
        indices_(arms_.size()) {}

  void Observe(int, int action, double reward, int) override {
    RewardStatistics& arm = arms_[static_cast<size_t>(action)];
    ++arm.count;
    arm.sum += reward;
    ++pulls_;
  }

  void Choose(Rng& rng, std::span<float> table) override {
    for (size_t i = 0; i < arms_.size(); ++i) indices_[i] = index_(arms_[i], pulls_, rng);
    SpreadOverBest(indices_, table);
    const auto arms = static_cast<float>(arms_.size());
    for (float& probability : table) probability = (1 - epsilon_) * probability + epsilon_ / arms;
  }

 private:
  ArmIndex index_;
  float epsilon_;
  std::vector<RewardStatistics> arms_;
  std::vector<double> indices_;  // of the latest choice
  int64_t pulls_ = 0;
};

}  // namespace

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

std::unique_ptr<TabularLearner> MakeBanditLearner(int arms, ArmIndex index, double epsilon) {
  return std::make_unique<BanditLearner>(arms, std::move(index), epsilon);
}

}  // namespace fewstep

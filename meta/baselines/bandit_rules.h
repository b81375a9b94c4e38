// The classical rules for bandits: each gives every arm an index and pulls an arm with the largest.
// Constants and initial statistics as in Duan et al. 2016 (RL^2), who start every arm with the
// statistics of its prior: one success and one failure for Bernoulli arms.
#pragma once

#include <functional>
#include <memory>

#include "meta/baselines/gittins.h"
#include "meta/baselines/tabular_learner.h"

namespace fewstep {

// Writes the index of every arm; `pulls` counts all pulls of the trial so far.
using BanditRule = std::function<void(std::span<const RewardStatistics> arms, int64_t pulls,
                                      Rng& rng, std::span<double> indices)>;

// The index of an arm that does not depend on the others, and the rule that it makes.
using ArmIndex = std::function<double(const RewardStatistics& arm, int64_t pulls, Rng& rng)>;
BanditRule ArmByArm(ArmIndex index);

// mu_i: the posterior mean. Greedy.
ArmIndex PosteriorMeanIndex(const RewardPrior& prior);

// mu_i + c sqrt(2 ln t / T_i), t the number of this pull, T_i the pulls of the arm and the weight
// of its prior: Auer, Cesa-Bianchi and Fischer, "Finite-time analysis of the multiarmed bandit
// problem" (2002) with c = 1; Audibert and Munos for other c.
ArmIndex Ucb1Index(const RewardPrior& prior, double constant);

// A sample of the posterior: Thompson (1933).
ArmIndex ThompsonIndex(const RewardPrior& prior);

// The largest of several samples of the posterior.
ArmIndex BestOfSamplesIndex(const RewardPrior& prior, int samples);

// A sample of the posterior, but at least its mean: May, Korda, Lee and Leslie, "Optimistic
// Bayesian sampling in contextual-bandit problems" (JMLR 2012).
ArmIndex ClippedSampleIndex(const RewardPrior& prior);

// The Gittins index with trial_episodes - pulls pulls left; the posterior mean when the trial is
// over.
ArmIndex GittinsIndex(const RewardPrior& prior, std::shared_ptr<const GittinsTable> table,
                      int trial_episodes);

// Of several samples of all arms together, the one with the highest density of the posterior: the
// optimistic variant of RL^2. With one sample it is Thompson sampling; with more and more it tends
// to the mode of the posterior.
BanditRule LikeliestSampleRule(const RewardPrior& prior, int samples);

// Pulls an arm with the largest index with probability 1 - epsilon, else any arm.
struct BanditChoice {
  double epsilon = 0;
  Ties ties = Ties::kEven;
};
std::unique_ptr<TabularLearner> MakeBanditLearner(int arms, BanditRule rule,
                                                  const BanditChoice& choice = {});

}  // namespace fewstep

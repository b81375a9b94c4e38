// Advantages in trials against sums written out, and running moments against plain ones.
#include "agents/trial_advantages.h"

#include <cmath>

#include "agents/running_moments.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTrials = 40, kEpisodes = 4, kHorizon = 3, kSteps = kEpisodes * kHorizon;

// Random rewards and values on trials whose episodes end at random; some are empty.
struct Trials {
  explicit Trials(uint64_t seed) {
    Rng rng(seed);
    for (int64_t trial = 0; trial < kTrials; ++trial) {
      for (int64_t episode = 0; episode < kEpisodes; ++episode) {
        const auto length = static_cast<int64_t>(rng.Below(kHorizon + 1));
        mask[trial].narrow(0, episode * kHorizon, length).fill_(1);
      }
    }
    rewards = Normals({kTrials, kSteps}, seed + 1).to(torch::kFloat32) * mask;
    values = Normals({kTrials, kSteps}, seed + 2).to(torch::kFloat32) * mask;
    final_values = Normals({kTrials, kEpisodes}, seed + 3).to(torch::kFloat32);
  }
  torch::Tensor mask = torch::zeros({kTrials, kSteps}), rewards, values, final_values;
};

// A_t = sum_k (gamma lambda)^k (r + gamma V' - V)_{t+k}, step by step over the list of what was
// taken and credited together.
double Expected(const Trials& t, int64_t trial, int64_t step, bool bootstrap,
                const TrialAdvantageOptions& options) {
  std::vector<int64_t> steps;
  for (int64_t s = step; s < kSteps; ++s) {
    if (t.mask[trial][s].item<float>() == 0) continue;
    if (options.credit == Credit::kEpisode && s / kHorizon != step / kHorizon) break;
    steps.push_back(s);
  }
  const auto at = [&](const torch::Tensor& values, int64_t s) {
    return values[trial][s].item<double>();
  };
  double sum = 0, weight = 1;
  for (size_t k = 0; k < steps.size(); ++k) {
    const double next = k + 1 < steps.size() ? at(t.values, steps[k + 1])
                        : bootstrap          ? at(t.final_values, steps[k] / kHorizon)
                                             : 0;
    sum += weight * (at(t.rewards, steps[k]) + options.discount * next - at(t.values, steps[k]));
    weight *= options.discount * options.gae_lambda;
  }
  return sum;
}

TEST(TrialAdvantages, AreTheSumsWrittenOut) {
  const auto pool = MakePool(2);
  const Trials t(1);
  for (const Credit credit : {Credit::kTrial, Credit::kEpisode}) {
    for (const bool bootstrap : {false, true}) {
      TrialAdvantageOptions options;
      options.credit = credit;
      options.discount = 0.9;
      options.gae_lambda = 0.7;
      options.normalize = false;
      const TrialAdvantages out = ComputeTrialAdvantages(
          t.rewards, t.values, t.mask, bootstrap ? t.final_values : torch::Tensor(), kHorizon,
          options, *pool);
      for (int64_t trial = 0; trial < kTrials; ++trial) {
        for (int64_t step = 0; step < kSteps; ++step) {
          const double advantage = out.advantages[trial][step].item<double>();
          if (t.mask[trial][step].item<float>() == 0) {
            EXPECT_EQ(advantage, 0);
            continue;
          }
          EXPECT_NEAR(advantage, Expected(t, trial, step, bootstrap, options), 1e-5);
          EXPECT_NEAR(out.targets[trial][step].item<double>(),
                      advantage + t.values[trial][step].item<double>(), 1e-5);
        }
      }
    }
  }
}

TEST(TrialAdvantages, ARewardCreditsEarlierEpisodesOfItsTrialOnly) {
  const auto pool = MakePool(1);
  torch::Tensor rewards = torch::zeros({2, kSteps});
  rewards[0][kSteps - 1] = 1;
  const torch::Tensor mask = torch::ones({2, kSteps}), none = torch::zeros({2, kSteps});
  TrialAdvantageOptions options;
  options.discount = 0.5;
  options.gae_lambda = 1;
  options.normalize = false;
  const auto advantages = [&] {
    return ComputeTrialAdvantages(rewards, none, mask, {}, kHorizon, options, *pool).advantages;
  };
  EXPECT_NEAR(advantages()[0][0].item<double>(), std::pow(0.5, kSteps - 1), 1e-9);
  EXPECT_EQ(advantages()[1].abs().max().item<double>(), 0);
  options.credit = Credit::kEpisode;
  EXPECT_EQ(advantages()[0].narrow(0, 0, kSteps - kHorizon).abs().max().item<double>(), 0);
  EXPECT_NEAR(advantages()[0][kSteps - kHorizon].item<double>(), 0.25, 1e-9);
}

TEST(TrialAdvantages, AreNormalisedOverAllSteps) {
  const Trials t(5);
  TrialAdvantageOptions options;
  const auto pool = MakePool(1), more = MakePool(4);
  const TrialAdvantages out =
      ComputeTrialAdvantages(t.rewards, t.values, t.mask, {}, kHorizon, options, *pool);
  const torch::Tensor taken = out.advantages.masked_select(t.mask != 0).to(torch::kFloat64);
  EXPECT_NEAR(taken.mean().item<double>(), 0, 1e-6);
  EXPECT_NEAR(taken.square().mean().item<double>(), 1, 1e-5);
  EXPECT_TRUE(SameBits(out.advantages, ComputeTrialAdvantages(t.rewards, t.values, t.mask, {},
                                                              kHorizon, options, *more)
                                           .advantages));
}

TEST(TrialAdvantages, ValuesThatAreTheReturnsExplainAllOfThem) {
  const Trials t(6);
  const auto pool = MakePool(1);
  TrialAdvantageOptions options;
  options.gae_lambda = 1;
  options.normalize = false;
  const torch::Tensor none = torch::zeros_like(t.values);
  const TrialAdvantages returns =
      ComputeTrialAdvantages(t.rewards, none, t.mask, {}, kHorizon, options, *pool);
  EXPECT_NEAR(returns.explained_variance, 0, 1e-9);
  const TrialAdvantages exact =
      ComputeTrialAdvantages(t.rewards, returns.targets, t.mask, {}, kHorizon, options, *pool);
  EXPECT_NEAR(exact.explained_variance, 1, 1e-6);
  EXPECT_LT(exact.advantages.abs().max().item<double>(), 1e-5);
}

TEST(TrialAdvantages, ALinearValueIsTheLeastSquaresFit) {
  const Trials t(7);
  TrialAdvantageOptions options;
  options.discount = 1;
  // rewards that depend on the observation alone; the value of the trial's last step is linear in
  // it
  const torch::Tensor observations = Normals({kTrials, kSteps, 1}, 8).to(torch::kFloat32);
  const torch::Tensor rewards = observations.squeeze(-1) * 2 * t.mask;
  for (const Credit credit : {Credit::kTrial, Credit::kEpisode}) {
    options.credit = credit;
    const torch::Tensor values = FitLinearValues(observations, rewards, t.mask, kHorizon, options);
    const auto pool = MakePool(1);
    const TrialAdvantages with =
        ComputeTrialAdvantages(rewards, values, t.mask, {}, kHorizon, options, *pool);
    // residuals of a least-squares fit are orthogonal to its features
    options.gae_lambda = 1;
    options.normalize = false;
    const torch::Tensor residuals =
        ComputeTrialAdvantages(rewards, values, t.mask, {}, kHorizon, options, *pool).advantages;
    EXPECT_GT(with.explained_variance, 0.1);
    EXPECT_LT(std::abs((residuals * observations.squeeze(-1)).sum().item<double>()), 1e-2);
    EXPECT_LT(std::abs(residuals.sum().item<double>()), 1e-2);
  }
}

TEST(RunningMoments, AreThoseOfAllRowsTogether) {
  const torch::Tensor rows = Normals({300, 2}, 9).to(torch::kFloat32) * 3 + 1000;
  const torch::Tensor present = (Normals({300}, 10) > 0).to(torch::kFloat32);
  RunningMoments moments(2);
  EXPECT_EQ(moments.scale()[0], 1);
  for (int64_t begin = 0; begin < 300; begin += 75) {
    moments.Add(rows.narrow(0, begin, 75), present.narrow(0, begin, 75));
  }
  const torch::Tensor all = rows.index({present != 0}).to(torch::kFloat64);
  for (int64_t j = 0; j < 2; ++j) {
    const torch::Tensor column = all.select(1, j);
    EXPECT_NEAR(moments.mean()[static_cast<size_t>(j)], column.mean().item<double>(), 1e-9);
    EXPECT_NEAR(moments.scale()[static_cast<size_t>(j)],
                1 / column.std(/*unbiased=*/false).item<double>(), 1e-9);
  }
  // what never varies is not scaled up
  RunningMoments constant(1);
  constant.Add(torch::full({10, 1}, 5.0f), torch::ones({10}));
  EXPECT_EQ(constant.scale()[0], 1);

  TensorFile file;
  moments.Save(file);
  const RunningMoments loaded = RunningMoments(2).Loaded(file);
  EXPECT_EQ(loaded.mean(), moments.mean());
  EXPECT_EQ(loaded.scale(), moments.scale());
}

}  // namespace
}  // namespace fewstep

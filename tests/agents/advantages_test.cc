// Returns, baselines and advantages against closed forms and the sums of the papers written out.
#include "agents/advantages.h"

#include <cmath>

#include "core/error.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

AdvantageOptions Plain(double discount, double lambda) {
  AdvantageOptions options;
  options.discount = discount;
  options.gae_lambda = lambda;
  options.baseline = ReturnBaseline::kNone;
  options.normalize = false;
  return options;
}

Advantages Compute(const Rollouts& rollouts, const AdvantageOptions& options, int threads = 1) {
  return ComputeAdvantages(rollouts, options, *MakePool(threads));
}

// Episodes of several lengths whose observations and rewards are random.
Rollouts RandomRollouts(const std::vector<std::vector<int>>& lengths, int64_t horizon,
                        uint64_t seed) {
  Rollouts r = BlankRollouts(lengths, horizon, 2, 1);
  r.observations.copy_(Normals(r.observations.sizes().vec(), seed));
  r.final_observations.copy_(Normals(r.final_observations.sizes().vec(), seed + 1));
  r.rewards.copy_(Normals(r.rewards.sizes().vec(), seed + 2));
  r.rewards.mul_(r.mask);
  return r;
}

int LengthOf(const Rollouts& r, int64_t t, int64_t e) { return r.mask[t][e].sum().item<int>(); }

std::span<const float> Row(const torch::Tensor& contiguous_row) {
  return {contiguous_row.const_data_ptr<float>(), static_cast<size_t>(contiguous_row.numel())};
}

// The baseline of one task, fitted to sums that are written out; with `bootstrap` also to its value
// beyond a time limit.
void FitBaseline(const Rollouts& r, int64_t task, double discount, bool bootstrap,
                 LinearBaseline& baseline) {
  for (int64_t e = 0; e < r.episodes(); ++e) {
    const int length = LengthOf(r, task, e);
    for (int t = 0; t < length; ++t) {
      double target = 0;
      for (int s = t; s < length; ++s) {
        target += std::pow(discount, s - t) * r.rewards[task][e][s].item<double>();
      }
      baseline.Append(Row(r.observations[task][e][t]), t, target);
      if (bootstrap && r.terminated[task][e].item<float>() == 0) {
        baseline.AddValue(Row(r.final_observations[task][e]), length,
                          std::pow(discount, length - t));
      }
    }
  }
  baseline.Fit(AdvantageOptions().baseline_ridge);
}

TEST(DiscountedSums, AreTheSums) {
  const std::vector<double> values = {1, 2, 4};
  std::vector<double> out(3);
  DiscountedSums(values, 0.5, out);
  EXPECT_EQ(out, (std::vector<double>{3, 4, 4}));
  DiscountedSums(values, 0, out);
  EXPECT_EQ(out, values);
  DiscountedSums(values, 1, out);
  EXPECT_EQ(out, (std::vector<double>{7, 6, 4}));
}

TEST(Advantages, WithoutABaselineLambdaMultipliesTheDiscount) {
  // one episode of 3 steps and one of 2, in a horizon of 4
  Rollouts r = BlankRollouts({{3, 2}}, 4, 1, 1);
  const torch::Tensor first = torch::tensor({1.0f, 2.0f, 4.0f});
  r.rewards[0][0].narrow(0, 0, 3).copy_(first);
  r.rewards[0][1].narrow(0, 0, 2).copy_(torch::tensor({-8.0f, 16.0f}));
  const auto expect = [&](double discount, double lambda, std::vector<float> values) {
    EXPECT_EQ(Distance(Compute(r, Plain(discount, lambda)).advantages,
                       torch::tensor(values).view({1, 2, 4})),
              0)
        << discount << " " << lambda;
  };
  expect(0.5, 1, {3, 4, 4, 0, 0, 16, 0, 0});        // discounted returns
  expect(0.5, 0, {1, 2, 4, 0, -8, 16, 0, 0});       // rewards
  expect(0.5, 0.5, {1.75, 3, 4, 0, -4, 16, 0, 0});  // sums with discount 1/4
  expect(1, 0.5, {3, 4, 4, 0, 0, 16, 0, 0});
}

TEST(LinearBaseline, FindsAFunctionThatIsLinearInItsFeatures) {
  // observations beyond 10 are clipped
  const auto function = [](double x, double y, int step) {
    const double t = step / 100.0;
    return 1.5 * x - 2 * y + 0.25 * x * x - 0.5 * y * y + 3 * t - 2 * t * t + t * t * t - 0.75;
  };
  LinearBaseline baseline(2);
  Rng rng(1);
  for (int i = 0; i < 400; ++i) {
    const float observation[] = {static_cast<float>(rng.Uniform(-3, 3)),
                                 static_cast<float>(rng.Uniform(-3, 3))};
    baseline.Append(observation, i % 200, function(observation[0], observation[1], i % 200));
  }
  baseline.Fit(1e-9);
  for (int step : {0, 3, 150}) {
    const float observation[] = {0.5f, -1.25f}, far[] = {25.0f, -11.0f};
    EXPECT_NEAR(baseline.Predict(observation, step), function(0.5, -1.25, step), 1e-5);
    EXPECT_NEAR(baseline.Predict(far, step), function(10, -10, step), 1e-4);
  }
}

TEST(LinearBaseline, IsRidgeRegression) {
  // one step, observation 0, time 0: only the constant is seen, and b = n y / (n + ridge)
  LinearBaseline baseline(1);
  const float zero[] = {0.0f};
  for (int i = 0; i < 3; ++i) baseline.Append(zero, 0, 8);
  baseline.Fit(1);
  EXPECT_NEAR(baseline.Predict(zero, 0), 6, 1e-12);
}

TEST(Advantages, VanishWhereTheBaselineIsExact) {
  // rewards chosen such that the return is 2 x - t/100 at every step
  Rollouts r = RandomRollouts({{20, 12, 20}}, 20, 1);
  const double discount = 0.9;
  const auto value = [&](int64_t e, int t) {
    return 2 * r.observations[0][e][t][0].item<double>() - t / 100.0;
  };
  for (int64_t e = 0; e < 3; ++e) {
    const int length = LengthOf(r, 0, e);
    for (int t = 0; t < length; ++t) {
      r.rewards[0][e][t] = value(e, t) - (t + 1 < length ? discount * value(e, t + 1) : 0);
    }
  }
  AdvantageOptions options = Plain(discount, 0.7);
  options.baseline = ReturnBaseline::kLinear;
  options.baseline_ridge = 1e-10;
  const Advantages result = Compute(r, options);
  EXPECT_LT(result.advantages.abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(result.explained_variance, 1, 1e-9);
}

TEST(Advantages, AreThoseOfThePapersSum) {
  // A_t = sum_l (gamma lambda)^l (r_{t+l} + gamma V_{t+l+1} - V_{t+l}), for every kind of ending
  const double discount = 0.95, lambda = 0.6;
  Rollouts r = RandomRollouts({{6, 9, 9, 1}, {9, 4, 2, 9}}, 9, 10);
  r.terminated[0][0] = 1;
  r.terminated[0][2] = 1;  // in the last step of the horizon
  r.terminated[1][1] = 1;
  for (const bool bootstrap : {false, true}) {
    AdvantageOptions options = Plain(discount, lambda);
    options.baseline = ReturnBaseline::kLinear;
    options.bootstrap_at_horizon = bootstrap;
    const Advantages result = Compute(r, options);

    double explained = 0;
    torch::Tensor expected = torch::zeros_like(r.rewards, torch::kFloat64);
    for (int64_t task = 0; task < 2; ++task) {
      LinearBaseline baseline(2, /*with_time=*/!bootstrap);
      FitBaseline(r, task, discount, bootstrap, baseline);
      std::vector<double> targets, residuals;
      for (int64_t e = 0; e < 4; ++e) {
        const int length = LengthOf(r, task, e);
        const auto value = [&](int t) {
          if (t == length && (!bootstrap || r.terminated[task][e].item<float>() != 0)) return 0.0;
          const double predicted =
              baseline.Predict(Row(t < length ? r.observations[task][e][t].contiguous()
                                              : r.final_observations[task][e].contiguous()),
                               t);
          if (!bootstrap) return predicted;
          const torch::Tensor rewards = r.rewards[task].masked_select(r.mask[task] > 0);
          return std::clamp(predicted, std::min(0.0, rewards.min().item<double>()) / (1 - discount),
                            std::max(0.0, rewards.max().item<double>()) / (1 - discount));
        };
        for (int t = 0; t < length; ++t) {
          double advantage = 0, target = 0;
          for (int s = t; s < length; ++s) {
            const double reward = r.rewards[task][e][s].item<double>();
            advantage +=
                std::pow(discount * lambda, s - t) * (reward + discount * value(s + 1) - value(s));
            target += std::pow(discount, s - t) * reward;
          }
          target += std::pow(discount, length - t) * value(length);
          expected[task][e][t] = advantage;
          targets.push_back(target);
          residuals.push_back(target - value(t));
        }
      }
      const torch::Tensor target = torch::tensor(targets, torch::kFloat64);
      const torch::Tensor residual = torch::tensor(residuals, torch::kFloat64);
      explained += 0.5 * (1 - residual.square().sum().item<double>() /
                                  (target - target.mean()).square().sum().item<double>());
    }
    EXPECT_LT(Distance(result.advantages, expected), 1e-6) << bootstrap;
    EXPECT_NEAR(result.explained_variance, explained, 1e-9) << bootstrap;
  }
}

// Where every step brings 1 for ever, a state is worth 1 / (1 - discount), however soon the time
// limit comes: no action is better than another one, and none is worse for coming late.
TEST(Advantages, BeyondATimeLimitTheValueIsThatOfGoingOn) {
  const double discount = 0.99;
  Rollouts r = RandomRollouts({{20, 20, 20, 20}}, 20, 20);
  r.rewards.fill_(1);
  AdvantageOptions options = Plain(discount, 1);
  options.baseline = ReturnBaseline::kLinear;
  options.baseline_ridge = 1e-10;
  options.bootstrap_at_horizon = true;
  EXPECT_LT(Compute(r, options).advantages.abs().max().item<double>(), 1e-3);
  // without it the truncated returns differ by what the constant and the features of time leave
  options.bootstrap_at_horizon = false;
  options.baseline = ReturnBaseline::kNone;
  EXPECT_NEAR(Compute(r, options).advantages[0][0][0].item<double>(),
              (1 - std::pow(discount, 20)) / (1 - discount), 1e-4);
}

// Two states in turn, with rewards 3 and -1: V_0 = (3 - g) / (1 - g^2), V_1 = (3 g - 1) / (1 -
// g^2).
TEST(LinearBaseline, WithItsOwnValuesInTheTargetsFindsTheValueOfAChain) {
  const double g = 0.95;
  const std::vector<float> states[2] = {{1, 0}, {0, 1}};
  const double rewards[2] = {3, -1};
  LinearBaseline baseline(2, /*with_time=*/false);
  for (const int first : {0, 1}) {
    for (const int length : {1, 4, 7}) {
      const auto state = [&](int t) { return static_cast<size_t>((first + t) % 2); };
      for (int t = 0; t < length; ++t) {
        double target = 0;
        for (int s = t; s < length; ++s) target += std::pow(g, s - t) * rewards[state(s)];
        baseline.Append(states[state(t)], t, target);
        baseline.AddValue(states[state(length)], length, std::pow(g, length - t));
      }
    }
  }
  baseline.Fit(1e-10);
  EXPECT_NEAR(baseline.Predict(states[0], 0), (3 - g) / (1 - g * g), 1e-6);
  EXPECT_NEAR(baseline.Predict(states[1], 5), (3 * g - 1) / (1 - g * g), 1e-6);
}

// Where final observations lie far from the others a fit to its own values explodes: no value is
// taken for more than rewards allow.
TEST(Advantages, BootstrappedValuesStayWithinWhatRewardsAllow) {
  const double g = 0.9;
  int beyond = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rollouts r = RandomRollouts({{8, 8, 8}}, 8, 100 + 10 * seed);
    r.final_observations.mul_(5);
    r.rewards.uniform_(0, 1);
    AdvantageOptions options = Plain(g, 0);
    options.baseline = ReturnBaseline::kLinear;
    options.bootstrap_at_horizon = true;
    // r + g V' - V with every V in [0, 10]
    const torch::Tensor advantages = Compute(r, options).advantages;
    EXPECT_GE(advantages.min().item<double>(), -1 / (1 - g) - 1e-4);
    EXPECT_LE(advantages.max().item<double>(), 1 + g / (1 - g) + 1e-4);
    LinearBaseline baseline(2, /*with_time=*/false);
    FitBaseline(r, 0, g, /*bootstrap=*/true, baseline);
    beyond += std::abs(baseline.Predict(Row(r.final_observations[0][0]), 8)) > 1 / (1 - g);
  }
  EXPECT_GT(beyond, 0);  // the bounds were needed
}

// One observation for all steps, episodes of three steps with rewards of 1, one ended by a terminal
// state and one by the limit. The mean of the six targets is the value:
// V = (2 (3 + 2 g + g^2) + (g + g^2 + g^3) V) / 6.
TEST(Advantages, ATimeLimitIsBootstrappedAndATerminalStateIsNot) {
  const double g = 0.9;
  Rollouts r = BlankRollouts({{3, 3}}, 3, 1, 1);
  r.observations.fill_(1);
  r.final_observations.fill_(1);
  r.rewards.fill_(1);
  r.terminated[0][0] = 1;
  AdvantageOptions options = Plain(g, 0);
  options.baseline = ReturnBaseline::kLinear;
  options.baseline_ridge = 1e-10;
  options.bootstrap_at_horizon = true;
  const double value = 2 * (3 + 2 * g + g * g) / (6 - g - g * g - g * g * g);
  const torch::Tensor advantages = Compute(r, options).advantages[0];
  for (int t = 0; t < 3; ++t) {
    const double beyond = g * value;
    EXPECT_NEAR(advantages[0][t].item<double>(), 1 + (t < 2 ? beyond : 0) - value, 1e-5) << t;
    EXPECT_NEAR(advantages[1][t].item<double>(), 1 + beyond - value, 1e-5) << t;
  }
}

TEST(Advantages, ABootstrapWithoutAValueIsRefused) {
  AdvantageOptions options;
  options.bootstrap_at_horizon = true;
  options.Check();
  const auto refused = [](const AdvantageOptions& bad) {
    try {
      bad.Check();
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kUsage &&
             error.context().key == "agent.bootstrap_at_horizon";
    }
    return false;
  };
  AdvantageOptions none = options, endless = options;
  none.baseline = ReturnBaseline::kNone;
  endless.discount = 1;
  EXPECT_TRUE(refused(none));
  EXPECT_TRUE(refused(endless));
  endless.baseline = ReturnBaseline::kConstant;
  endless.Check();
}

TEST(Advantages, AConstantBaselineIsSubtractedFromEveryReturn) {
  Rollouts r = RandomRollouts({{4, 2}}, 4, 30);
  r.terminated[0][1] = 1;
  AdvantageOptions options = Plain(0.5, 1);
  const torch::Tensor returns = Compute(r, options).advantages;
  options.baseline = ReturnBaseline::kConstant;
  options.baseline_value = 3;
  // lambda 1: returns less the value of the state
  EXPECT_LT(Distance(Compute(r, options).advantages, (returns - 3) * r.mask), 1e-6);
  // bootstrapped with the same value where a time limit cut the episode off, and only there
  options.bootstrap_at_horizon = true;
  const torch::Tensor added = Compute(r, options).advantages - (returns - 3) * r.mask;
  for (int t = 0; t < 4; ++t) {
    EXPECT_NEAR(added[0][0][t].item<double>(), 3 * std::pow(0.5, 4 - t), 1e-6);
  }
  EXPECT_LT(added[0][1].abs().max().item<double>(), 1e-6);
}

TEST(Advantages, ReturnsAreDiscountedFromTheStartOfEachEpisode) {
  const Rollouts r = RandomRollouts({{4, 2}, {1, 3}}, 4, 40);
  const Advantages out = Compute(r, Plain(0.7, 0.3));
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t e = 0; e < 2; ++e) {
      double expected = 0;
      for (int s = 0; s < LengthOf(r, t, e); ++s) {
        expected += std::pow(0.7, s) * r.rewards[t][e][s].item<double>();
      }
      EXPECT_NEAR(out.returns[t][e].item<double>(), expected, 1e-9);
    }
  }
}

TEST(Advantages, AreNormalisedOverTheStepsOfEachTask) {
  const Rollouts r = RandomRollouts({{9, 3, 5}, {1, 9, 9}}, 9, 30);
  for (const ReturnBaseline baseline : {ReturnBaseline::kNone, ReturnBaseline::kLinear}) {
    AdvantageOptions options;
    options.baseline = baseline;
    options.normalize = true;
    const torch::Tensor normalised = Compute(r, options).advantages.to(torch::kFloat64);
    options.normalize = false;
    const torch::Tensor raw = Compute(r, options).advantages.to(torch::kFloat64);
    for (int64_t t = 0; t < 2; ++t) {
      const torch::Tensor inside = r.mask[t] == 1;
      const torch::Tensor values = normalised[t].masked_select(inside);
      EXPECT_NEAR(values.mean().item<double>(), 0, 1e-6);
      EXPECT_NEAR(values.square().mean().item<double>(), 1, 1e-6);
      EXPECT_EQ(normalised[t].masked_select(inside.logical_not()).abs().sum().item<double>(), 0);
      // it only moves and scales
      const torch::Tensor before = raw[t].masked_select(inside);
      const double deviation = (before - before.mean()).square().mean().sqrt().item<double>();
      EXPECT_LT(Distance(values, (before - before.mean()) / deviation), 1e-5);
    }
  }
}

TEST(Advantages, DoNotDependOnWhatLiesPastTheEnd) {
  const Rollouts r = RandomRollouts({{6, 2}, {4, 6}}, 6, 40);
  Rollouts other = RandomRollouts({{6, 2}, {4, 6}}, 6, 40);
  const torch::Tensor past = (other.mask == 0).to(torch::kFloat32);
  other.rewards.add_(past * 1e6);
  other.observations.add_(past.unsqueeze(-1) * 1e6);
  EXPECT_TRUE(SameBits(Compute(r, {}).advantages, Compute(other, {}).advantages));
}

TEST(Advantages, AllEqualRewardsAreNotDividedByZero) {
  Rollouts r = BlankRollouts({{1, 1}}, 3, 2, 1);
  r.rewards.copy_(r.mask * 5);
  AdvantageOptions options;
  options.baseline = ReturnBaseline::kNone;
  const Advantages result = Compute(r, options);
  EXPECT_EQ(result.advantages.abs().max().item<double>(), 0);
  EXPECT_EQ(result.explained_variance, 0);
}

TEST(Advantages, AreTheSameBitsAtAnyNumberOfThreads) {
  const Rollouts r =
      RandomRollouts({{50, 20}, {30, 50}, {50, 50}, {1, 2}, {50, 49}, {10, 50}, {50, 7}}, 50, 50);
  const Advantages one = Compute(r, {});
  for (const int threads : {2, 4}) {
    const Advantages more = Compute(r, {}, threads);
    EXPECT_TRUE(SameBits(one.advantages, more.advantages)) << threads;
    EXPECT_EQ(one.explained_variance, more.explained_variance) << threads;
  }
}

}  // namespace
}  // namespace fewstep

// Surrogate objectives: their values, their gradients and what they make of masked steps.
#include "agents/surrogates.h"

#include <cmath>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTasks = 3, kEpisodes = 4, kHorizon = 5, kSteps = kEpisodes * kHorizon;

// A linear Gaussian policy in double on episodes of several lengths, at the parameters that
// sampled.
struct Problem {
  std::unique_ptr<MemorylessPolicy> policy;
  Parameters rows;
  Rollouts rollouts;
  torch::Tensor advantages;  // [T, E, H]
  PolicyBatch batch;

  explicit Problem(Reduction reduction = Reduction::kSteps,
                   ActionKind kind = ActionKind::kContinuous) {
    MlpOptions options;
    options.hidden = {4};
    policy = MakeMlpPolicy(SpecOf(2, 3, kind), options);
    rows = {Normals({kTasks, policy->layout()->size()}, 1) * 0.5, policy->layout()};
    const int64_t width = kind == ActionKind::kContinuous ? 3 : 1;
    rollouts = BlankRollouts({{5, 5, 3, 1}, {2, 5, 4, 5}, {1, 1, 1, 1}}, kHorizon, 2, width);
    const auto inside = rollouts.mask.to(torch::kFloat64).unsqueeze(-1);
    rollouts.observations = Normals({kTasks, kEpisodes, kHorizon, 2}, 2) * inside;
    rollouts.actions = Normals({kTasks, kEpisodes, kHorizon, width}, 3) * inside;
    if (kind == ActionKind::kDiscrete)
      rollouts.actions = rollouts.actions.abs().clamp_max(2).floor();
    rollouts.mask = rollouts.mask.to(torch::kFloat64);
    advantages = Normals({kTasks, kEpisodes, kHorizon}, 4) * rollouts.mask;
    batch = MakePolicyBatch(*policy, rows, rollouts, advantages, reduction, 0, kTasks);
  }

  torch::Tensor LogProbs(const torch::Tensor& flat) const {
    return policy->Forward(rows.WithFlat(flat), batch.observations).LogProb(batch.actions);
  }
  torch::Tensor Value(Surrogate surrogate, const torch::Tensor& flat) const {
    return SurrogateObjective(surrogate, LogProbs(flat), batch);
  }
  torch::Tensor Gradient(Surrogate surrogate) const {
    return AutogradGradient([&](const torch::Tensor& flat) { return Value(surrogate, flat).sum(); },
                            rows.flat);
  }
};

constexpr Surrogate kAll[] = {Surrogate::kLogLikelihood, Surrogate::kLikelihoodRatio,
                              Surrogate::kDice};

TEST(PolicyBatch, ReductionsWeighTheStepsOfEveryTask) {
  for (const Reduction reduction : {Reduction::kSteps, Reduction::kEpisodes}) {
    const Problem problem(reduction);
    const double lengths[] = {14, 16, 4};
    for (int64_t t = 0; t < kTasks; ++t) {
      const double weight = reduction == Reduction::kSteps ? 1 / lengths[t] : 0.25;
      EXPECT_LT(
          Distance(problem.batch.weights[t], problem.rollouts.mask[t].reshape({kSteps}) * weight),
          1e-15);
    }
    EXPECT_EQ(problem.batch.horizon, kHorizon);
  }
}

TEST(PolicyBatch, HoldsTheStepsEpisodeByEpisodeOfItsTasks) {
  const Problem problem;
  const PolicyBatch part =
      MakePolicyBatch(*problem.policy, problem.rows.Rows(1, 3), problem.rollouts,
                      problem.advantages, Reduction::kSteps, 1, 3);
  EXPECT_EQ(part.num_tasks(), 2);
  EXPECT_TRUE(SameBits(part.actions[0][kHorizon + 2], problem.rollouts.actions[1][1][2]));
  EXPECT_TRUE(SameBits(part.observations[1][0], problem.rollouts.observations[2][0][0]));
  EXPECT_TRUE(SameBits(part.advantages[0][kHorizon + 2], problem.advantages[1][1][2]));
  EXPECT_LT(Distance(part.old_log_probs, problem.batch.old_log_probs.narrow(0, 1, 2)), 1e-14);
  EXPECT_LT(Distance(part.old_log_probs, problem.LogProbs(problem.rows.flat).narrow(0, 1, 2)),
            1e-14);
  EXPECT_FALSE(part.old_log_probs.requires_grad());
}

TEST(Surrogates, HaveTheSameGradientWhereTheySampled) {
  for (const ActionKind kind : {ActionKind::kContinuous, ActionKind::kDiscrete}) {
    for (const Reduction reduction : {Reduction::kSteps, Reduction::kEpisodes}) {
      const Problem problem(reduction, kind);
      const torch::Tensor expected = problem.Gradient(Surrogate::kLogLikelihood);
      EXPECT_GT(expected.abs().max().item<double>(), 1e-2);
      for (const Surrogate surrogate : kAll) {
        EXPECT_LT(Distance(problem.Gradient(surrogate), expected), 1e-13);
      }
      const torch::Tensor clipped = AutogradGradient(
          [&](const torch::Tensor& flat) {
            return SurrogateObjective(Surrogate::kClipped, problem.LogProbs(flat), problem.batch,
                                      0.2)
                .sum();
          },
          problem.rows.flat);
      EXPECT_LT(Distance(clipped, expected), 1e-13);
    }
  }
}

TEST(Surrogates, AreTheSumsOfTheirDefinitions) {
  for (const Reduction reduction : {Reduction::kSteps, Reduction::kEpisodes}) {
    const Problem problem(reduction);
    const torch::Tensor moved =
        problem.rows.flat + Normals(problem.rows.flat.sizes().vec(), 9) * 0.03;
    const torch::Tensor log_probs = problem.LogProbs(moved);
    const double lengths[kTasks] = {14, 16, 4};
    for (int64_t t = 0; t < kTasks; ++t) {
      double log_likelihood = 0, ratio_sum = 0, dice = 0;
      for (int64_t e = 0; e < kEpisodes; ++e) {
        double product = 1;
        for (int64_t h = 0; h < kHorizon; ++h) {
          if (problem.rollouts.mask[t][e][h].item<double>() == 0) break;
          const int64_t b = e * kHorizon + h;
          const double log_prob = log_probs[t][b].item<double>();
          const double ratio =
              std::exp(log_prob - problem.batch.old_log_probs[t][b].item<double>());
          const double advantage = problem.advantages[t][e][h].item<double>();
          log_likelihood += log_prob * advantage;
          ratio_sum += ratio * advantage;
          dice += (product * ratio - product) * advantage;
          product *= ratio;
        }
      }
      const double scale =
          reduction == Reduction::kSteps ? 1 / lengths[t] : 1.0 / static_cast<double>(kEpisodes);
      EXPECT_NEAR(problem.Value(Surrogate::kLogLikelihood, moved)[t].item<double>(),
                  log_likelihood * scale, 1e-12);
      EXPECT_NEAR(problem.Value(Surrogate::kLikelihoodRatio, moved)[t].item<double>(),
                  ratio_sum * scale, 1e-12);
      EXPECT_NEAR(problem.Value(Surrogate::kDice, moved)[t].item<double>(), dice * scale, 1e-12);
    }
  }
}

TEST(Surrogates, DiceWithoutABaselineIsTheReweighedReturn) {
  // with A_t the sum of the rewards from t on, sum_t (R_t - R_{t-1}) A_t = sum_t R_t r_t - const
  Problem problem(Reduction::kEpisodes);
  const torch::Tensor rewards = Normals({kTasks, kEpisodes, kHorizon}, 5) * problem.rollouts.mask;
  const torch::Tensor sums = rewards.flip({2}).cumsum(2).flip({2});
  problem.batch.advantages = sums.reshape({kTasks, kSteps});
  const torch::Tensor moved = problem.rows.flat + 0.1;
  const torch::Tensor products = (problem.LogProbs(moved) - problem.batch.old_log_probs)
                                     .view({kTasks, kEpisodes, kHorizon})
                                     .cumsum(2)
                                     .exp();
  const torch::Tensor expected = ((products - 1) * rewards).sum({1, 2}) / 4;
  EXPECT_LT(Distance(problem.Value(Surrogate::kDice, moved), expected), 1e-12);
}

TEST(Surrogates, DoNotSeeMaskedSteps) {
  // whatever the policy makes of them, at numbers that overflow a ratio too
  const Problem problem;
  const torch::Tensor past = problem.batch.weights == 0;
  const torch::Tensor moved = problem.LogProbs(problem.rows.flat + 0.1);
  for (const double log_ratio : {3.0, 800.0, -800.0}) {
    const torch::Tensor poisoned =
        torch::where(past, problem.batch.old_log_probs + log_ratio, moved);
    using Objective = std::function<torch::Tensor(const torch::Tensor&)>;
    std::vector<Objective> objectives;
    for (const Surrogate surrogate : kAll) {
      objectives.push_back([&, surrogate](const torch::Tensor& log_probs) {
        return SurrogateObjective(surrogate, log_probs, problem.batch);
      });
    }
    objectives.push_back([&](const torch::Tensor& log_probs) {
      return SurrogateObjective(Surrogate::kClipped, log_probs, problem.batch, 0.2);
    });
    for (size_t i = 0; i < objectives.size(); ++i) {
      EXPECT_LT(Distance(objectives[i](poisoned), objectives[i](moved)), 1e-13)
          << "objective " << i << ", log ratio " << log_ratio;
      const auto total = [&](const torch::Tensor& x) { return objectives[i](x).sum(); };
      EXPECT_LT(Distance(AutogradGradient(total, poisoned), AutogradGradient(total, moved)), 1e-13)
          << "objective " << i << ", log ratio " << log_ratio;
    }
  }
}

// One task of single steps with the given ratios and advantages, each of weight 1.
PolicyBatch SingleSteps(const std::vector<double>& advantages) {
  const auto size = static_cast<int64_t>(advantages.size());
  PolicyBatch batch;
  batch.observations = torch::zeros({1, size, 1}, torch::kFloat64);
  batch.advantages = torch::tensor(advantages, torch::kFloat64).view({1, size});
  batch.weights = torch::ones({1, size}, torch::kFloat64);
  batch.old_log_probs = torch::zeros({1, size}, torch::kFloat64);
  batch.horizon = 1;
  return batch;
}

TEST(ClippedObjective, StopsWhereMovingOnWouldPay) {
  // ratio, advantage -> value and slope by the ratio, with clip 0.2 (Schulman et al. 2017, fig. 1)
  const struct {
    double ratio, advantage, value, slope;
  } cases[] = {{0.5, 2, 1.0, 2},   {1.1, 2, 2.2, 2},    {1.5, 2, 2.4, 0},
               {0.5, -2, -1.6, 0}, {0.9, -2, -1.8, -2}, {1.5, -2, -3.0, -2}};
  for (const auto& c : cases) {
    const PolicyBatch batch = SingleSteps({c.advantage});
    const torch::Tensor log_probs =
        torch::full({1, 1}, std::log(c.ratio), torch::kFloat64).requires_grad_(true);
    const torch::Tensor value =
        SurrogateObjective(Surrogate::kClipped, log_probs, batch, 0.2).sum();
    EXPECT_NEAR(value.item<double>(), c.value, 1e-12);
    // d value / d log ratio = slope * ratio
    EXPECT_NEAR(torch::autograd::grad({value}, {log_probs})[0].item<double>(), c.slope * c.ratio,
                1e-12);
  }
}

TEST(MeanKl, IsTheWeightedMeanOfTheClosedForm) {
  for (const Reduction reduction : {Reduction::kSteps, Reduction::kEpisodes}) {
    const Problem problem(reduction);
    const Parameters moved = problem.rows.WithFlat(problem.rows.flat + 0.15);
    const ActionDistribution q = problem.policy->Forward(moved, problem.batch.observations);
    const ActionDistribution& p = problem.batch.old_distribution;
    const torch::Tensor kl = MeanKl(q, problem.batch);
    const double lengths[kTasks] = {14, 16, 4};
    for (int64_t t = 0; t < kTasks; ++t) {
      double total = 0;
      for (int64_t b = 0; b < kSteps; ++b) {
        if (problem.batch.weights[t][b].item<double>() == 0) continue;
        for (int64_t a = 0; a < 3; ++a) {
          const double log_p = p.log_std[t][0][a].item<double>();
          const double log_q = q.log_std[t][0][a].item<double>();
          const double distance = (p.mean - q.mean)[t][b][a].item<double>();
          total += log_q - log_p - 0.5 +
                   (std::exp(2 * log_p) + distance * distance) / (2 * std::exp(2 * log_q));
        }
      }
      EXPECT_NEAR(kl[t].item<double>(), total / lengths[t], 1e-12);
    }
    const ActionDistribution same =
        problem.policy->Forward(problem.rows, problem.batch.observations);
    EXPECT_LT(MeanKl(same, problem.batch).abs().max().item<double>(), 1e-14);
  }
}

}  // namespace
}  // namespace fewstep

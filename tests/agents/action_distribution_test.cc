// Log-probabilities, entropies and divergences against their definitions.
#include "agents/action_distribution.h"

#include <cmath>
#include <numbers>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

// One action dimension on a grid: integrals of smooth densities are then sums, exact to rounding.
constexpr int64_t kPoints = 40001;
constexpr double kLow = -40, kHigh = 40;

torch::Tensor Grid() {  // [1, B, 1]
  return torch::linspace(kLow, kHigh, kPoints, torch::kFloat64).view({1, kPoints, 1});
}
double Integral(const torch::Tensor& values) {
  return values.sum().item<double>() * (kHigh - kLow) / (kPoints - 1);
}
ActionDistribution OnGrid(double mean, double std) {
  return ActionDistribution::Gaussian(torch::full({1, kPoints, 1}, mean, torch::kFloat64),
                                      torch::full({1, 1, 1}, std::log(std), torch::kFloat64));
}

ActionDistribution RandomGaussian(uint64_t seed) {
  return ActionDistribution::Gaussian(Normals({2, 5, 3}, seed), Normals({2, 1, 3}, seed + 1) * 0.5);
}
ActionDistribution RandomCategorical(uint64_t seed) {
  return ActionDistribution::Categorical(Normals({2, 5, 4}, seed) * 2);
}

double At(const torch::Tensor& tensor, std::initializer_list<int64_t> index) {
  torch::Tensor t = tensor;
  for (const int64_t i : index) t = t[i];
  return t.item<double>();
}

TEST(GaussianActions, LogProbIsTheDensityOfIndependentNormals) {
  const ActionDistribution p = RandomGaussian(1);
  const torch::Tensor actions = Normals({2, 5, 3}, 9), log_probs = p.LogProb(actions);
  ASSERT_EQ(log_probs.sizes(), (std::vector<int64_t>{2, 5}));
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t b = 0; b < 5; ++b) {
      double density = 1;
      for (int64_t a = 0; a < 3; ++a) {
        const double std = std::exp(At(p.log_std, {t, 0, a}));
        const double z = (At(actions, {t, b, a}) - At(p.mean, {t, b, a})) / std;
        density *= std::exp(-z * z / 2) / (std * std::sqrt(2 * std::numbers::pi));
      }
      EXPECT_NEAR(At(log_probs, {t, b}), std::log(density), 1e-12);
    }
  }
}

TEST(GaussianActions, DensityEntropyAndKlAreTheirIntegrals) {
  const torch::Tensor grid = Grid();
  for (const double std : {0.3, 1.0, 2.5}) {
    const ActionDistribution p = OnGrid(0.7, std), q = OnGrid(-0.4, 1.3);
    const torch::Tensor log_p = p.LogProb(grid), density = log_p.exp();
    EXPECT_NEAR(Integral(density), 1, 1e-12);
    EXPECT_NEAR(Integral(-density * log_p), At(p.Entropy(), {0, 0}), 1e-11);
    EXPECT_NEAR(Integral(density * (log_p - q.LogProb(grid))), At(p.Kl(q), {0, 0}), 1e-11);
  }
}

TEST(CategoricalActions, ProbabilitiesEntropyAndKlAreTheirSums) {
  const ActionDistribution p = RandomCategorical(3), q = RandomCategorical(5);
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t b = 0; b < 5; ++b) {
      double total = 0, entropy = 0, kl = 0;
      for (int64_t a = 0; a < 4; ++a) {
        const torch::Tensor action =
            torch::full({2, 5, 1}, static_cast<double>(a), torch::kFloat32);
        const double log_p = At(p.LogProb(action), {t, b}), log_q = At(q.LogProb(action), {t, b});
        total += std::exp(log_p);
        entropy -= std::exp(log_p) * log_p;
        kl += std::exp(log_p) * (log_p - log_q);
      }
      EXPECT_NEAR(total, 1, 1e-12);
      EXPECT_NEAR(At(p.Entropy(), {t, b}), entropy, 1e-12);
      EXPECT_NEAR(At(p.Kl(q), {t, b}), kl, 1e-12);
    }
  }
}

TEST(CategoricalActions, LogitsAreNormalised) {
  // p = (1, 2, 5) / 8, whatever is added to every logit
  const torch::Tensor logits =
      torch::tensor({1.0, 2.0, 5.0}, torch::kFloat64).log().view({1, 1, 3}) + 3;
  const ActionDistribution p = ActionDistribution::Categorical(logits);
  EXPECT_NEAR(At(p.LogProb(torch::full({1, 1, 1}, 2.0)), {0, 0}), std::log(5.0 / 8), 1e-12);
}

TEST(Kl, IsPositiveAndZeroOnlyForTheSameDistribution) {
  for (const auto make : {RandomGaussian, RandomCategorical}) {
    for (uint64_t seed = 0; seed < 40; ++seed) {
      const ActionDistribution p = make(seed), q = make(seed + 1000);
      EXPECT_GT(p.Kl(q).min().item<double>(), 1e-4) << seed;
      EXPECT_LT(p.Kl(p).abs().max().item<double>(), 1e-14) << seed;
    }
  }
}

TEST(Gradients, AreThoseOfFiniteDifferences) {
  const torch::Tensor gaussian_actions = Normals({2, 5, 3}, 11);
  const torch::Tensor choices = torch::tensor({0, 3, 1, 2, 0, 2, 2, 1, 3, 0}).view({2, 5, 1});
  const ActionDistribution p = RandomGaussian(7), q = RandomGaussian(8);
  const ActionDistribution r = RandomCategorical(8);
  const torch::Tensor weights = Normals({2, 5}, 12), logits = Normals({2, 5, 4}, 13);

  using Function = std::function<torch::Tensor(const torch::Tensor&)>;
  using Quantity = std::function<torch::Tensor(const ActionDistribution&)>;
  const auto check = [&](const char* what, const torch::Tensor& point, const Function& function) {
    const Function scalar = [&](const torch::Tensor& x) { return (function(x) * weights).sum(); };
    const torch::Tensor numeric =
        NumericGradient([&](const torch::Tensor& x) { return scalar(x).item<double>(); }, point);
    EXPECT_LT(Distance(AutogradGradient(scalar, point), numeric), 1e-7) << what;
    EXPECT_GT(numeric.abs().max().item<double>(), 1e-3) << what;
  };

  const std::vector<std::pair<const char*, Quantity>> gaussian = {
      {"log_prob", [&](const auto& d) { return d.LogProb(gaussian_actions); }},
      {"kl(d || q)", [&](const auto& d) { return d.Kl(q); }},
      {"kl(q || d)", [&](const auto& d) { return q.Kl(d); }}};
  for (const auto& [name, quantity] : gaussian) {
    check(name, p.mean, [&, f = quantity](const torch::Tensor& mean) {
      return f(ActionDistribution::Gaussian(mean, p.log_std));
    });
    check(name, p.log_std, [&, f = quantity](const torch::Tensor& log_std) {
      return f(ActionDistribution::Gaussian(p.mean, log_std));
    });
  }
  check("entropy", p.log_std, [&](const torch::Tensor& log_std) {
    return ActionDistribution::Gaussian(p.mean, log_std).Entropy();
  });

  const std::vector<std::pair<const char*, Quantity>> categorical = {
      {"log_prob", [&](const auto& d) { return d.LogProb(choices); }},
      {"entropy", [&](const auto& d) { return d.Entropy(); }},
      {"kl(d || r)", [&](const auto& d) { return d.Kl(r); }},
      {"kl(r || d)", [&](const auto& d) { return r.Kl(d); }}};
  for (const auto& [name, quantity] : categorical) {
    check(name, logits, [&, f = quantity](const torch::Tensor& x) {
      return f(ActionDistribution::Categorical(x));
    });
  }
}

TEST(ActionDistribution, RowsAndDetachKeepTheNumbers) {
  const torch::Tensor actions = Normals({2, 5, 3}, 14), choices = torch::ones({2, 5, 1});
  const ActionDistribution p = RandomGaussian(15), c = RandomCategorical(16);
  EXPECT_TRUE(
      SameBits(p.Rows(1, 2).LogProb(actions.narrow(0, 1, 1)), p.LogProb(actions).narrow(0, 1, 1)));
  EXPECT_TRUE(
      SameBits(c.Rows(1, 2).LogProb(choices.narrow(0, 1, 1)), c.LogProb(choices).narrow(0, 1, 1)));

  const torch::Tensor leaf = p.mean.clone().requires_grad_(true);
  const ActionDistribution tracked = ActionDistribution::Gaussian(leaf, p.log_std);
  EXPECT_TRUE(tracked.LogProb(actions).requires_grad());
  EXPECT_FALSE(tracked.Detach().LogProb(actions).requires_grad());
  EXPECT_TRUE(SameBits(tracked.Detach().LogProb(actions), p.LogProb(actions)));
}

}  // namespace
}  // namespace fewstep

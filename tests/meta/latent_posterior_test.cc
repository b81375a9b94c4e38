// The posterior of a latent variable against Bayes' rule and integrals.
#include "meta/posterior/latent_posterior.h"

#include <cmath>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

torch::Tensor Double(std::vector<double> values) { return torch::tensor(values, torch::kFloat64); }

// The product of densities on a grid, normalised, has the mean and the variance of the formula.
TEST(LatentPosterior, IsTheProductOfItsFactors) {
  const double mus[] = {0.4, -1.1, 2.0}, variances[] = {0.5, 2.0, 0.9};
  for (const bool with_prior : {false, true}) {
    double mass = 0, first = 0, second = 0;
    constexpr int kPoints = 100'000;
    for (int i = 0; i < kPoints; ++i) {
      const double z = -10 + 20.0 * (i + 0.5) / kPoints;
      double log_density = with_prior ? -0.5 * z * z : 0;
      for (int n = 0; n < 3; ++n) {
        log_density -= 0.5 * (z - mus[n]) * (z - mus[n]) / variances[n];
      }
      const double density = std::exp(log_density);
      mass += density;
      first += z * density;
      second += z * z * density;
    }
    const double mean = first / mass, variance = second / mass - mean * mean;
    const LatentPosterior posterior = LatentPosterior::Product(
        Double({mus[0], mus[1], mus[2]}).view({1, 3, 1}),
        Double({variances[0], variances[1], variances[2]}).view({1, 3, 1}), with_prior);
    EXPECT_NEAR(posterior.mean().item<double>(), mean, 1e-6);
    EXPECT_NEAR(posterior.variance().item<double>(), variance, 1e-6);
  }
}

TEST(LatentPosterior, DoesNotDependOnTheOrderNorOnHowItCame) {
  torch::manual_seed(1);
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  const torch::Tensor means = torch::randn({3, 8, 2}, options),
                      variances = torch::rand({3, 8, 2}, options) + 0.1;
  const torch::Tensor order = torch::tensor({5, 2, 7, 0, 1, 6, 3, 4});
  for (const bool with_prior : {false, true}) {
    const auto whole = LatentPosterior::Product(means, variances, with_prior);
    const auto shuffled = LatentPosterior::Product(means.index_select(1, order),
                                                   variances.index_select(1, order), with_prior);
    EXPECT_LT(Distance(whole.mean(), shuffled.mean()), 1e-12);
    EXPECT_LT(Distance(whole.variance(), shuffled.variance()), 1e-12);
    // in two parts, as episodes arrive: the prior counts once
    const auto first =
        LatentPosterior::Product(means.narrow(1, 0, 3), variances.narrow(1, 0, 3), with_prior);
    const auto second =
        LatentPosterior::Product(means.narrow(1, 3, 5), variances.narrow(1, 3, 5), with_prior);
    EXPECT_LT(Distance(first.With(second).mean(), whole.mean()), 1e-12);
    EXPECT_LT(Distance(first.With(second).variance(), whole.variance()), 1e-12);
    const auto nothing = LatentPosterior::OfNothing(3, 2, with_prior);
    EXPECT_LT(Distance(nothing.With(whole).mean(), whole.mean()), 1e-6);
  }
}

TEST(LatentPosterior, OfNothingIsThePrior) {
  for (const bool with_prior : {false, true}) {
    const auto nothing = LatentPosterior::OfNothing(2, 3, with_prior);
    EXPECT_TRUE(torch::equal(nothing.mean(), torch::zeros({2, 3})));
    EXPECT_TRUE(torch::equal(nothing.variance(), torch::ones({2, 3})));
    EXPECT_TRUE(torch::equal(nothing.KlToPrior(), torch::zeros({2})));
    const torch::Tensor noise = torch::randn({2, 3});
    EXPECT_TRUE(torch::equal(nothing.Sample(noise), noise));
  }
}

// KL(q || N(0, 1)) by integration of q log(q / p).
TEST(LatentPosterior, ItsKlIsTheIntegral) {
  for (const auto& [mean, variance] : {std::pair{0.0, 1.0}, {1.3, 0.2}, {-0.4, 2.5}}) {
    double kl = 0;
    constexpr int kPoints = 200'000;
    const double width = 40.0 / kPoints;
    for (int i = 0; i < kPoints; ++i) {
      const double z = -20 + (i + 0.5) * width;
      const double log_q =
          -0.5 * (z - mean) * (z - mean) / variance - 0.5 * std::log(2 * M_PI * variance);
      kl += std::exp(log_q) * (log_q + 0.5 * z * z + 0.5 * std::log(2 * M_PI)) * width;
    }
    const auto q = LatentPosterior::Product(Double({mean}).view({1, 1, 1}),
                                            Double({variance}).view({1, 1, 1}), false);
    EXPECT_NEAR(q.KlToPrior().item<double>(), kl, 1e-6);
  }
}

// Gradients of a sample and of the KL in a factor, against finite differences in double.
TEST(LatentPosterior, IsDifferentiableInItsFactors) {
  const torch::Tensor noise = Double({0.7}).view({1, 1});
  for (const bool with_prior : {false, true}) {
    const auto value = [&](const torch::Tensor& x) {
      const auto q = LatentPosterior::Product(x.narrow(0, 0, 2).view({1, 2, 1}),
                                              x.narrow(0, 2, 2).exp().view({1, 2, 1}), with_prior);
      return (3 * q.Sample(noise)).sum() + q.KlToPrior().sum();
    };
    torch::Tensor x = Double({0.4, -0.9, 0.2, -0.6}).requires_grad_();
    const torch::Tensor gradient = torch::autograd::grad({value(x)}, {x})[0];
    for (int64_t i = 0; i < 4; ++i) {
      torch::Tensor up = x.detach().clone(), down = x.detach().clone();
      up[i] += 1e-6;
      down[i] -= 1e-6;
      EXPECT_NEAR(gradient[i].item<double>(), ((value(up) - value(down)) / 2e-6).item<double>(),
                  1e-7);
    }
  }
}

TEST(ContextEncoder, EncodesTasksApart) {
  const ContextEncoder encoder(4, {8}, 2);
  const Parameters row = Initialized(encoder.layout(), Rng(1));
  torch::manual_seed(2);
  torch::Tensor contexts = torch::randn({3, 6, 4});
  const auto sound = encoder.Encode(row, contexts, false);
  EXPECT_EQ(sound.mean().sizes(), (torch::IntArrayRef{3, 2}));
  contexts[0].fill_(std::nan(""));
  contexts[2].fill_(std::nan(""));
  const auto poisoned = encoder.Encode(row, contexts, false);
  EXPECT_TRUE(torch::equal(poisoned.mean()[1], sound.mean()[1]));
  EXPECT_TRUE(torch::equal(poisoned.variance()[1], sound.variance()[1]));
  EXPECT_TRUE((sound.variance() > 0).all().item<bool>());
}

// What a mask leaves out counts nothing, whatever it holds.
TEST(LatentPosterior, LeavesOutWhatIsMasked) {
  torch::Tensor means = Normals({2, 4, 3}, 1), variances = Normals({2, 4, 3}, 2).square() + 0.1;
  torch::Tensor mask = torch::ones({2, 4});
  mask[1].narrow(0, 1, 3).fill_(0);
  means[1].narrow(0, 1, 3).fill_(std::nan(""));
  variances[1][2].fill_(std::nan(""));
  const LatentPosterior q = LatentPosterior::Product(means, variances, true, mask);
  const LatentPosterior whole =
      LatentPosterior::Product(means.narrow(0, 0, 1), variances.narrow(0, 0, 1), true);
  const LatentPosterior one = LatentPosterior::Product(
      means.narrow(0, 1, 1).narrow(1, 0, 1), variances.narrow(0, 1, 1).narrow(1, 0, 1), true);
  EXPECT_LT(Distance(q.mean()[0], whole.mean()[0]), 1e-12);
  EXPECT_LT(Distance(q.mean()[1], one.mean()[0]), 1e-12);
  EXPECT_LT(Distance(q.variance()[1], one.variance()[0]), 1e-12);
}

// Outputs of which some give a variance below the least, through which nothing passes.
TEST(ContextEncoder, GivesTheGradientOfItsFactors) {
  constexpr int64_t kTasks = 2, kCount = 3, kSize = 2;
  const ContextEncoder encoder(4, {5}, kSize);
  torch::Tensor outputs = Normals({1, kTasks * kCount, 2 * kSize}, 3);
  outputs[0][1][kSize] = -30;
  const torch::Tensor leaf = outputs.clone().requires_grad_();
  const torch::Tensor by_precision = Normals({kTasks, 1, kSize}, 4),
                      by_precision_mean = Normals({kTasks, 1, kSize}, 5);
  const LatentPosterior q = encoder.Posterior(leaf, kTasks, false);
  // the factor at the bound is a million times as precise as the others: compare relative to it
  const torch::Tensor loss = (q.precision * by_precision.squeeze(1)).sum() +
                             (q.precision_mean * by_precision_mean.squeeze(1)).sum();
  const torch::Tensor expected = torch::autograd::grad({loss}, {leaf})[0];
  const torch::Tensor gradient = encoder.FactorGradient(outputs, by_precision, by_precision_mean);
  EXPECT_TRUE(torch::allclose(gradient, expected, 1e-10, 1e-12));
  EXPECT_EQ(gradient[0][1][kSize].item<double>(), 0);
}

}  // namespace
}  // namespace fewstep

// tanh of a Gaussian against densities by integration, finite differences and its limits.
#include "agents/squashed_gaussian.h"

#include <cmath>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

torch::Tensor Double(std::vector<double> values) { return torch::tensor(values, torch::kFloat64); }

// The density over (-1, 1) integrates to 1, and its mean is that of tanh of the Gaussian.
TEST(SquashedGaussian, IsADensity) {
  for (const auto& [mean, log_std] : {std::pair{0.0, -0.5}, {1.2, 0.1}, {-0.7, -1.5}}) {
    const SquashedGaussian distribution{Double({mean}), Double({log_std})};
    // over u, where nothing is steep: da = (1 - tanh(u)^2) du
    double mass = 0, first = 0, expected = 0;
    constexpr int kPoints = 200'000;
    const double width = 24.0 / kPoints;
    for (int i = 0; i < kPoints; ++i) {
      const double u = -12 + (i + 0.5) * width, a = std::tanh(u);
      const double density = std::exp(distribution.LogProb(Double({u})).item<double>());
      if (i % 50 != 0) continue;
      mass += 50 * density * (1 - a * a) * width;
      first += 50 * a * density * (1 - a * a) * width;
      const double z = (u - mean) / std::exp(log_std);
      expected += 50 * a * std::exp(-0.5 * z * z) / std::exp(log_std) / std::sqrt(2 * M_PI) * width;
    }
    EXPECT_NEAR(mass, 1, 1e-4);
    EXPECT_NEAR(first, expected, 1e-4);
  }
}

// Against the formula as it is written, where that can be computed.
TEST(SquashedGaussian, CorrectsForTanh) {
  const SquashedGaussian distribution{Double({0.3, -0.4}), Double({-0.2, 0.5})};
  const torch::Tensor before = Double({0.9, -1.7});
  double expected = 0;
  for (int64_t i = 0; i < 2; ++i) {
    const double u = before[i].item<double>(), m = distribution.mean[i].item<double>(),
                 s = std::exp(distribution.log_std[i].item<double>());
    expected += -0.5 * (u - m) * (u - m) / (s * s) - std::log(s) - 0.5 * std::log(2 * M_PI) -
                std::log(1 - std::tanh(u) * std::tanh(u));
  }
  EXPECT_NEAR(distribution.LogProb(before).item<double>(), expected, 1e-12);

  // far out tanh is 1 and the formula is infinite; log(1 - tanh(u)^2) is 2 log 2 - 2 u there
  const SquashedGaussian far{Double({40.0}), Double({0.0})};
  EXPECT_NEAR(far.LogProb(Double({40.0})).item<double>(),
              -0.5 * std::log(2 * M_PI) - (2 * std::log(2.0) - 80), 1e-9);
  const SquashedGaussian single{torch::full({1}, 40.0f), torch::zeros({1})};
  EXPECT_TRUE(std::isfinite(single.LogProb(torch::full({1}, 40.0f)).item<float>()));
}

// Reparameterised gradients against finite differences in double.
TEST(SquashedGaussian, IsDifferentiableInWhatItDependsOn) {
  const torch::Tensor noise = Double({0.8, -1.1, 0.2});
  const auto value = [&](const torch::Tensor& outputs) {
    const auto draw = SquashedGaussian::Of(outputs).Sample(noise);
    return (draw.actions * Double({1.0, -2.0, 0.5})).sum() + 0.7 * draw.log_probs;
  };
  torch::Tensor outputs = Double({0.3, -0.9, 1.4, -0.5, 0.1, -1.2}).requires_grad_();
  const torch::Tensor gradient = torch::autograd::grad({value(outputs)}, {outputs})[0];
  for (int64_t i = 0; i < 6; ++i) {
    torch::Tensor up = outputs.detach().clone(), down = outputs.detach().clone();
    constexpr double kStep = 1e-6;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = ((value(up) - value(down)) / (2 * kStep)).item<double>();
    EXPECT_NEAR(gradient[i].item<double>(), slope, 1e-7) << i;
  }
}

TEST(SquashedGaussian, BoundsItsDeviation) {
  const SquashedGaussian wide = SquashedGaussian::Of(Double({0, 0, 50, -50}));
  EXPECT_EQ(wide.log_std[0].item<double>(), 2);
  EXPECT_EQ(wide.log_std[1].item<double>(), -20);
  EXPECT_NEAR(SquashedGaussian::Of(Double({0.5, 0})).Mode().item<double>(), std::tanh(0.5), 1e-12);
}

}  // namespace
}  // namespace fewstep

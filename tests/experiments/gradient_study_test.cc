// The noise of meta-gradients, on estimates whose moments are known.
#include "experiments/gradient_study.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(GradientNoise, OfTwoEstimatesByHand) {
  // (3, 4) and (3, -4): mean (3, 0), deviation sqrt(16 + 16), cosine (9 - 16) / 25
  const GradientNoise noise =
      NoiseOf(torch::tensor({3.0, 4.0, 3.0, -4.0}, torch::kFloat64).view({2, 2}));
  EXPECT_NEAR(noise.mean_norm, 3, 1e-12);
  EXPECT_NEAR(noise.deviation, std::sqrt(32), 1e-12);
  EXPECT_NEAR(noise.relative, std::sqrt(32) / 3, 1e-12);
  EXPECT_NEAR(noise.agreement, -7.0 / 25, 1e-12);
}

TEST(GradientNoise, OfManyNormalEstimates) {
  // signal (1, ..., 1) / 10, noise of deviation 2 in each of 100 dimensions
  const torch::Tensor estimates = Normals({2000, 100}, 1) * 2 + 0.1;
  const GradientNoise noise = NoiseOf(estimates);
  EXPECT_NEAR(noise.deviation, 20, 0.2);
  EXPECT_NEAR(noise.mean_norm, std::sqrt(1 + 100 * 4.0 / 2000), 0.1);
  EXPECT_NEAR(noise.agreement, 1.0 / 401, 2e-3);
}

}  // namespace
}  // namespace fewstep

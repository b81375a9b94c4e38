// The noise of meta-gradients, on estimates whose moments are known.
#include "experiments/studies/gradient_noise.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(GradientNoise, OfTwoEstimatesByHand) {
  // (3, 4) and (3, -4): mean (3, 0), deviation sqrt(16 + 16), cosine (9 - 16) / 25
  const GradientNoise noise =
      NoiseOf(torch::tensor({3.0, 4.0, 3.0, -4.0}, torch::kFloat64).view({2, 2}));
  EXPECT_NEAR(noise.mean_norm, 3, 1e-12);
  EXPECT_NEAR(noise.deviation, std::sqrt(32), 1e-12);
  EXPECT_NEAR(noise.agreement, -7.0 / 25, 1e-12);
  // 3^2 is less than the 32 / 2 that noise alone gives a mean of two
  EXPECT_FALSE(noise.signal);
  EXPECT_FALSE(noise.relative);
}

TEST(GradientNoise, TheSignalIsWhatTheNoiseOfTheMeanLeaves) {
  // (5, 1), (5, -1), (5, 1), (5, -1): mean (5, 0), deviation sqrt(4 / 3), signal sqrt(25 - 1 / 3)
  const GradientNoise noise = NoiseOf(
      torch::tensor({5.0, 1.0, 5.0, -1.0, 5.0, 1.0, 5.0, -1.0}, torch::kFloat64).view({4, 2}));
  ASSERT_TRUE(noise.signal && noise.relative);
  EXPECT_NEAR(*noise.signal, std::sqrt(25 - 1.0 / 3), 1e-12);
  EXPECT_NEAR(*noise.relative, std::sqrt(4.0 / 3) / std::sqrt(25 - 1.0 / 3), 1e-12);
}

// Noise is taken for a signal once in twenty studies, and a signal is found where it is large.
TEST(GradientNoise, NoiseIsSeldomTakenForASignal) {
  constexpr int kStudies = 2000, kRounds = 10, kSize = 400;
  int noise_alone = 0, with_signal = 0;
  for (int study = 0; study < kStudies; ++study) {
    const torch::Tensor noise = Normals({kRounds, kSize}, 100 + static_cast<uint64_t>(study));
    noise_alone += NoiseOf(noise).signal.has_value();
    with_signal += NoiseOf(noise + 0.2).signal.has_value();  // of norm 4 beneath a deviation of 20
  }
  EXPECT_GT(noise_alone, 0.03 * kStudies);
  EXPECT_LT(noise_alone, 0.08 * kStudies);
  EXPECT_GT(with_signal, 0.99 * kStudies);
}

TEST(GradientNoise, OfManyNormalEstimates) {
  // signal (1, ..., 1) / 10, noise of deviation 2 in each of 100 dimensions
  const torch::Tensor estimates = Normals({2000, 100}, 1) * 2 + 0.1;
  const GradientNoise noise = NoiseOf(estimates);
  EXPECT_NEAR(noise.deviation, 20, 0.2);
  EXPECT_NEAR(noise.mean_norm, std::sqrt(1 + 100 * 4.0 / 2000), 0.1);
  ASSERT_TRUE(noise.signal);
  EXPECT_NEAR(*noise.signal, 1, 0.1);
  EXPECT_NEAR(noise.agreement, 1.0 / 401, 2e-3);
}

}  // namespace
}  // namespace fewstep

#include "core/rng.h"

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

using Block = std::array<uint32_t, 4>;

// The known-answer vectors published with Random123 (kat_vectors, philox4x32 with 10 rounds).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, ForkDependsOnNameAndIndexOnly) {
  Rng root(7);
  const uint64_t before = root.Fork("tasks", 3).key();
  for (int i = 0; i < 10; ++i) root.NextU32();
  EXPECT_EQ(root.Fork("tasks", 3).key(), before);
  std::set<uint64_t> keys;
  for (uint64_t index = 0; index < 1000; ++index) {
    keys.insert(root.Fork("tasks", index).key());
    keys.insert(root.Fork("reset", index).key());
  }
  EXPECT_EQ(keys.size(), 2000u);
  EXPECT_NE(Rng(1).Fork("a").key(), Rng(2).Fork("a").key());
}

TEST(Rng, MomentsOfUniformAndNormal) {
  constexpr int kDraws = 400'000;
  Rng rng(1);
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
    const double z = rng.Normal();
    normal_sum += z;
    normal_squares += z * z;
    fourth += z * z * z * z;
  }
  // five standard errors of each estimate
  const double n = kDraws, tolerance = 5.0 / std::sqrt(n);
  EXPECT_NEAR(sum / n, 0.5, tolerance * std::sqrt(1.0 / 12));
  EXPECT_NEAR(squares / n, 1.0 / 3, tolerance * std::sqrt(4.0 / 45));
  EXPECT_NEAR(normal_sum / n, 0.0, tolerance);
  EXPECT_NEAR(normal_squares / n, 1.0, tolerance * std::sqrt(2.0));
  EXPECT_NEAR(fourth / n, 3.0, tolerance * std::sqrt(96.0));
}

TEST(Rng, BelowIsUniform) {
  Rng rng(5);
  std::vector<int> counts(7);
  constexpr int kDraws = 70'000;
  for (int i = 0; i < kDraws; ++i) ++counts[rng.Below(7)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 1e4) * (count - 1e4) / 1e4;
  EXPECT_LT(chi_squared, 22.5);  // 99.9 % point with 6 degrees of freedom
}

TEST(Rng, ShuffleIsAPermutationAndCoversAll) {
  Rng rng(9);
  std::vector<int> values(3);
  std::set<std::vector<int>> seen;
  for (int i = 0; i < 200; ++i) {
    std::iota(values.begin(), values.end(), 0);
    rng.Shuffle(values);
    seen.insert(values);
    std::vector<int> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::vector<int>{0, 1, 2}));
  }
  EXPECT_EQ(seen.size(), 6u);
}

}  // namespace
}  // namespace fewstep

// Gradients summed over shards: which tasks, and that threads do not show.
#include "agents/shards.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(Shards, PartitionTheTasksEvenly) {
  const auto pool = MakePool(1);
  for (int64_t tasks = 1; tasks <= 20; ++tasks) {
    for (int64_t wanted = 1; wanted <= 25; ++wanted) {
      const Shards shards(tasks, wanted, *pool);
      ASSERT_EQ(static_cast<int64_t>(shards.size()), std::min(tasks, wanted));
      int64_t next = 0, smallest = tasks, largest = 0;
      for (size_t i = 0; i < shards.size(); ++i) {
        ASSERT_EQ(shards[i].index, i);
        ASSERT_EQ(shards[i].begin, next);
        next = shards[i].end;
        const int64_t size = shards[i].size();
        ASSERT_LE(size, i == 0 ? size : largest);
        smallest = std::min(smallest, size);
        largest = std::max(largest, size);
      }
      ASSERT_EQ(next, tasks);
      ASSERT_LE(largest - smallest, 1);
      ASSERT_GE(smallest, 1);
    }
  }
}

// Tasks with data of their own whose losses are not quadratic, in single precision, where another
// order of summation gives other bits.
struct Problem {
  torch::Tensor data = Normals({24, 50}, 1).to(torch::kFloat32);
  torch::Tensor theta = Normals({1, 50}, 2).to(torch::kFloat32);

  torch::Tensor Compute(int64_t num_shards, int threads) const {
    const auto pool = MakePool(threads);
    return Shards(24, num_shards, *pool)
        .Gradient(theta, [&](const torch::Tensor& leaf, const Shard& shard) {
          return (leaf * data.narrow(0, shard.begin, shard.size())).sum(1).tanh().sum();
        });
  }
};

TEST(ShardedGradient, IsTheGradientOfTheWhole) {
  const Problem problem;
  const torch::Tensor data = problem.data.to(torch::kFloat64);
  const auto whole = [&](const torch::Tensor& x) { return (x * data).sum(1).tanh().sum(); };
  const torch::Tensor expected = AutogradGradient(whole, problem.theta.to(torch::kFloat64));
  for (const int64_t shards : {1, 2, 5, 24, 100}) {
    EXPECT_LT(RelativeDistance(problem.Compute(shards, 1), expected), 1e-5) << shards;
  }
}

TEST(ShardedGradient, IsTheSameBitsAtAnyNumberOfThreads) {
  const Problem problem;
  for (const int64_t shards : {1, 7, 8}) {
    const torch::Tensor one = problem.Compute(shards, 1);
    for (const int threads : {2, 4}) {
      for (int repeat = 0; repeat < 5; ++repeat) {
        ASSERT_TRUE(SameBits(one, problem.Compute(shards, threads))) << shards << " " << threads;
      }
    }
  }
  EXPECT_FALSE(SameBits(problem.Compute(1, 1), problem.Compute(7, 1)));
}

TEST(ShardedGradient, LeavesThetaAsItWas) {
  const Problem problem;
  const torch::Tensor before = problem.theta.clone();
  problem.Compute(4, 2);
  EXPECT_TRUE(SameBits(before, problem.theta));
  EXPECT_FALSE(problem.theta.requires_grad());
}

TEST(ShardedGradient, WorksWhereGradientsAreSwitchedOff) {
  const torch::NoGradGuard no_grad;
  EXPECT_GT(Problem().Compute(3, 2).abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace fewstep

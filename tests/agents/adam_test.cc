// Our Adam against LibTorch's.
#include "agents/optimizers/adam.h"

#include <torch/optim/adam.h>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(Adam, FollowsLibTorchOnAQuadratic) {
  // f(x) = |A x - b|^2 / 2 with gradients over several orders of magnitude
  const torch::Tensor a = Normals({12, 8}, 1) * torch::logspace(-3, 1, 8, 10.0, torch::kFloat64);
  const torch::Tensor b = Normals({12, 1}, 2), start = Normals({1, 8}, 3);
  const auto gradient_at = [&](const torch::Tensor& x) {
    return (a.mm(x.t()) - b).t().mm(a);  // [1, 8]
  };

  torch::Tensor ours = start.clone();
  Adam adam(ours, 0.05);
  torch::Tensor theirs = start.clone().requires_grad_(true);
  torch::optim::Adam reference({theirs}, torch::optim::AdamOptions(0.05));
  for (int step = 1; step <= 50; ++step) {
    ours = adam.Step(ours, gradient_at(ours));
    theirs.mutable_grad() = gradient_at(theirs.detach());
    reference.step();
    ASSERT_LT(Distance(ours, theirs.detach()), 1e-12) << step;
  }
  EXPECT_EQ(adam.steps, 50);
  EXPECT_GT(Distance(ours, start), 0.5);
}

TEST(Adam, FollowsLibTorchInSinglePrecision) {
  const torch::Tensor start = Normals({1, 100}, 4).to(torch::kFloat32);
  const torch::Tensor target = Normals({1, 100}, 5).to(torch::kFloat32);
  torch::Tensor ours = start.clone();
  Adam adam(ours, 1e-3);
  torch::Tensor theirs = start.clone().requires_grad_(true);
  torch::optim::Adam reference({theirs}, torch::optim::AdamOptions(1e-3));
  for (int step = 0; step < 50; ++step) {
    ours = adam.Step(ours, ours - target);
    theirs.mutable_grad() = theirs.detach() - target;
    reference.step();
  }
  EXPECT_LT(Distance(ours, theirs.detach()), 1e-6);
}

// Rows that lie in one piece go another way than others; the bits are the same.
TEST(Adam, GivesTheSameBitsHoweverARowLies) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    torch::Tensor x = Normals({37, 3}, 6).to(type), y = x.clone();
    Adam a(x, 0.01), b(x, 0.01);
    for (uint64_t step = 0; step < 20; ++step) {
      const torch::Tensor gradient =
          (Normals({37, 3}, 10 + step) * std::pow(10.0, static_cast<double>(step % 7) - 4))
              .to(type);
      const Adam before = a;
      const torch::Tensor moments = a.first().clone();
      x = a.Step(x, gradient);
      y = b.Step(y, gradient.t().contiguous().t());
      ASSERT_TRUE(SameBits(x, y)) << step;
      ASSERT_TRUE(SameBits(a.second(), b.second()));
      ASSERT_TRUE(SameBits(before.first(), moments)) << "a copy has moved";
    }
  }
}

TEST(Adam, ItsStateIsThreeTensors) {
  // a copy that is given the steps and the moments continues bit for bit
  torch::Tensor x = Normals({1, 6}, 6).to(torch::kFloat32);
  Adam adam(x, 0.01);
  for (int step = 0; step < 5; ++step) x = adam.Step(x, x * 3);
  Adam restored(torch::zeros_like(x), 0.01);
  restored.steps = adam.steps;
  restored.first() = adam.first().clone();
  restored.second() = adam.second().clone();
  EXPECT_TRUE(SameBits(adam.Step(x, x * 3), restored.Step(x, x * 3)));
}

}  // namespace
}  // namespace fewstep

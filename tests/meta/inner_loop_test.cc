// The gradient through the inner loop against finite differences and against the hand.
#include "meta/inner_loop.h"

#include <tuple>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTasks = 3, kSize = 4;

// A smooth loss of every task with a Hessian and third derivatives that are not constant:
//   L_t(x) = sum_i sin(a_ti x_i) + (b_t . x)^2 / 2 + (c_t . x)^3 / 6, another one at every step.
struct Toy {
  torch::Tensor a = Normals({kTasks, kSize}, 1);
  torch::Tensor b = Normals({kTasks, kSize}, 2);
  torch::Tensor c = Normals({kTasks, kSize}, 3) * 0.5;

  torch::Tensor Loss(const torch::Tensor& rows, int64_t step) const {
    const double shift = 1 + 0.3 * static_cast<double>(step);
    return (a * rows * shift).sin().sum(1) + (b * rows).sum(1).square() / 2 +
           (c * rows).sum(1).pow(3) / 6;
  }
  LossFunction function() const {
    return [this](const Parameters& rows, int64_t step) { return Loss(rows.flat, step); };
  }
};

// The loss after adaptation, which differs from the inner ones.
torch::Tensor OuterLoss(const torch::Tensor& rows) {
  return ((rows - 0.7).cos().sum(1) + rows.square().sum(1) * rows.sum(1)).sum();
}

Parameters Expanded(const torch::Tensor& theta) {  // [1, P] -> [T, P]
  return Parameters{theta, nullptr}.Expand(kTasks);
}

using Case = std::tuple<int64_t, InnerOptimizer>;

class InnerLoop : public testing::TestWithParam<Case> {
 protected:
  InnerLoopOptions Options(GradientOrder order, double learning_rate = 0.1) const {
    const auto [steps, optimizer] = GetParam();
    return {.steps = steps, .learning_rate = learning_rate, .order = order, .optimizer = optimizer};
  }
  const Toy toy_;
  const torch::Tensor theta_ = Normals({1, kSize}, 4);
};

TEST_P(InnerLoop, SecondOrderIsTheGradientThroughEveryStep) {
  const InnerLoopOptions options = Options(GradientOrder::kSecond);
  const auto objective = [&](const torch::Tensor& theta) {
    return OuterLoss(Adapt(Expanded(theta), toy_.function(), options).flat);
  };
  const torch::Tensor gradient = AutogradGradient(objective, theta_);
  const torch::Tensor numeric = NumericGradient(
      [&](const torch::Tensor& theta) {
        return objective(theta.detach().clone().requires_grad_(true)).item<double>();
      },
      theta_);
  EXPECT_LT(RelativeDistance(gradient, numeric), 1e-6);

  // and another one than the first order's, but where Adam's first step is a sign
  if (GetParam() == Case{1, InnerOptimizer::kAdam}) return;
  const torch::Tensor first = AutogradGradient(
      [&](const torch::Tensor& theta) {
        return OuterLoss(
            Adapt(Expanded(theta), toy_.function(), Options(GradientOrder::kFirst)).flat);
      },
      theta_);
  EXPECT_GT(RelativeDistance(first, gradient), 1e-2);
}

TEST_P(InnerLoop, AScaleMultipliesEveryStepAndIsDifferentiated) {
  const torch::Tensor scale = Normals({1, kSize}, 6).abs() + 0.2;
  for (const GradientOrder order : {GradientOrder::kFirst, GradientOrder::kSecond}) {
    const auto adapted = [&](const torch::Tensor& rates, const torch::Tensor& theta) {
      return Adapt(Expanded(theta), toy_.function(), Options(order), rates).flat;
    };
    // with one step d theta' / d scale is the step itself, in both orders
    if (std::get<0>(GetParam()) > 1 && order == GradientOrder::kFirst) continue;
    const torch::Tensor leaf = theta_.clone().requires_grad_(true);
    const torch::Tensor gradient = AutogradGradient(
        [&](const torch::Tensor& rates) { return OuterLoss(adapted(rates, leaf)); }, scale);
    const torch::Tensor numeric = NumericGradient(
        [&](const torch::Tensor& rates) { return OuterLoss(adapted(rates, leaf)).item<double>(); },
        scale);
    EXPECT_LT(RelativeDistance(gradient, numeric), 1e-6);
  }

  // a parameter whose scale is 0 stays where it is
  torch::Tensor some = torch::ones({1, kSize}, torch::kFloat64);
  some[0][2] = 0;
  const torch::Tensor leaf = theta_.clone().requires_grad_(true);
  const torch::Tensor moved =
      Adapt(Expanded(leaf), toy_.function(), Options(GradientOrder::kSecond), some).flat.detach();
  for (int64_t i = 0; i < kSize; ++i) {
    const double distance = Distance(moved.select(1, i), theta_.expand({kTasks, -1}).select(1, i));
    if (i == 2) {
      EXPECT_EQ(distance, 0);
    } else {
      EXPECT_GT(distance, 1e-3);
    }
  }
}

TEST_P(InnerLoop, FirstOrderIsTheOuterGradientAtTheAdaptedRows) {
  // theta' written out with autograd's plain gradients
  const auto [steps, optimizer] = GetParam();
  torch::Tensor rows = theta_.repeat({kTasks, 1});
  torch::Tensor first = torch::zeros_like(rows), second = torch::zeros_like(rows);
  for (int64_t step = 0; step < steps; ++step) {
    const torch::Tensor gradient =
        AutogradGradient([&](const torch::Tensor& x) { return toy_.Loss(x, step).sum(); }, rows);
    torch::Tensor direction = gradient;
    if (optimizer == InnerOptimizer::kMomentum) direction = first = first * 0.9 + gradient;
    if (optimizer == InnerOptimizer::kAdam) {
      const double t = static_cast<double>(step + 1);
      first = first * 0.9 + gradient * 0.1;
      second = second * 0.999 + gradient * gradient * 0.001;
      direction = (first / (1 - std::pow(0.9, t))) / (second / (1 - std::pow(0.999, t))).sqrt();
    }
    rows = rows - 0.1 * direction;
  }
  const torch::Tensor expected = AutogradGradient(OuterLoss, rows).sum(0, /*keepdim=*/true);

  for (const GradientOrder order : {GradientOrder::kFirst, GradientOrder::kSecond}) {
    const torch::Tensor leaf = theta_.clone().requires_grad_(true);
    const Parameters adapted = Adapt(Expanded(leaf), toy_.function(), Options(order));
    EXPECT_LT(Distance(adapted.flat, rows), 1e-9);
    if (order == GradientOrder::kSecond) continue;
    const torch::Tensor gradient = torch::autograd::grad({OuterLoss(adapted.flat)}, {leaf})[0];
    EXPECT_LT(RelativeDistance(gradient, expected), 1e-8);
  }
}

TEST_P(InnerLoop, AnInnerLossCanBePartOfTheOuterOne) {
  // in both orders, as a penalty on what the inner losses were computed from
  for (const GradientOrder order : {GradientOrder::kFirst, GradientOrder::kSecond}) {
    const torch::Tensor leaf = theta_.clone().requires_grad_(true);
    torch::Tensor penalty = torch::zeros({}, torch::kFloat64);
    Adapt(
        Expanded(leaf),
        [&](const Parameters& rows, int64_t step) {
          const torch::Tensor losses = toy_.Loss(rows.flat.sin(), step);
          if (step == 0) penalty = losses.sum();
          return losses;
        },
        Options(order));
    const torch::Tensor expected = AutogradGradient(
        [&](const torch::Tensor& theta) { return toy_.Loss(theta.sin(), 0).sum(); }, theta_);
    EXPECT_LT(RelativeDistance(torch::autograd::grad({penalty}, {leaf})[0], expected), 1e-12);
  }
}

TEST_P(InnerLoop, RateZeroGivesThePlainGradient) {
  for (const GradientOrder order : {GradientOrder::kFirst, GradientOrder::kSecond}) {
    const torch::Tensor gradient = AutogradGradient(
        [&](const torch::Tensor& theta) {
          return OuterLoss(Adapt(Expanded(theta), toy_.function(), Options(order, 0)).flat);
        },
        theta_);
    const torch::Tensor plain = AutogradGradient(
        [&](const torch::Tensor& theta) { return OuterLoss(Expanded(theta).flat); }, theta_);
    EXPECT_LT(RelativeDistance(gradient, plain), 1e-14);
  }
}

TEST_P(InnerLoop, EveryRowDependsOnItsOwnTaskOnly) {
  const auto adapted = [&](const Toy& toy, const torch::Tensor& rows) {
    return Adapt({rows.clone().requires_grad_(true), nullptr}, toy.function(),
                 Options(GradientOrder::kSecond))
        .flat.detach();
  };
  const torch::Tensor rows = theta_.repeat({kTasks, 1});
  const torch::Tensor before = adapted(toy_, rows);
  Toy other;
  other.b[1] += 0.5;
  const torch::Tensor moved_data = adapted(other, rows);
  torch::Tensor other_rows = rows.clone();
  other_rows[1] += 0.5;
  const torch::Tensor moved_row = adapted(toy_, other_rows);
  for (const int64_t task : {0, 2}) {
    EXPECT_TRUE(SameBits(before[task], moved_data[task]));
    EXPECT_TRUE(SameBits(before[task], moved_row[task]));
  }
  EXPECT_GT(Distance(before[1], moved_row[1]), 1e-3);
  if (GetParam() == Case{1, InnerOptimizer::kAdam}) return;  // its first step is a sign
  EXPECT_GT(Distance(before[1], moved_data[1]), 1e-3);
}

std::string NameOf(const testing::TestParamInfo<Case>& test) {
  const auto& [steps, optimizer] = test.param;
  const char* name = optimizer == InnerOptimizer::kGradient ? "gradient"
                     : optimizer == InnerOptimizer::kAdam   ? "adam"
                                                            : "momentum";
  return fmt::format("{}_{}", name, steps);
}

INSTANTIATE_TEST_SUITE_P(Steps, InnerLoop,
                         testing::Combine(testing::Values<int64_t>(1, 2, 3),
                                          testing::Values(InnerOptimizer::kGradient,
                                                          InnerOptimizer::kMomentum,
                                                          InnerOptimizer::kAdam)),
                         NameOf);

TEST(InnerLoop, NoStepsChangeNothing) {
  const Toy toy;
  const torch::Tensor rows = Normals({kTasks, kSize}, 5).requires_grad_(true);
  EXPECT_TRUE(SameBits(Adapt({rows, nullptr}, toy.function(), {.steps = 0}).flat, rows));
}

}  // namespace
}  // namespace fewstep

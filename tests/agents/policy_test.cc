// The two evaluations of a policy, LibTorch's on batches and the sampler worker's on one
// observation, against each other and against the formula written out.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/error.h"
#include "tests/agents/allocation_count.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {

// so that a case that fails is shown readably
static void PrintTo(ActionKind kind, std::ostream* out) {
  *out << (kind == ActionKind::kDiscrete ? "discrete" : "continuous");
}

namespace {

constexpr int kObservation = 5, kActions = 3;
constexpr int64_t kTasks = 4, kBatch = 6;

// A network on one observation, in double and without matrices.
std::vector<double> Reference(const ParameterLayout& layout, const double* row,
                              std::vector<double> x, const MlpOptions& options) {
  const auto find = [&](const std::string& name) -> const ParameterSlice* {
    for (const ParameterSlice& slice : layout.slices()) {
      if (slice.name == name) return &slice;
    }
    return nullptr;
  };
  const size_t num_layers = options.hidden.size() + 1;
  for (size_t layer = 0; layer < num_layers; ++layer) {
    const ParameterSlice* weight = find(fmt::format("layer{}.weight", layer));
    const ParameterSlice* bias = find(fmt::format("layer{}.bias", layer));
    EXPECT_EQ(bias != nullptr, options.bias);
    std::vector<double> y(static_cast<size_t>(weight->shape[1]));
    for (size_t j = 0; j < y.size(); ++j) {
      y[j] = bias ? row[static_cast<size_t>(bias->offset) + j] : 0;
      for (size_t i = 0; i < x.size(); ++i) {
        y[j] += x[i] * row[static_cast<size_t>(weight->offset) + i * y.size() + j];
      }
      if (layer + 1 == num_layers) continue;
      y[j] = options.activation == Activation::kTanh ? std::tanh(y[j]) : std::max(0.0, y[j]);
    }
    x = y;
  }
  return x;
}

using Case = std::tuple<ActionKind, Activation, bool, std::vector<int64_t>, int64_t>;  // context

class MlpTest : public testing::TestWithParam<Case> {
 protected:
  static MlpOptions OptionsOf(const Case& c) {
    MlpOptions options;
    options.activation = std::get<1>(c);
    options.bias = std::get<2>(c);
    options.hidden = std::get<3>(c);
    options.context_size = std::get<4>(c);
    return options;
  }

  bool gaussian() const { return std::get<0>(GetParam()) == ActionKind::kContinuous; }

  // Rows of numbers as large as those of a trained network: spread 1 / sqrt(width).
  Parameters RandomRows(torch::ScalarType type, uint64_t seed = 1) const {
    const int64_t width = options_.hidden.empty() ? kObservation : options_.hidden.back();
    const torch::Tensor flat = Normals({kTasks, policy_->layout()->size()}, seed);
    return {(flat / std::sqrt(static_cast<double>(width))).to(type), policy_->layout()};
  }

  const MlpOptions options_ = OptionsOf(GetParam());
  const std::unique_ptr<MemorylessPolicy> policy_ =
      MakeMlpPolicy(SpecOf(kObservation, kActions, std::get<0>(GetParam())), options_);
};

TEST_P(MlpTest, ForwardIsTheFormulaOfEveryTasksOwnRow) {
  const Parameters rows = RandomRows(torch::kFloat64);
  const torch::Tensor observations = Normals({kTasks, kBatch, kObservation}, 2);
  const ActionDistribution all = policy_->Forward(rows, observations);
  for (int64_t t = 0; t < kTasks; ++t) {
    // one task by itself
    const ActionDistribution one =
        policy_->Forward(rows.Rows(t, t + 1), observations.narrow(0, t, 1));
    const ActionDistribution row = all.Rows(t, t + 1);
    EXPECT_LT(gaussian() ? Distance(row.mean, one.mean) : Distance(row.log_probs, one.log_probs),
              1e-13);

    // written out
    const double* parameters = rows.flat.const_data_ptr<double>() + t * policy_->layout()->size();
    for (int64_t b = 0; b < kBatch; ++b) {
      const double* x = observations.const_data_ptr<double>() + (t * kBatch + b) * kObservation;
      std::vector<double> input(x, x + kObservation);
      if (options_.context_size > 0) {
        const ParameterSlice& context = policy_->layout()->slices().back();
        EXPECT_EQ(context.role, ParameterRole::kContext);
        input.insert(input.end(), parameters + context.offset,
                     parameters + context.offset + context.size);
      }
      const std::vector<double> y = Reference(*policy_->layout(), parameters, input, options_);
      double total = 0;
      for (const double value : y) total += std::exp(value);
      for (int64_t a = 0; a < kActions; ++a) {
        const double output = y[static_cast<size_t>(a)];
        const double ours = (gaussian() ? all.mean : all.log_probs)[t][b][a].item<double>();
        EXPECT_NEAR(ours, gaussian() ? output : output - std::log(total), 1e-12);
      }
    }
    if (!gaussian()) continue;
    const auto& slices = policy_->layout()->slices();
    const ParameterSlice& log_std = slices[slices.size() - (options_.context_size > 0 ? 2 : 1)];
    ASSERT_EQ(log_std.name, "log_std");
    EXPECT_TRUE(SameBits(
        row.log_std,
        rows.flat.narrow(0, t, 1).narrow(1, log_std.offset, kActions).view({1, 1, kActions})));
  }
}

TEST_P(MlpTest, TheActorIsForward) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Parameters rows = RandomRows(torch::kFloat32, seed);
    const torch::Tensor observations =
        Normals({kTasks, kBatch, kObservation}, seed + 100).to(torch::kFloat32);
    const ActionDistribution distribution = policy_->Forward(rows, observations);
    for (const bool deterministic : {true, false}) {
      std::vector<Rng> streams;
      for (uint64_t i = 0; i < kTasks * kBatch; ++i) streams.push_back(Rng(seed).Fork("act", i));
      std::vector<Rng> actor_streams = streams;
      const torch::Tensor chosen = SampleActions(distribution, streams, deterministic);
      const int64_t width = gaussian() ? kActions : 1;
      ASSERT_EQ(chosen.sizes(), (std::vector<int64_t>{kTasks, kBatch, width}));

      const std::unique_ptr<Actor> actor = policy_->MakeActor();
      torch::Tensor acted = torch::zeros_like(chosen);
      for (int64_t i = 0; i < kTasks * kBatch; ++i) {
        actor->BeginTrial(
            rows.flat.const_data_ptr<float>() + i / kBatch * policy_->layout()->size(), nullptr);
        actor->Act({.observation = observations.const_data_ptr<float>() + i * kObservation},
                   actor_streams[static_cast<size_t>(i)], deterministic,
                   acted.mutable_data_ptr<float>() + i * width);
      }
      EXPECT_LT(Distance(acted, chosen), gaussian() ? 1e-5 : 1e-9) << deterministic;

      // both are at the same place of every stream afterwards
      for (size_t i = 0; i < streams.size(); ++i) {
        ASSERT_EQ(streams[i].Normal(), actor_streams[i].Normal());
        ASSERT_EQ(streams[i].NextU64(), actor_streams[i].NextU64());
      }
    }
  }
}

TEST_P(MlpTest, ActAllocatesNothing) {
  const Parameters rows = RandomRows(torch::kFloat32);
  const std::unique_ptr<Actor> actor = policy_->MakeActor();
  actor->BeginTrial(rows.flat.const_data_ptr<float>(), nullptr);
  std::vector<float> observation(kObservation, 0.5f), action(kActions);
  Rng rng(1);
  const int64_t before = AllocationsOfThisThread();
  for (int i = 0; i < 10; ++i)
    actor->Act({.observation = observation.data()}, rng, i % 2 == 0, action.data());
  EXPECT_EQ(AllocationsOfThisThread(), before);
}

TEST_P(MlpTest, WeightsStartWithinXaviersLimits) {
  const Parameters first = policy_->InitialParameters(Rng(1));
  ASSERT_EQ(first.flat.sizes(), (std::vector<int64_t>{1, policy_->layout()->size()}));
  size_t index = 0;
  for (const ParameterSlice& slice : policy_->layout()->slices()) {
    const torch::Tensor values = first.View(index++).to(torch::kFloat64);
    if (slice.name.ends_with(".weight")) {
      const double limit = std::sqrt(6.0 / static_cast<double>(slice.shape[0] + slice.shape[1]));
      EXPECT_LE(values.abs().max().item<double>(), limit * (1 + 1e-6)) << slice.name;
      // a mean square of limit^2 / 3, within five standard errors
      const double expected = limit * limit / 3;
      const double error = expected * std::sqrt(0.8 / static_cast<double>(slice.size));
      EXPECT_NEAR(values.square().mean().item<double>(), expected, 5 * error) << slice.name;
    } else {  // biases 0 and standard deviations 1
      EXPECT_EQ(values.abs().max().item<double>(), 0) << slice.name;
    }
  }
  EXPECT_TRUE(SameBits(first.flat, policy_->InitialParameters(Rng(1)).flat));
  EXPECT_GT(Distance(first.flat, policy_->InitialParameters(Rng(2)).flat), 0.01);
}

std::string NameOf(const testing::TestParamInfo<Case>& test) {
  const auto& [kind, activation, bias, hidden, context] = test.param;
  std::string name = kind == ActionKind::kContinuous ? "Gaussian_" : "Categorical_";
  name += activation == Activation::kTanh ? "tanh" : "relu";
  if (!bias) name += "_unbiased";
  for (const int64_t width : hidden) name += fmt::format("_{}", width);
  if (context > 0) name += "_context";
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MlpTest,
    testing::Combine(testing::Values(ActionKind::kContinuous, ActionKind::kDiscrete),
                     testing::Values(Activation::kTanh, Activation::kRelu), testing::Bool(),
                     testing::Values(std::vector<int64_t>{}, std::vector<int64_t>{7},
                                     std::vector<int64_t>{64, 64}),
                     testing::Values(0, 3)),
    NameOf);

TEST(Mlp, StartsAsItIsTold) {
  ParameterLayout layout;
  constexpr int64_t kIn = 50, kOut = 80;
  Mlp(layout, "a.", {.widths = {kIn, kOut}, .initial = MlpInitial::kFanIn});
  Mlp(layout, "b.", {.widths = {kIn, kOut}, .initial = MlpInitial::kNormal});
  const Parameters row = Initialized(std::make_shared<ParameterLayout>(layout), Rng(3));
  const auto moments = [&](size_t index) {
    const torch::Tensor x = row.View(index).to(torch::kFloat64);
    return std::array{x.abs().max().item<double>(), x.square().mean().item<double>()};
  };
  // U(-l, l): a mean square of l^2 / 3, weights and biases alike
  const double limit = 1 / std::sqrt(double{kIn});
  const double errors[] = {5 * std::sqrt(0.8 / (kIn * kOut)), 5 * std::sqrt(0.8 / kOut)};
  for (const size_t index : {0, 1}) {
    const auto [most, square] = moments(index);
    EXPECT_LE(most, limit * (1 + 1e-6));
    EXPECT_NEAR(square / (limit * limit / 3), 1, errors[index]);
  }
  // cut at two deviations: a variance of 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.77374
  const auto [most, square] = moments(2);
  EXPECT_LE(most, 0.02 * (1 + 1e-6));
  EXPECT_GT(most, 0.019);
  EXPECT_NEAR(square / (0.77374 * 1e-4), 1, errors[0]);
  EXPECT_EQ(moments(3)[0], 0);
}

TEST(MlpPolicy, TheHeadsInitialWeightsHaveAScale) {
  const auto weights = [](double scale) {
    MlpOptions options;
    options.hidden = {4};
    options.head_scale = scale;
    const auto policy = MakeMlpPolicy(SpecOf(3, 2, ActionKind::kDiscrete), options);
    const Parameters initial = policy->InitialParameters(Rng(1));
    return std::pair(initial.View(0), initial.View(2));
  };
  const auto [body, head] = weights(1);
  EXPECT_TRUE(SameBits(weights(0.25).first, body));
  EXPECT_LT(Distance(weights(0.25).second * 4, head), 1e-6);
  EXPECT_EQ(weights(0).second.abs().max().item<float>(), 0);
}

TEST(MlpPolicy, TheHeadIsTheLastLayerAndTheStandardDeviation) {
  MlpOptions options;
  options.hidden = {4};
  options.context_size = 2;
  const auto policy = MakeMlpPolicy(SpecOf(3, 2, ActionKind::kContinuous), options);
  const ParameterLayout& layout = *policy->layout();
  EXPECT_EQ(layout.Mask(ParameterRole::kHead).sum().item<float>(), 4 * 2 + 2 + 2);
  EXPECT_EQ(layout.Mask(ParameterRole::kContext).sum().item<float>(), 2);
  EXPECT_EQ(layout.Mask(ParameterRole::kBody).sum().item<float>(), (3 + 2) * 4 + 4);
}

TEST(AllocationCount, SeesMallocAndOperatorNew) {
  if (!kCountsAllocations) GTEST_SKIP() << "a sanitizer has taken malloc";
  const int64_t before = AllocationsOfThisThread();
  auto* volatile number = new int(1);
  delete number;
  void* volatile memory = std::malloc(8);
  std::free(memory);
  EXPECT_EQ(AllocationsOfThisThread(), before + 2);
}

TEST(MlpPolicy, TheStandardDeviationStartsAndStaysWhereTheOptionsSay) {
  MlpOptions options;
  options.hidden = {};
  options.initial_std = 0.25;
  options.min_std = 0.1;
  const auto policy = MakeMlpPolicy(SpecOf(1, 2, ActionKind::kContinuous), options);
  Parameters row = policy->InitialParameters(Rng(1));
  const torch::Tensor observations = torch::zeros({1, 1, 1});
  EXPECT_NEAR(policy->Forward(row, observations).log_std[0][0][0].item<double>(), std::log(0.25),
              1e-7);

  // far below the bound, both evaluations draw with the bound; the mean at observation 0 is 0
  row.flat.narrow(1, row.flat.size(1) - 2, 2).fill_(-50);
  const ActionDistribution distribution = policy->Forward(row, observations);
  EXPECT_NEAR(distribution.log_std[0][0][1].item<double>(), std::log(0.1), 1e-6);
  std::vector<Rng> streams = {Rng(3)};
  Rng stream(3), expected(3);
  float action[2], observation = 0;
  const auto actor = policy->MakeActor();
  actor->BeginTrial(row.flat.const_data_ptr<float>(), nullptr);
  actor->Act({.observation = &observation}, stream, false, action);
  const torch::Tensor sampled = SampleActions(distribution, streams, false);
  for (int64_t i = 0; i < 2; ++i) {
    const double drawn = 0.1 * expected.Normal();
    EXPECT_NEAR(action[i], drawn, 1e-7);
    EXPECT_NEAR(sampled[0][0][i].item<double>(), drawn, 1e-7);
  }
}

TEST(SampleActions, ChoicesHaveTheirProbabilities) {
  constexpr int64_t kDraws = 40000;
  const double probabilities[] = {0.1, 0.6, 0.3};
  const torch::Tensor logits =
      torch::tensor({0.1, 0.6, 0.3}, torch::kFloat64).log().view({1, 1, 3}).expand({1, kDraws, 3});
  std::vector<Rng> streams;
  for (uint64_t i = 0; i < kDraws; ++i) streams.push_back(Rng(5).Fork("act", i));
  const torch::Tensor chosen =
      SampleActions(ActionDistribution::Categorical(logits), streams, false);
  for (int choice = 0; choice < 3; ++choice) {
    const double p = probabilities[choice];
    const double frequency = (chosen == choice).to(torch::kFloat64).mean().item<double>();
    EXPECT_NEAR(frequency, p, 4 * std::sqrt(p * (1 - p) / kDraws)) << choice;
  }
}

}  // namespace
}  // namespace fewstep

// MAML with PPO: its meta-gradient against finite differences of algorithm 1 written out, and what
// its options do.
#include <cmath>
#include <tuple>

#include "meta/gradient/gradient_agent.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

constexpr char kSmall[] =
    "meta_batch_size = 5\nepisodes = 3\nhidden = [3]\nshards = 3\ninner_learning_rate = 0.2\n";

std::string Setting(const std::string& key, const std::string& value) {
  return key + " = \"" + value + "\"\n";
}

bool AllFinite(const TensorFile& file) {
  for (const TensorEntry& entry : file.tensors()) {
    if (entry.dtype == DType::kI64) continue;
    if (!SavedTensor(file, entry.name).isfinite().all().item<bool>()) return false;
  }
  return true;
}

// Algorithm 1 of ProMP in double and without shards, on the episodes that the agent's first
// iteration samples. The derivative through the inner loop is left to finite differences.
class Reference {
 public:
  Reference(const std::string& settings, AgentBench& bench) {
    const auto options = AgentOptions("maml-ppo", settings);
    options_ = dynamic_cast<const PpoAgentOptions&>(*options);
    policy_ = MakeMlpPolicy(bench.family().spec(), options_.policy);
    const std::vector<Task> tasks = bench.Tasks(1);
    num_tasks_ = static_cast<int64_t>(tasks.size());
    const auto deployed = DeployOn(bench.agent(), tasks, Rng(0));
    for (int64_t k = 0; k <= options_.adaptation.inner_steps; ++k) {
      const Parameters& rows = deployed->parameters();
      Rollouts rollouts = bench.sampler().Collect(
          *policy_, rows, tasks, {.episodes = static_cast<int>(options_.adaptation.episodes)},
          bench.StreamOf(1).Fork("rollouts", static_cast<uint64_t>(k)));
      const torch::Tensor advantages =
          ComputeAdvantages(rollouts, options_.adaptation.advantage, bench.pool()).advantages;
      Rollouts exact = rollouts;
      for (torch::Tensor* values : {&exact.observations, &exact.actions, &exact.mask}) {
        *values = values->to(torch::kFloat64);
      }
      batches_.push_back(MakePolicyBatch(*policy_, rows.WithFlat(rows.flat.to(torch::kFloat64)),
                                         exact, advantages.to(torch::kFloat64),
                                         options_.adaptation.inner_reduction, 0, num_tasks_));
      deployed->Adapt(rollouts);
    }
  }

  // What the outer loop minimises, as a function of theta [1, P].
  double Loss(const torch::Tensor& theta) const {
    torch::Tensor rows = theta.repeat({num_tasks_, 1});
    double penalty = 0;
    const int64_t inner_steps = options_.adaptation.inner_steps;
    for (int64_t k = 0; k < inner_steps; ++k) {
      const PolicyBatch& batch = batches_[static_cast<size_t>(k)];
      if (options_.outer.kl_penalty != KlPenalty::kNone) {
        penalty += options_.outer.kl_coefficient / static_cast<double>(inner_steps) *
                   MeanKl(Forward(rows, batch), batch).mean().item<double>();
      }
      const torch::Tensor ascent = AutogradGradient(
          [&](const torch::Tensor& x) {
            return SurrogateObjective(options_.adaptation.inner_surrogate,
                                      Forward(x, batch).LogProb(batch.actions), batch)
                .sum();
          },
          rows);
      rows = rows + options_.adaptation.inner_learning_rate * ascent;
    }
    const PolicyBatch& batch = batches_.back();
    const torch::Tensor log_probs = Forward(rows, batch).LogProb(batch.actions);
    return penalty - SurrogateObjective(Surrogate::kClipped, log_probs, batch, options_.outer.clip)
                         .mean()
                         .item<double>();
  }

  torch::Tensor Gradient(const torch::Tensor& theta) const {
    return NumericGradient([&](const torch::Tensor& x) { return Loss(x); }, theta, 1e-6);
  }

 private:
  ActionDistribution Forward(const torch::Tensor& rows, const PolicyBatch& batch) const {
    return policy_->Forward({rows, policy_->layout()}, batch.observations);
  }

  PpoAgentOptions options_;
  std::unique_ptr<MemorylessPolicy> policy_;
  int64_t num_tasks_ = 0;
  std::vector<PolicyBatch> batches_;  // [K + 1]
};

using Case = std::tuple<int, std::string, std::string>;

class MetaGradient : public testing::TestWithParam<Case> {};

TEST_P(MetaGradient, IsThatOfAlgorithm1InEveryEpoch) {
  const auto& [inner_steps, surrogate, kl_penalty] = GetParam();
  const std::string settings =
      kSmall +
      fmt::format("inner_steps = {}\nouter_learning_rate = 0.02\nclip = 0.1\n", inner_steps) +
      "kl_coefficient = 2.0\n" + Setting("inner_surrogate", surrogate) +
      Setting("kl_penalty", kl_penalty) + "inner_reduction = \"episodes\"\n";

  // Adam's first moment is 0.1 g after one epoch and 0.9 of that + 0.1 g after the next
  AgentBench one("maml-ppo", settings + "outer_epochs = 1\n");
  const Reference reference(settings, one);
  const torch::Tensor start = SavedTensor(one.Saved(), "theta").to(torch::kFloat64);
  one.Train(1);
  const TensorFile saved = one.Saved();
  const torch::Tensor moment = SavedTensor(saved, "adam.first").to(torch::kFloat64);
  EXPECT_LT(RelativeDistance(moment / 0.1, reference.Gradient(start)), 1e-3);

  // the second epoch: other parameters, the same episodes; ratios and divergences now matter
  AgentBench two("maml-ppo", settings + "outer_epochs = 2\n");
  const Metrics metrics = two.Train(1);
  const torch::Tensor gradient =
      (SavedTensor(two.Saved(), "adam.first").to(torch::kFloat64) - moment * 0.9) / 0.1;
  const torch::Tensor moved = SavedTensor(saved, "theta").to(torch::kFloat64);
  EXPECT_LT(RelativeDistance(gradient, reference.Gradient(moved)), 2e-3);
  EXPECT_GT(RelativeDistance(gradient, moment / 0.1), 0.02);
  EXPECT_GT(metrics.Get("clip_fraction"), 0.01);
}

INSTANTIATE_TEST_SUITE_P(
    Objectives, MetaGradient,
    testing::Values(Case{0, "likelihood_ratio", "none"}, Case{1, "log_likelihood", "none"},
                    Case{1, "likelihood_ratio", "fixed"}, Case{1, "dice", "adaptive"},
                    Case{2, "log_likelihood", "fixed"}, Case{2, "likelihood_ratio", "none"},
                    Case{2, "dice", "fixed"}),
    [](const auto& test) {
      return fmt::format("{}_{}_{}", std::get<1>(test.param), std::get<0>(test.param),
                         std::get<2>(test.param));
    });

TEST(MamlPpo, FirstOrderIsThePolicyGradientAfterAdaptation) {
  // without an inner rate both orders are plain PPO; with one they differ
  const auto moment = [](const std::string& order, const std::string& rate) {
    AgentBench bench("maml-ppo",
                     "meta_batch_size = 5\nepisodes = 3\nhidden = [3]\n"
                     "outer_epochs = 1\n" +
                         Setting("inner_order", order) + "inner_learning_rate = " + rate + "\n");
    bench.Train(1);
    return SavedTensor(bench.Saved(), "adam.first");
  };
  EXPECT_LT(RelativeDistance(moment("first", "0.0"), moment("second", "0.0")), 1e-5);
  EXPECT_GT(RelativeDistance(moment("first", "0.3"), moment("second", "0.3")), 1e-3);
}

TEST(MamlPpo, EveryCombinationOfOptionsTrains) {
  for (const int inner_steps : {0, 1, 2}) {
    for (const char* order : {"first", "second"}) {
      for (const char* surrogate : {"log_likelihood", "likelihood_ratio", "dice"}) {
        for (const char* kl_penalty : {"none", "fixed", "adaptive"}) {
          const std::string settings =
              kSmall + fmt::format("inner_steps = {}\nouter_epochs = 2\n", inner_steps) +
              Setting("inner_order", order) + Setting("inner_surrogate", surrogate) +
              Setting("kl_penalty", kl_penalty);
          SCOPED_TRACE(settings);
          AgentBench bench("maml-ppo", settings);
          const TensorFile before = bench.Saved();
          for (uint64_t iteration = 1; iteration <= 2; ++iteration) {
            const Metrics metrics = bench.Train(iteration);
            for (const auto& [name, value] : metrics.entries()) {
              EXPECT_TRUE(std::isfinite(value)) << name;
            }
            EXPECT_TRUE(metrics.Has(fmt::format("return_{}", inner_steps)));
            EXPECT_FALSE(metrics.Has(fmt::format("return_{}", inner_steps + 1)));
            EXPECT_EQ(metrics.Has("inner_kl_0"), inner_steps > 0);
          }
          EXPECT_TRUE(AllFinite(bench.Saved()));
          EXPECT_GT(Distance(SavedTensor(before, "theta"), SavedTensor(bench.Saved(), "theta")),
                    1e-4);
        }
      }
    }
  }
}

TEST(MamlPpo, WithoutAStepTheStatisticsAreThoseOfThePoliciesThatSampled) {
  AgentBench bench("maml-ppo", std::string(kSmall) +
                                   "inner_steps = 2\nouter_epochs = 1\n"
                                   "outer_learning_rate = 0.0\n");
  const Metrics metrics = bench.Train(1);
  EXPECT_LT(std::abs(metrics.Get("outer_kl")), 1e-6);
  EXPECT_LT(std::abs(metrics.Get("inner_kl_0")), 1e-6);
  EXPECT_LT(std::abs(metrics.Get("inner_kl_1")), 1e-6);
  EXPECT_EQ(metrics.Get("clip_fraction"), 0);
  // where every ratio is 1 the objective is the mean of normalised advantages
  EXPECT_NEAR(metrics.Get("outer_objective"), 0, 1e-5);
}

// What the last epoch moved shows, and the adaptive penalty goes by it, when it is the only one.
TEST(MamlPpo, TheStatisticsAreThoseAfterTheLastEpoch) {
  AgentBench bench("maml-ppo", kSmall + std::string("inner_steps = 1\nouter_epochs = 1\n"
                                                    "outer_learning_rate = 0.01\n"
                                                    "kl_penalty = \"adaptive\"\n"
                                                    "kl_target = 1e-9\nkl_coefficient = 1.0\n"));
  const Metrics first = bench.Train(1);
  EXPECT_GT(first.Get("outer_kl"), 1e-6);
  EXPECT_GT(first.Get("inner_kl_0"), 1e-6);
  EXPECT_GT(first.Get("outer_objective"), 1e-5);
  EXPECT_EQ(bench.Train(2).Get("kl_coefficient_0"), 2);
}

TEST(MamlPpo, TheAdaptiveCoefficientHalvesAndDoubles) {
  const auto after = [](const std::string& kl_penalty, double target) {
    AgentBench bench("maml-ppo", kSmall +
                                     fmt::format("inner_steps = 2\nkl_coefficient = 0.5\n"
                                                 "outer_learning_rate = 0.01\n"
                                                 "kl_target = {:e}\n",
                                                 target) +
                                     Setting("kl_penalty", kl_penalty));
    const Metrics metrics = bench.Train(1);
    EXPECT_EQ(metrics.Get("kl_coefficient_0"), kl_penalty == "none" ? 0 : 0.5);
    const torch::Tensor coefficients = SavedTensor(bench.Saved(), "kl_coefficients");
    return std::tuple(coefficients[0].item<double>(), coefficients[1].item<double>(),
                      metrics.Get("inner_kl_0"), metrics.Get("inner_kl_1"));
  };
  const auto [large0, large1, kl0, kl1] = after("adaptive", 1e6);
  EXPECT_EQ(large0, 0.25);
  EXPECT_EQ(large1, 0.25);
  EXPECT_GT(kl0, 1e-6);
  EXPECT_GT(kl1, 1e-6);
  EXPECT_EQ(std::get<0>(after("adaptive", 1e-12)), 1);
  EXPECT_EQ(std::get<1>(after("adaptive", 1e-12)), 1);
  // within a factor of 1.5 it stays, and each inner step has its own
  EXPECT_EQ(std::get<0>(after("adaptive", kl0 * 1.49)), 0.5);
  EXPECT_EQ(std::get<0>(after("adaptive", kl0 * 1.51)), 0.25);
  EXPECT_EQ(std::get<0>(after("adaptive", kl0 / 1.49)), 0.5);
  EXPECT_EQ(std::get<0>(after("adaptive", kl0 / 1.51)), 1);
  EXPECT_EQ(std::get<1>(after("adaptive", kl1 / 1.49)), 0.5);
  EXPECT_EQ(std::get<0>(after("fixed", 1e-12)), 0.5);
  EXPECT_EQ(std::get<0>(after("none", 1e-12)), 0);
}

TEST(MamlPpo, ThePenaltyHoldsThePoliciesBack) {
  const auto inner_kl = [](double coefficient) {
    AgentBench bench("maml-ppo",
                     kSmall + fmt::format("kl_penalty = \"fixed\"\nkl_coefficient = {:e}\n"
                                          "outer_learning_rate = 0.01\nouter_epochs = 10\n",
                                          coefficient));
    return bench.Train(1).Get("inner_kl_0");
  };
  EXPECT_LT(inner_kl(100), 0.3 * inner_kl(0));
}

TEST(MamlPpo, AnUpdateThatIsNotFiniteIsRefusedAndNothingOfItStays) {
  // a loss beyond all numbers; a gradient whose square is
  for (const char* coefficient : {"1e300", "1e32"}) {
    const std::string setting =
        fmt::format("kl_penalty = \"fixed\"\nkl_coefficient = {}\n", coefficient);
    AgentBench bench("maml-ppo", kSmall + setting);
    const TensorFile before = bench.Saved();
    try {
      bench.Train(1);
      ADD_FAILURE() << "accepted: " << setting;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kRuntime) << error.what();
    }
    EXPECT_TRUE(bench.Saved() == before) << setting;
    EXPECT_TRUE(AllFinite(bench.Saved())) << setting;
  }
}

TEST(MamlPpo, ADivergedAdaptationIsCountedAndTrainingGoesOn) {
  // an inner step so long that the adapted policies' actions are infinite
  AgentBench bench("maml-ppo",
                   "meta_batch_size = 5\nepisodes = 3\nhidden = [3]\nshards = 3\n"
                   "inner_learning_rate = 1e6\ninner_reduction = \"episodes\"\n");
  EXPECT_GT(bench.Train(1).Get("diverged_episodes"), 0);
  EXPECT_TRUE(AllFinite(bench.Saved()));
}

TEST(MamlPpo, TheRateOfLaterStepsOfAnEvaluationHasAFactor) {
  // theta' - theta of the same episodes, in the first and in the second unit
  const auto moves = [](const std::string& factor) {
    AgentBench bench("maml-ppo", kSmall + ("evaluation_rate_factor = " + factor + "\n"));
    const std::vector<Task> tasks = bench.Tasks(1);
    const auto deployed = DeployOn(bench.agent(), tasks, Rng(0));
    std::vector<torch::Tensor> out;
    for (uint64_t unit = 0; unit < 2; ++unit) {
      const torch::Tensor before = deployed->parameters().flat.clone();
      bench.Adapt(*deployed, tasks, Rng(unit));
      out.push_back(deployed->parameters().flat - before);
    }
    return out;
  };
  const auto plain = moves("1.0"), halved = moves("0.5");
  EXPECT_TRUE(SameBits(plain[0], halved[0]));
  EXPECT_LT(RelativeDistance(halved[1] * 2, plain[1]), 1e-4);
}

}  // namespace
}  // namespace fewstep

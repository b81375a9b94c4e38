// The meta-gradient of a whole trial against finite differences of its exact value: a bandit whose
// arms pay 0 or 1, pulled a few times with an inner step after each pull. Every sequence of pulls
// and rewards is enumerated.
#include <cmath>

#include "meta/gradient/gradient_agent.h"
#include "meta/gradient/meta_objective.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kArms = 3, kPulls = 3;
constexpr double kPays[kArms] = {0.2, 0.7, 0.45};

class Bandit {
 public:
  explicit Bandit(const std::string& settings) : pool_(MakePool(1)), shards_(1, 1, *pool_) {
    Config::ParseText(fmt::format("[agent]\nhidden = []\nbias = false\nepisodes = 1\n"
                                  "inner_steps = {}\ninner_surrogate = \"log_likelihood\"\n"
                                  "baseline = \"constant\"\nbaseline_value = 0.4\n"
                                  "normalize_advantages = false\ninner_learning_rate = 1.5\n{}",
                                  kPulls - 1, settings),
                      "test")
        .Read("agent", options_);
    policy_ = MakeMlpPolicy(SpecOf(1, kArms, ActionKind::kDiscrete), options_.policy);
    adaptation_ =
        std::make_unique<GradientAdaptation>(*policy_, options_.adaptation, *pool_, torch::kCPU);
  }

  torch::Tensor Meta() const {
    const torch::Tensor meta = adaptation_->InitialMeta(Rng(1)).to(torch::kFloat64);
    return meta + Normals(meta.sizes().vec(), 5) * 0.3;
  }

  // Expected return of the pulls that count, and the expected meta-gradient, over all sequences.
  double Value(const torch::Tensor& meta) const {
    double value = 0;
    ForEachSequence(meta, [&](double probability, const std::vector<AdaptationData>& data) {
      const bool trial = options_.objective.outer_returns == OuterReturns::kTrial;
      for (size_t k = trial ? 0 : data.size() - 1; k < data.size(); ++k) {
        value += probability * data[k].returns.item<double>();
      }
    });
    return value;
  }
  torch::Tensor Gradient(const torch::Tensor& meta) const {
    torch::Tensor gradient = torch::zeros_like(meta);
    ForEachSequence(meta, [&](double probability, const std::vector<AdaptationData>& data) {
      const MetaObjective objective(*adaptation_, options_.objective, shards_, data);
      gradient = gradient + objective.Gradient(meta, {}) * probability;
    });
    return gradient;
  }

 private:
  template <typename Visit>
  void ForEachSequence(const torch::Tensor& meta, const Visit& visit) const {
    Visiting<Visit> state{visit, meta, {}};
    Go(state, adaptation_->Start(meta, 1, shards_), 1.0);
  }
  template <typename Visit>
  struct Visiting {
    const Visit& visit;
    torch::Tensor meta;
    std::vector<AdaptationData> data;
  };
  template <typename Visit>
  void Go(Visiting<Visit>& state, const AdaptedRows& adapted, double probability) const {
    if (state.data.size() == kPulls) return state.visit(probability, state.data);
    const torch::Tensor ones = torch::ones({1, 1, 1}, torch::kFloat64);
    const torch::Tensor policy = policy_->Forward(adapted.rows, ones).log_probs.exp();
    for (int64_t arm = 0; arm < kArms; ++arm) {
      for (const double reward : {0.0, 1.0}) {
        PolicyBatch batch{.observations = ones,
                          .actions = ones * static_cast<double>(arm),
                          .advantages = ones[0] * (reward - 0.4),
                          .weights = ones[0],
                          .horizon = 1};
        batch.old_distribution = policy_->Forward(adapted.rows, ones);
        batch.old_log_probs = batch.old_distribution.LogProb(batch.actions);
        state.data.push_back({.batches = {batch}, .returns = ones[0][0] * reward});
        AdaptedRows next = adapted;
        adaptation_->Step(next, state.data.back(), shards_, state.meta);
        const double pays = kPays[arm];
        Go(state, next,
           probability * policy[0][0][arm].item<double>() * (reward == 1.0 ? pays : 1 - pays));
        state.data.pop_back();
      }
    }
  }

  PpoAgentOptions options_;
  std::unique_ptr<WorkerPool> pool_;
  Shards shards_;
  std::unique_ptr<MemorylessPolicy> policy_;
  std::unique_ptr<GradientAdaptation> adaptation_;
};

constexpr char kCredit[] = "exploration_credit = \"exact\"\n";

class TrialGradient : public testing::TestWithParam<std::string> {};

TEST_P(TrialGradient, IsExactWithExplorationCredit) {
  const Bandit bandit(kCredit + GetParam());
  const torch::Tensor meta = bandit.Meta();
  const torch::Tensor truth =
      NumericGradient([&](const torch::Tensor& x) { return bandit.Value(x); }, meta);
  EXPECT_LT(RelativeDistance(bandit.Gradient(meta), truth), 1e-6);
}

TEST_P(TrialGradient, IsNotWithoutIt) {
  const Bandit bandit(GetParam());
  const torch::Tensor meta = bandit.Meta();
  const torch::Tensor truth =
      NumericGradient([&](const torch::Tensor& x) { return bandit.Value(x); }, meta);
  EXPECT_GT(RelativeDistance(bandit.Gradient(meta), truth), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(
    Settings, TrialGradient,
    testing::Values("outer_returns = \"trial\"\n", "outer_returns = \"last\"\n",
                    "outer_returns = \"trial\"\nlearn_inner_rates = true\n",
                    "outer_returns = \"trial\"\ninner_optimizer = \"momentum\"\n"));

}  // namespace
}  // namespace fewstep

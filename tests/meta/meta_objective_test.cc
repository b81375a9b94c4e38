// The meta-objective in double precision, against finite differences of itself on fixed data and
// against its definition written out.
#include "meta/gradient/meta_objective.h"

#include "meta/gradient/gradient_agent.h"
#include "meta/gradient/outer_optimizer.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTasks = 4, kEpisodes = 3, kHorizon = 5, kSize = 3;

// A policy, an inner loop and the data of one iteration, sampled as an agent samples and then taken
// to double precision. Returns depend on actions, so that everything has a gradient.
class Problem {
 public:
  explicit Problem(const std::string& settings, bool discrete = false)
      : pool_(MakePool(2)), shards_(kTasks, 3, *pool_) {
    Config::ParseText("[agent]\nhidden = [4]\n" + settings, "test").Read("agent", options_);
    policy_ =
        MakeMlpPolicy(SpecOf(kSize, 2, discrete ? ActionKind::kDiscrete : ActionKind::kContinuous),
                      options_.policy);
    adaptation_ =
        std::make_unique<GradientAdaptation>(*policy_, options_.adaptation, *pool_, torch::kCPU);
    meta_ = adaptation_->InitialMeta(Rng(3)).to(torch::kFloat64);

    AdaptedRows adapted = adaptation_->Start(meta_, kTasks, shards_);
    for (int64_t k = 0; k <= options_.adaptation.inner_steps; ++k) {
      data_.push_back(Sample(adapted.rows, static_cast<uint64_t>(k)));
      if (k < options_.adaptation.inner_steps) {
        adaptation_->Step(adapted, data_.back(), shards_, meta_);
      }
    }
    adapted_ = adapted.rows.flat;
  }

  MetaObjective objective() const {
    return MetaObjective(*adaptation_, options_.objective, shards_, data_);
  }
  const torch::Tensor& meta() const { return meta_; }
  const torch::Tensor& adapted() const { return adapted_; }
  const TrustRegionAgentOptions& options() const { return options_; }
  const std::vector<AdaptationData>& data() const { return data_; }
  const Shards& shards() const { return shards_; }
  const GradientAdaptation& adaptation() const { return *adaptation_; }
  // Away from where the data were sampled.
  torch::Tensor moved() const { return meta_ + Normals(meta_.sizes().vec(), 9) * 0.05; }

 private:
  AdaptationData Sample(const Parameters& rows, uint64_t k) const {
    const Rng rng(100 + k);
    Rollouts r = BlankRollouts({{5, 5, 4}, {5, 3, 5}, {2, 5, 5}, {5, 5, 5}}, kHorizon, kSize, 2);
    r.observations = Normals({kTasks, kEpisodes, kHorizon, kSize}, 11 + k);
    const torch::Tensor flat = r.observations.view({kTasks, kEpisodes * kHorizon, kSize});
    const ActionDistribution distribution = policy_->Forward(rows, flat);
    if (distribution.kind == ActionDistribution::Kind::kGaussian) {
      const torch::Tensor noise = Normals(distribution.mean.sizes().vec(), 21 + k);
      r.actions = (distribution.mean + noise * distribution.log_std.exp())
                      .view({kTasks, kEpisodes, kHorizon, 2});
      r.rewards = r.actions.select(3, 0).sin() + Normals({kTasks, kEpisodes, kHorizon}, 31 + k);
    } else {
      r.actions = (Normals({kTasks, kEpisodes, kHorizon, 1}, 21 + k) > 0).to(torch::kFloat64);
      r.rewards = r.actions.select(3, 0) + Normals({kTasks, kEpisodes, kHorizon}, 31 + k);
    }
    r.rewards = r.rewards * r.mask;
    // advantages are computed from single precision, the batch keeps double
    Rollouts single = r;
    for (torch::Tensor* values : {&single.observations, &single.actions, &single.rewards}) {
      *values = values->to(torch::kFloat32).contiguous();
    }
    AdaptationData data =
        adaptation_->Prepare(single, rows.WithFlat(rows.flat.to(torch::kFloat32)), shards_);
    const torch::Tensor advantages =
        ComputeAdvantages(single, options_.adaptation.advantage, *pool_)
            .advantages.to(torch::kFloat64);
    r.mask = r.mask.to(torch::kFloat64);
    for (const Shard& shard : shards_) {
      data.batches[shard.index] =
          MakePolicyBatch(*policy_, rows.Rows(shard.begin, shard.end), r, advantages,
                          options_.adaptation.inner_reduction, shard.begin, shard.end);
    }
    return data;
  }

  TrustRegionAgentOptions options_;
  std::unique_ptr<WorkerPool> pool_;
  Shards shards_;
  std::unique_ptr<MemorylessPolicy> policy_;
  std::unique_ptr<GradientAdaptation> adaptation_;
  torch::Tensor meta_, adapted_;
  std::vector<AdaptationData> data_;
};

const char* const kSettings[] = {
    "inner_steps = 0\n",
    "inner_steps = 1\n",
    "inner_steps = 1\ninner_surrogate = \"dice\"\n",
    "inner_steps = 3\ninner_surrogate = \"log_likelihood\"\n",
    "inner_steps = 2\ninner_optimizer = \"momentum\"\n",
    "inner_steps = 2\ninner_optimizer = \"adam\"\ninner_learning_rate = 0.02\n",
    "inner_steps = 2\nlearn_inner_rates = true\n",
    "inner_steps = 2\nadapted = \"head\"\n",
    "inner_steps = 2\nadapted = \"head\"\nlearn_inner_rates = true\n",
    "inner_steps = 2\nadapted = \"context\"\ncontext_size = 2\ninner_learning_rate = 1.0\n",
    "inner_steps = 2\nouter_returns = \"trial\"\n",
    "inner_steps = 2\nexploration_credit = \"exact\"\ninner_surrogate = \"log_likelihood\"\n",
    "inner_steps = 3\nexploration_credit = \"exact\"\nouter_returns = \"trial\"\n"
    "inner_surrogate = \"log_likelihood\"\n",
    "inner_steps = 1\nexploration_credit = \"mean\"\n",
};

class MetaGradientOf : public testing::TestWithParam<const char*> {};

TEST_P(MetaGradientOf, TheObjectiveIsThatOfFiniteDifferences) {
  using Kind = Surrogate;
  for (const bool discrete : {false, true}) {
    const Problem problem(GetParam(), discrete);
    const MetaObjective objective = problem.objective();
    for (const Kind kind :
         {Kind::kLogLikelihood, Kind::kLikelihoodRatio, Kind::kDice, Kind::kClipped}) {
      ObjectiveForm surrogate{.surrogate = kind, .clip = 0.05};
      // not where ratios are 1 and the clipped objective has a corner
      const torch::Tensor point = problem.moved();
      const torch::Tensor numeric = problem.adaptation().Trained(NumericGradient(
          [&](const torch::Tensor& x) { return objective.Values(x, surrogate).objective; }, point));
      ObjectiveValues values;
      const torch::Tensor gradient = objective.Gradient(point, surrogate, &values);
      EXPECT_LT(RelativeDistance(gradient, numeric), 2e-6) << static_cast<int>(kind);
      EXPECT_NEAR(values.objective, objective.Values(point, surrogate).objective, 1e-12);
    }
  }
}

TEST_P(MetaGradientOf, TheKlPenaltyIsSubtracted) {
  const Problem problem(GetParam());
  const size_t inner = static_cast<size_t>(problem.options().adaptation.inner_steps);
  if (inner == 0) return;
  const MetaObjective objective = problem.objective();
  ObjectiveForm plain, penalised;
  for (size_t k = 0; k < inner; ++k) penalised.kl_coefficients.push_back(0.5 + double(k));
  const torch::Tensor point = problem.moved();
  const torch::Tensor numeric = problem.adaptation().Trained(NumericGradient(
      [&](const torch::Tensor& x) {
        const ObjectiveValues values = objective.Values(x, penalised);
        double sum = 0;
        for (size_t k = 0; k < inner; ++k) {
          sum += penalised.kl_coefficients[k] * values.inner_kl[k] / static_cast<double>(inner);
        }
        return sum;
      },
      point));
  const torch::Tensor difference =
      objective.Gradient(point, plain) - objective.Gradient(point, penalised);
  EXPECT_LT(RelativeDistance(difference, numeric), 1e-6);
}

TEST_P(MetaGradientOf, ProductsWithTheHessianOfTheDivergenceAreExact) {
  const Problem problem(GetParam());
  const MetaObjective objective = problem.objective();
  // also where it is not the Fisher matrix
  for (const torch::Tensor& point : {problem.meta(), problem.moved()}) {
    const LinearMap hessian = objective.HessianOfKl(point);
    const torch::Tensor v = problem.adaptation().Trained(Normals(point.sizes().vec(), 41)).detach();
    const torch::Tensor w = problem.adaptation().Trained(Normals(point.sizes().vec(), 42)).detach();
    const auto kl = [&](double a, double b) {
      return objective.Values(point + v * a + w * b, {}).kl;
    };
    const double h = 2e-4;
    const double numeric = (kl(h, h) - kl(h, -h) - kl(-h, h) + kl(-h, -h)) / (4 * h * h);
    const torch::Tensor product = hessian(v);
    const double exact = (product * w).sum().item<double>();
    EXPECT_NEAR(exact, numeric, 1e-4 * std::max(1.0, std::abs(numeric)));
    EXPECT_NEAR(exact, (hessian(w) * v).sum().item<double>(),
                1e-9 * std::max(1.0, std::abs(exact)));
    EXPECT_LT(Distance(product * 2, hessian(v * 2)), 1e-9 * product.abs().max().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Settings, MetaGradientOf, testing::ValuesIn(kSettings));

TEST(MetaObjective, BeginsWhereTheDataWereSampled) {
  const Problem problem("inner_steps = 2\nouter_returns = \"trial\"\n");
  const ObjectiveValues values = problem.objective().Values(problem.meta(), {});
  EXPECT_NEAR(values.kl, 0, 1e-13);
  EXPECT_NEAR(values.inner_kl[0], 0, 1e-13);
  EXPECT_NEAR(values.inner_kl[1], 0, 1e-13);
  EXPECT_EQ(values.clip_fraction, 0);
}

// mean over tasks of credit[t] * grad of `weigh` of the log-probabilities of task t's D_0.
torch::Tensor CreditedScore(const Problem& problem, const torch::Tensor& credit,
                            const std::function<torch::Tensor(const torch::Tensor& log_probs,
                                                              const torch::Tensor& mask)>& weigh) {
  torch::Tensor sum = torch::zeros_like(problem.meta());
  for (const Shard& shard : problem.shards()) {
    const PolicyBatch& batch = problem.data()[0].batches[shard.index];
    for (int64_t t = shard.begin; t < shard.end; ++t) {
      const torch::Tensor score = AutogradGradient(
          [&](const torch::Tensor& theta) {
            const MemorylessPolicy& policy = problem.adaptation().policy();
            const Parameters rows{theta.expand({shard.end - shard.begin, -1}), policy.layout()};
            const torch::Tensor log_probs =
                policy.Forward(rows, batch.observations).LogProb(batch.actions);
            const int64_t row = t - shard.begin;
            return weigh(log_probs[row], batch.weights[row] != 0);
          },
          problem.meta());
      sum = sum + score * credit[t].item<double>() / double(kTasks);
    }
  }
  return sum;
}

// What the credit adds to the meta-gradient.
torch::Tensor CreditOf(const Problem& with, const Problem& without) {
  return with.objective().Gradient(with.meta(), {}) -
         without.objective().Gradient(without.meta(), {});
}

TEST(MetaObjective, ExactCreditIsTheScoreOfTheDataTimesWhatFollows) {
  const std::string settings = "inner_steps = 1\ninner_surrogate = \"log_likelihood\"\n";
  const Problem with(settings + "exploration_credit = \"exact\"\n"), without(settings);
  const torch::Tensor returns = with.data()[1].returns;
  const torch::Tensor others = (returns.sum() - returns) / (kTasks - 1);
  const torch::Tensor expected = CreditedScore(
      with, returns - others,
      [](const auto& log_probs, const auto& mask) { return (log_probs * mask).sum(); });
  EXPECT_LT(RelativeDistance(CreditOf(with, without), expected), 1e-9);
}

TEST(MetaObjective, MeanCreditIsThatOfPublishedCode) {
  // of D_0 alone, in two inner steps: mean log-probability times standardised mean reward of D_2
  const std::string settings = "inner_steps = 2\ninner_surrogate = \"log_likelihood\"\n";
  const Problem with(settings + "exploration_credit = \"mean\"\n"), without(settings);
  const torch::Tensor expected = CreditedScore(
      with, with.data().back().standard_rewards,
      [](const auto& log_probs, const auto& mask) { return log_probs.masked_select(mask).mean(); });
  EXPECT_LT(RelativeDistance(CreditOf(with, without), expected), 1e-9);

  // its trust region bounds the divergence after adaptation alone, where exact credit counts all
  const torch::Tensor point = with.moved();
  EXPECT_NEAR(with.objective().Values(point, {}).kl, without.objective().Values(point, {}).kl,
              1e-12);
  const Problem exact(settings + "exploration_credit = \"exact\"\n");
  EXPECT_GT(exact.objective().Values(point, {}).kl, 1.5 * with.objective().Values(point, {}).kl);
}

TEST(MetaObjective, RewardsAreStandardisedOverAllStepsOfAllTasks) {
  const auto pool = MakePool(1);
  const auto policy = MakeMlpPolicy(SpecOf(1, 1, ActionKind::kContinuous), {});
  const GradientAdaptation adaptation(*policy, {}, *pool, torch::kCPU);
  Rollouts r = BlankRollouts({{2, 1}, {1, 2}}, 2, 1, 1);
  // task 0: 1, 2 and 3; task 1: 4, 6 and 8: mean 4, variance 34 / 6
  r.rewards[0][0][0] = 1, r.rewards[0][0][1] = 2, r.rewards[0][1][0] = 3;
  r.rewards[1][0][0] = 4, r.rewards[1][1][0] = 6, r.rewards[1][1][1] = 8;
  const Parameters row = policy->InitialParameters(Rng(1));
  const AdaptationData data =
      adaptation.Prepare(r, row.WithFlat(row.flat.repeat({2, 1})), Shards(2, 1, *pool));
  EXPECT_NEAR(data.standard_rewards[0].item<double>(), -2 / std::sqrt(34.0 / 6), 1e-7);
  EXPECT_NEAR(data.standard_rewards[1].item<double>(), 2 / std::sqrt(34.0 / 6), 1e-7);
}

TEST(MetaObjective, TheReturnsAreDiscountedFromTheStart) {
  const Problem problem("inner_steps = 0\ndiscount = 0.5\n");
  const Problem undiscounted("inner_steps = 0\ndiscount = 1.0\n");
  EXPECT_GT(Distance(problem.data()[0].returns, undiscounted.data()[0].returns), 1e-2);
}

TEST(MetaObjective, AContextIsNotTrained) {
  const Problem problem("inner_steps = 1\nadapted = \"context\"\ncontext_size = 2\n");
  const torch::Tensor mask =
      problem.adaptation().policy().layout()->Mask(ParameterRole::kContext) > 0;
  const torch::Tensor gradient = problem.objective().Gradient(problem.meta(), {});
  EXPECT_EQ(gradient.masked_select(mask).abs().max().item<double>(), 0);
  EXPECT_GT(gradient.abs().max().item<double>(), 1e-3);
  // and nothing but the context adapts
  const torch::Tensor moved = (problem.adapted() - problem.meta()).abs().sum(0, true);
  EXPECT_EQ(moved.masked_select(~mask).max().item<double>(), 0);
  EXPECT_GT(moved.masked_select(mask).min().item<double>(), 1e-6);
}

TEST(MetaObjective, OnlyTheHeadAdaptsAndEverythingIsTrained) {
  const Problem problem("inner_steps = 1\nadapted = \"head\"\n");
  const torch::Tensor mask = problem.adaptation().policy().layout()->Mask(ParameterRole::kHead) > 0;
  const torch::Tensor moved = (problem.adapted() - problem.meta()).abs().sum(0, true);
  EXPECT_EQ(moved.masked_select(~mask).max().item<double>(), 0);
  EXPECT_GT(moved.masked_select(mask).min().item<double>(), 1e-6);
  const torch::Tensor gradient = problem.objective().Gradient(problem.meta(), {});
  EXPECT_GT(gradient.masked_select(~mask).abs().max().item<double>(), 1e-3);
}

TEST(MetaObjective, TheContextMustBeThere) {
  try {
    const Problem problem("adapted = \"context\"\n");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_EQ(error.context().key, "agent.adapted");
  }
}

// A trust-region step.
class TrustRegionStep : public testing::TestWithParam<const char*> {};

TEST_P(TrustRegionStep, ImprovesWithinTheBound) {
  const Problem problem(GetParam());
  const MetaObjective objective = problem.objective();
  for (const double max_kl : {1e-4, 1e-2, 0.1}) {
    TrustRegionOptions options;
    options.max_kl = max_kl;
    Metrics metrics;
    const auto outer = MakeTrustRegion(options);
    const torch::Tensor improved = outer->Improve(problem.meta(), objective, metrics);
    const ObjectiveValues before = objective.Values(problem.meta(), outer->form());
    const ObjectiveValues after = objective.Values(improved, outer->form());
    EXPECT_LE(after.kl, max_kl);
    EXPECT_GT(after.objective, before.objective);
    EXPECT_NEAR(metrics.Get("outer_kl"), after.kl, 1e-12);
    EXPECT_NEAR(metrics.Get("outer_improvement"), after.objective - before.objective, 1e-12);
    EXPECT_GT(metrics.Get("step_fraction"), 0);
    // a small step is as long as its quadratic model says
    if (max_kl == 1e-4 && metrics.Get("step_fraction") == 1) {
      EXPECT_GT(after.kl, 0.8 * max_kl);
    }
  }
}

TEST_P(TrustRegionStep, FollowsTheNaturalGradient) {
  // H s = g to the accuracy of as many conjugate gradients as there are parameters
  const Problem problem(GetParam());
  const MetaObjective objective = problem.objective();
  TrustRegionOptions options;
  options.max_kl = 1e-8;
  options.cg_damping = 1e-2;
  options.cg_iterations = 500;
  Metrics metrics;
  const torch::Tensor step =
      MakeTrustRegion(options)->Improve(problem.meta(), objective, metrics) - problem.meta();
  const auto hessian = objective.HessianOfKl(problem.meta());
  const torch::Tensor image = hessian(step) + step * options.cg_damping;
  const torch::Tensor gradient = objective.Gradient(problem.meta(), {});
  const double cosine =
      ((image * gradient).sum() / (image.norm() * gradient.norm())).item<double>();
  EXPECT_GT(cosine, 1 - 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Settings, TrustRegionStep,
                         testing::Values(kSettings[0], kSettings[1], kSettings[3], kSettings[6],
                                         kSettings[9], kSettings[10]));

TEST(TrustRegion, StaysWhereNoStepImproves) {
  // a gradient of zero: no advantages
  Problem problem("inner_steps = 1\n");
  std::vector<AdaptationData> data = problem.data();
  for (PolicyBatch& batch : data.back().batches) batch.advantages = batch.advantages * 0;
  const MetaObjective objective(problem.adaptation(), {}, problem.shards(), data);
  Metrics metrics;
  const torch::Tensor improved = MakeTrustRegion({})->Improve(problem.meta(), objective, metrics);
  EXPECT_TRUE(SameBits(improved, problem.meta()));
  EXPECT_EQ(metrics.Get("step_fraction"), 0);
  EXPECT_EQ(metrics.Get("outer_improvement"), 0);
}

}  // namespace
}  // namespace fewstep

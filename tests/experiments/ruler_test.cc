// The ruler against closed forms, exact optima and published figures.
#include "experiments/ruler.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/log.h"

namespace fewstep {
namespace {

Ruler Measure(const std::string& family, int64_t arms, int64_t episodes, int trials,
              std::vector<std::string> agents = {}) {
  SetLogLevel(LogLevel::kQuiet);
  RulerOptions options{.family = family, .trials = trials, .agents = std::move(agents)};
  options.family_options.arms = arms;
  options.family_options.trial_episodes = episodes;
  return MeasureRuler(options);
}

const RulerRow& Row(const Ruler& ruler, const std::string& agent) {
  return *std::ranges::find(ruler.rows, agent, &RulerRow::agent);
}

TEST(Ruler, TenPullsOfFiveArms) {
  const Ruler ruler = Measure("bandit-bernoulli@rl2", 5, 10, 4000);
  ASSERT_TRUE(ruler.ceiling);
  EXPECT_NEAR(*ruler.ceiling, 6.660, 5e-4);
  EXPECT_EQ(ruler.random, 5);
  EXPECT_EQ(ruler.rows.size(), 10u);  // both indices, both kinds of optimism
  for (const RulerRow& row : ruler.rows) {
    EXPECT_EQ(row.trial.episodes, 10);
    if (row.agent == "value-iteration") continue;
    EXPECT_LT(row.trial.mean.point, *ruler.ceiling + 3 * row.trial.standard_error) << row.agent;
  }
  const RulerRow& random = Row(ruler, "random");
  EXPECT_NEAR(random.trial.mean.point, 5, 3 * random.trial.standard_error);
  // the published cells are of 1,000 trials and one decimal: half the error of ours, and theirs
  for (const char* agent : {"random", "thompson", "gittins"}) {
    const RulerRow& row = Row(ruler, agent);
    ASSERT_TRUE(row.published) << agent;
    EXPECT_NEAR(row.trial.mean.point, row.published->value,
                2 * std::hypot(1, 2) * row.trial.standard_error + 0.05)
        << agent;
  }
  // the finite-horizon index loses next to nothing here
  const RulerRow& gittins = Row(ruler, "gittins");
  EXPECT_NEAR(gittins.trial.mean.point, *ruler.ceiling, 3 * gittins.trial.standard_error);
  const RulerRow& oracle = Row(ruler, "value-iteration");
  EXPECT_NEAR(oracle.trial.mean.point, ruler.optimum, 3 * oracle.trial.standard_error);
  // the largest of five uniform numbers
  EXPECT_NEAR(ruler.optimum, 10 * 5.0 / 6, 4 * ruler.optimum_error);
}

TEST(Ruler, ThompsonSamplingOfAHundredPulls) {
  const Ruler ruler = Measure("bandit-bernoulli@rl2", 5, 100, 1000, {"thompson"});
  ASSERT_EQ(ruler.rows.size(), 1u);
  const RulerRow& row = ruler.rows[0];
  EXPECT_NEAR(row.trial.mean.point, 74.7, 2 * std::sqrt(2) * row.trial.standard_error + 0.05);
  EXPECT_FALSE(ruler.ceiling);
}

TEST(Ruler, TabularProcesses) {
  const Ruler ruler = Measure("tabular-mdp@rl2", 0, 10, 400, {"random", "psrl", "value-iteration"});
  const RulerRow& random = Row(ruler, "random");
  EXPECT_EQ(ruler.random, 100);
  EXPECT_NEAR(random.trial.mean.point, 100, 3 * random.trial.standard_error);
  EXPECT_NEAR(ruler.optimum / 10, 21.82, 3 * ruler.optimum_error / 10 + 0.02);
  EXPECT_NEAR(ruler.discounted_optimum / 10, 20.87, 3 * ruler.discounted_error / 10 + 0.02);
  const RulerRow& oracle = Row(ruler, "value-iteration");
  EXPECT_NEAR(oracle.trial.mean.point, ruler.optimum, 3);
  const RulerRow& psrl = Row(ruler, "psrl");
  ASSERT_TRUE(psrl.published);
  EXPECT_EQ(psrl.published->value, .665);
  // how it was tuned is not published: near, and between acting at random and knowing
  EXPECT_NEAR(psrl.comparable, .665, .06);
}

TEST(Ruler, SaysWhatItIs) {
  const Ruler ruler = Measure("bandit-bernoulli@rl2", 3, 4, 50);
  const std::string text = RulerText(ruler);
  for (const char* part :
       {"thompson", "constant=", "index=finite-horizon", "index=discounted, discount=0.75",
        "variant=clipped", "mean 2.\n", "Bayes-adaptive optimum", "3 arms"}) {
    EXPECT_THAT(text, testing::HasSubstr(part));
  }
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("Published")));  // no such cell
  EXPECT_EQ(RulerText(Measure("bandit-bernoulli@rl2", 3, 4, 50)), text);
}

TEST(Ruler, RefusesWhatItCannotMeasure) {
  EXPECT_THROW(Measure("point-nav@maml", 0, 0, 10), Error);
  EXPECT_THROW(Measure("tabular-mdp@rl2", 5, 0, 10), Error);
  EXPECT_THROW(Measure("bandit-bernoulli@rl2", 5, 10, 10, {"thomson"}), Error);
  EXPECT_THROW(Measure("bandit-gaussian@maml", 5, 10, 10, {"gittins"}), Error);
}

TEST(EvaluationUnits, FillTheTrial) {
  FamilySpec spec;
  EXPECT_EQ(EvaluationUnits({.units = -1}, spec, 20), 3);
  EXPECT_EQ(EvaluationUnits({.units = 7}, spec, 20), 7);
  spec.trial_episodes = 10;
  EXPECT_EQ(EvaluationUnits({.units = -1}, spec, 1), 9);
  EXPECT_EQ(EvaluationUnits({.units = -1}, spec, 5), 1);
  EXPECT_EQ(EvaluationUnits({.units = -1}, spec, 4), 2);
  EXPECT_EQ(EvaluationUnits({.units = -1}, spec, 20), 0);
}

}  // namespace
}  // namespace fewstep

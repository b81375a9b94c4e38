// The ruler against closed forms, exact optima and published figures.
#include "experiments/studies/ruler.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/log.h"
#include "envs/families/bandits/bandits.h"
#include "experiments/studies/ruler_rules.h"
#include "meta/baselines/baselines.h"
#include "meta/meta_agent.h"

namespace fewstep {
namespace {

Ruler Measure(const std::string& family, int64_t arms, int64_t episodes, int trials,
              std::vector<std::string> agents = {}) {
  SetLogLevel(LogLevel::kQuiet);
  return MeasureRuler({.family = family,
                       .arms = arms,
                       .episodes = episodes,
                       .trials = trials,
                       .agents = std::move(agents)},
                      BuiltinCatalog());
}

const RulerRow& Row(const Ruler& ruler, const std::string& agent) {
  return *std::ranges::find(ruler.rows, agent, &RulerRow::agent);
}

const RulerRow& Row(const Ruler& ruler, const std::string& agent, const std::string& constant) {
  const auto found = std::ranges::find_if(ruler.rows, [&](const RulerRow& row) {
    return row.agent == agent && row.constant == constant;
  });
  EXPECT_NE(found, ruler.rows.end()) << agent << " " << constant;
  return *found;
}

FamilySpec Spec(const std::string& family, int64_t arms, int64_t episodes) {
  BanditOptions options;
  options.arms = arms;
  options.trial_episodes = episodes;
  return BuiltinFamilies().Make(family, options)->spec();
}

TEST(PublishedCells, AreOfTheirFamilies) {
  const PublishedCell cell = PublishedCellOf(Spec("bandit-bernoulli@rl2", 50, 500), "ucb1").value();
  EXPECT_EQ(cell.value, 457.6);
  EXPECT_EQ(cell.rounding, 0.05);
  EXPECT_EQ(PublishedCellOf(Spec("tabular-mdp@rl2", 0, 25), "psrl").value().value, .788);
  // other sizes, other arms, and agents without a column
  EXPECT_FALSE(PublishedCellOf(Spec("bandit-bernoulli@rl2", 50, 501), "ucb1"));
  EXPECT_FALSE(PublishedCellOf(Spec("bandit-gaussian@maml", 5, 10), "ucb1"));
  EXPECT_FALSE(PublishedCellOf(Spec("tabular-mdp@rl2", 0, 25), "greedy"));
  EXPECT_FALSE(PublishedCellOf(Spec("bandit-bernoulli@rl2", 5, 10), "value-iteration"));
}

TEST(PublishedCells, AreMeansOfTrialsThemselves) {
  const PublishedCell cell{.value = 10, .rounding = 0.05};
  // as many trials as were published: both means are as noisy, and 3 apart are 3 / sqrt(2) errors
  EXPECT_DOUBLE_EQ(DifferenceInErrors(cell, 13.05, 1, kPublishedTrials), 3 / std::sqrt(2));
  EXPECT_DOUBLE_EQ(DifferenceInErrors(cell, 6.95, 1, kPublishedTrials), -3 / std::sqrt(2));
  // a hundred times as many: the published mean is ten times as noisy as ours
  EXPECT_DOUBLE_EQ(PublishedError(0.1, 100 * kPublishedTrials), 1);
  EXPECT_DOUBLE_EQ(DifferenceInErrors(cell, 13.05, 0.1, 100 * kPublishedTrials),
                   3 / std::sqrt(1.01));
  // within the rounding there is no difference
  EXPECT_EQ(DifferenceInErrors(cell, 10.04, 1, kPublishedTrials), 0);
}

TEST(RulerRules, OnlyAsPublishedWhereSomethingIsPublished) {
  const auto labels = [](const FamilySpec& spec, const std::string& agent) {
    std::vector<std::string> result;
    for (const RulerRule& rule : RulerRules(spec, {agent})) {
      result.push_back(SettingsLabel(rule.settings) + (rule.as_published ? "*" : ""));
    }
    return result;
  };
  using Labels = std::vector<std::string>;
  const FamilySpec published = Spec("bandit-bernoulli@rl2", 5, 100);
  EXPECT_EQ(labels(published, "greedy"), (Labels{"", "ties=lowest*"}));
  EXPECT_EQ(labels(published, "optimistic-thompson"),
            (Labels{"", "variant=clipped", "variant=likeliest, samples=20*"}));
  EXPECT_EQ(labels(published, "thompson"), Labels{"*"});
  const FamilySpec other = Spec("bandit-bernoulli@rl2", 5, 99);
  EXPECT_EQ(labels(other, "greedy"), Labels{""});
  EXPECT_EQ(labels(other, "optimistic-thompson"), (Labels{"", "variant=clipped"}));
  EXPECT_EQ(labels(other, "thompson"), Labels{"*"});
  const FamilySpec process = Spec("tabular-mdp@rl2", 0, 10);
  EXPECT_EQ(labels(process, "epsilon-greedy"),
            (Labels{"", "model=frequencies, reward_prior_mean=0*"}));
  EXPECT_EQ(labels(process, "greedy"), Labels{""});
}

TEST(RulerRules, WhoIsOnRecordIsAnAgent) {
  const auto plays = [](const FamilySpec& spec, std::string_view agent) {
    const std::vector<std::string> names = BaselinesOf(spec);
    return std::ranges::find(names, agent) != names.end();
  };
  const FamilySpec bandit = Spec("bandit-bernoulli@rl2", 5, 10);
  const FamilySpec process = Spec("tabular-mdp@rl2", 0, 10);
  for (const std::string_view agent : AgentsOnRecord()) {
    EXPECT_TRUE(plays(bandit, agent) || plays(process, agent)) << agent;
    // no figure of what it does not play
    EXPECT_TRUE(plays(bandit, agent) || !PublishedCellOf(bandit, agent)) << agent;
    EXPECT_TRUE(plays(process, agent) || !PublishedCellOf(process, agent)) << agent;
  }
}

TEST(RulerRules, GridsStartWithTheSmallestValue) {
  int grids = 0;
  for (const FamilySpec& spec :
       {Spec("bandit-bernoulli@rl2", 5, 10), Spec("tabular-mdp@rl2", 0, 10)}) {
    for (const RulerRule& rule : RulerRules(spec, {})) {
      EXPECT_EQ(rule.key.empty(), rule.grid.empty());
      if (rule.grid.empty()) continue;
      ++grids;
      const auto read = [&](const std::string& value) {
        const auto options = BuiltinAgents().Get(rule.agent).make_options();
        Config::ParseText("[agent]\n" + rule.key + " = " + value, "grid").Read("agent", *options);
      };
      const bool whole = rule.grid.front().find('.') == std::string::npos;
      EXPECT_THROW(read(whole ? std::to_string(std::stoi(rule.grid.front()) - 1)
                              : std::to_string(std::stod(rule.grid.front()) - 1e-3)),
                   Error)
          << rule.agent;
      for (size_t i = 0; i < rule.grid.size(); ++i) {
        EXPECT_NO_THROW(read(rule.grid[i])) << rule.agent << " " << rule.grid[i];
        if (i == 0) continue;
        EXPECT_LT(std::stod(rule.grid[i - 1]), std::stod(rule.grid[i])) << rule.agent;
      }
      if (rule.constant.empty()) continue;
      EXPECT_THAT(rule.grid, testing::Contains(rule.constant)) << rule.agent;
    }
  }
  EXPECT_EQ(grids, 4 + 6);
}

TEST(Ruler, TenPullsOfFiveArms) {
  const Ruler ruler = Measure("bandit-bernoulli@rl2", 5, 10, 4000);
  ASSERT_TRUE(ruler.ceiling);
  EXPECT_NEAR(*ruler.ceiling, 6.660, 5e-4);
  EXPECT_EQ(ruler.random, 5);
  // both indices, both kinds of optimism, and three rules as they were published
  EXPECT_EQ(ruler.rows.size(), 13u);
  for (const RulerRow& row : ruler.rows) {
    EXPECT_EQ(row.trial.episodes, 10);
    if (row.agent == "value-iteration") continue;
    EXPECT_LT(row.trial.mean.point, *ruler.ceiling + 3 * row.trial.standard_error) << row.agent;
  }
  const RulerRow& random = Row(ruler, "random");
  EXPECT_NEAR(random.trial.mean.point, 5, 3 * random.trial.standard_error);
  // every rule as it was published meets its cell; no other rule is compared
  int compared = 0;
  for (const RulerRow& row : ruler.rows) {
    EXPECT_EQ(row.published.has_value(), row.difference.has_value());
    if (!row.published) continue;
    ++compared;
    EXPECT_DOUBLE_EQ(row.published_error, row.trial.standard_error * std::sqrt(4000.0 / 1000));
    EXPECT_EQ(*row.difference, DifferenceInErrors(*row.published, row.trial.mean.point,
                                                  row.trial.standard_error, 4000));
    EXPECT_LT(std::abs(*row.difference), 2.5) << row.agent << " " << row.constant;
  }
  EXPECT_EQ(compared, 8);
  EXPECT_FALSE(Row(ruler, "greedy", "").published);
  EXPECT_TRUE(Row(ruler, "greedy", "ties=lowest").published);
  EXPECT_FALSE(Row(ruler, "epsilon-greedy", "epsilon=0.05").published);
  EXPECT_TRUE(Row(ruler, "epsilon-greedy", "ties=lowest, epsilon=0.05").published);
  EXPECT_TRUE(Row(ruler, "optimistic-thompson", "variant=likeliest, samples=20").published);
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
  EXPECT_FALSE(Row(ruler, "psrl", "").published);
  const RulerRow& psrl = Row(ruler, "psrl", "reward_prior_mean=0");
  ASSERT_TRUE(psrl.published);
  EXPECT_EQ(psrl.published->value, .665);
  EXPECT_DOUBLE_EQ(psrl.comparable, psrl.trial.mean.point / ruler.discounted_optimum);
  EXPECT_DOUBLE_EQ(psrl.published_error,
                   psrl.trial.standard_error / ruler.discounted_optimum * std::sqrt(400.0 / 1000));
  EXPECT_LT(std::abs(*psrl.difference), 2.5);
}

TEST(Ruler, SaysWhatItIs) {
  const Ruler ruler = Measure("bandit-bernoulli@rl2", 3, 4, 50);
  const std::string text = RulerText(ruler);
  for (const char* part :
       {"thompson", "constant=", "index=finite-horizon", "index=discounted,", "discount=0.75",
        "variant=clipped", "mean 2.\n", "Bayes-adaptive optimum", "3 arms"}) {
    EXPECT_THAT(text, testing::HasSubstr(part));
  }
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("Published")));  // no such cell
  EXPECT_EQ(RulerText(Measure("bandit-bernoulli@rl2", 3, 4, 50)), text);
}

// Columns of the widest line; a character of several bytes is one.
int Width(const std::string& text) {
  int widest = 0, width = 0;
  for (const char c : text) {
    width = c == '\n' ? 0 : width + ((c & 0xc0) != 0x80);
    widest = std::max(widest, width);
  }
  return widest;
}

TEST(Ruler, FitsATerminal) {
  for (const std::string family : {"bandit-bernoulli@rl2", "tabular-mdp@rl2"}) {
    Ruler ruler = Measure(family, 0, 10, 20);
    for (RulerRow& row : ruler.rows) row.at_edge = true;
    ruler.options.trials = 10000;
    const std::string text = RulerText(ruler);
    EXPECT_THAT(text, testing::HasSubstr("Published"));
    EXPECT_LE(Width(text), 100) << text;
  }
}

TEST(Ruler, SaysWhenTheBestConstantIsTheLastOfItsGrid) {
  Ruler ruler = Measure("bandit-bernoulli@rl2", 3, 4, 20, {"ucb1", "thompson"});
  EXPECT_THAT(RulerText(ruler), testing::Not(testing::HasSubstr("last that was tried")));
  ruler.rows[0].at_edge = true;
  EXPECT_THAT(RulerText(ruler),
              testing::HasSubstr("larger one may be better:\n  ucb1 constant=0.3\n"));
}

TEST(Ruler, TunesEveryRuleThatHasAConstant) {
  SetLogLevel(LogLevel::kQuiet);
  RulerOptions options{.family = "bandit-bernoulli@rl2",
                       .trials = 200,
                       .agents = {"epsilon-greedy", "optimistic-thompson"},
                       .tune = true};
  const Ruler ruler = MeasureRuler(options, BuiltinCatalog());
  ASSERT_EQ(ruler.rows.size(), 5u);
  // ten pulls are too few for much exploration
  for (const char* prefix : {"epsilon=0.0", "ties=lowest, epsilon=0.0"}) {
    EXPECT_TRUE(std::ranges::any_of(ruler.rows, [&](const RulerRow& row) {
      return row.constant.starts_with(prefix);
    })) << prefix;
  }
  EXPECT_EQ(ruler.rows[4].constant, "variant=likeliest, samples=20");  // not tuned
  EXPECT_EQ(ruler.rows[3].constant, "variant=clipped");
  for (const RulerRow& row : ruler.rows) {
    const bool last = row.constant.ends_with("epsilon=0.4") || row.constant.ends_with("samples=40");
    EXPECT_EQ(row.at_edge, last) << row.constant;
  }
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

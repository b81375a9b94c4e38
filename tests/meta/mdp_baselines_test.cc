// Planning and beliefs of the classical agents for decision processes, against enumeration and
// closed forms.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/family_catalog.h"
#include "meta/baselines/mdp_rules.h"
#include "meta/baselines/optimum.h"
#include "meta/baselines/variates.h"

namespace fewstep {
namespace {

TabularMdp RandomMdp(int states, int actions, uint64_t seed) {
  Rng rng(seed);
  TabularMdp mdp{.states = states, .actions = actions, .rewards = {}, .transitions = {}};
  const std::vector<double> flat(static_cast<size_t>(states), 1.0);
  for (int pair = 0; pair < states * actions; ++pair) {
    mdp.rewards.push_back(1 + rng.Normal());
    mdp.transitions.resize(mdp.transitions.size() + flat.size());
    SampleDirichlet(flat, rng, std::span(mdp.transitions).last(flat.size()));
  }
  return mdp;
}

// The best of all deterministic policies that may change with the step, each followed through every
// sequence of states.
double BestByEnumeration(const TabularMdp& mdp, int horizon, double discount) {
  const int choices = horizon * mdp.states;
  std::vector<int> policy(static_cast<size_t>(choices), 0);  // [H, S]
  const std::function<double(int, int)> follow = [&](int step, int state) -> double {
    if (step == horizon) return 0;
    const int action = policy[static_cast<size_t>(step * mdp.states + state)];
    double value = mdp.rewards[mdp.Pair(state, action)];
    for (int next = 0; next < mdp.states; ++next) {
      value +=
          discount * mdp.Next(state, action)[static_cast<size_t>(next)] * follow(step + 1, next);
    }
    return value;
  };
  double best = -INFINITY;
  for (;;) {
    best = std::max(best, follow(0, 0));
    size_t i = 0;
    while (i < policy.size() && ++policy[i] == mdp.actions) policy[i++] = 0;
    if (i == policy.size()) return best;
  }
}

TEST(Planning, EqualsTheBestOfAllPolicies) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const TabularMdp mdp = RandomMdp(3, 2, seed);
    for (const double discount : {1.0, 0.7}) {
      std::vector<float> table(3 * 3 * 2);
      EXPECT_NEAR(Plan(mdp, 3, table, discount), BestByEnumeration(mdp, 3, discount), 1e-12);
      if (discount < 1) continue;
      EXPECT_NEAR(PolicyReturn(mdp, 3, table), Plan(mdp, 3, {}), 1e-6);
    }
  }
}

TEST(Planning, TiesAreSpreadEvenly) {
  TabularMdp mdp = RandomMdp(2, 3, 1);
  std::ranges::fill(mdp.rewards, 1.0);
  std::vector<float> table(4 * 2 * 3);
  EXPECT_DOUBLE_EQ(Plan(mdp, 4, table), 4);
  for (const float p : table) EXPECT_FLOAT_EQ(p, 1.0f / 3);
}

TEST(Planning, TiesOfTheLowestIndex) {
  TabularMdp mdp = RandomMdp(2, 3, 1);
  std::ranges::fill(mdp.rewards, 1.0);
  mdp.rewards[mdp.Pair(1, 0)] = 0;  // the last two actions of state 1 tie
  std::vector<float> table(2 * 3);
  Plan(mdp, 1, table, 1, Ties::kLowest);
  EXPECT_EQ(table[0], 1);
  EXPECT_EQ(table[4], 1);
  EXPECT_FLOAT_EQ(std::accumulate(table.begin(), table.end(), 0.0f), 2);
}

TEST(Planning, AnEnvelopeByHand) {
  // In both processes action 0 of state 0 stays. In the first, action 1 leads to state 1, which
  // pays nothing; in the second, state 1 pays 3 but action 1 stays too.
  TabularMdp first{
      .states = 2, .actions = 2, .rewards = {1, 0, 0, 0}, .transitions = {1, 0, 0, 1, 0, 1, 0, 1}};
  TabularMdp second{
      .states = 2, .actions = 2, .rewards = {0, 0, 3, 0}, .transitions = {1, 0, 1, 0, 0, 1, 0, 1}};
  EXPECT_EQ(Plan(first, 2, {}), 2);
  EXPECT_EQ(Plan(second, 2, {}), 0);
  // the envelope believes both: action 1, and then 3
  std::vector<float> table(2 * 2 * 2);
  EXPECT_EQ(PlanEnvelope(std::vector{first, second}, 2, table), 3);
  EXPECT_EQ(table, (std::vector<float>{0, 1, 1, 0, 1, 0, 1, 0}));
  // neither alone ever has both
  EXPECT_EQ(PlanLargestValue(std::vector{first, second}, 2, table), 2);
  EXPECT_EQ(table, (std::vector<float>{1, 0, 1, 0, 1, 0, 1, 0}));
}

TEST(Planning, AnEnvelopeCoversItsProcesses) {
  std::vector<TabularMdp> mdps;
  double largest = 0;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    mdps.push_back(RandomMdp(4, 3, seed));
    largest = std::max(largest, Plan(mdps.back(), 5, {}));
  }
  EXPECT_GT(PlanEnvelope(mdps, 5, {}), largest);
  // at the first step the largest value of an action is that of the process that promises most
  EXPECT_DOUBLE_EQ(PlanLargestValue(mdps, 5, {}), largest);
  // of one process it is that process
  std::vector<float> alone(5 * 4 * 3), planned(alone.size());
  EXPECT_EQ(PlanEnvelope(std::span(mdps).first(1), 5, alone), Plan(mdps[0], 5, planned));
  EXPECT_EQ(alone, planned);
  EXPECT_EQ(PlanLargestValue(std::span(mdps).first(1), 5, alone), Plan(mdps[0], 5, planned));
  EXPECT_EQ(alone, planned);
}

TEST(Planning, TheOptimumOfThePublishedFamily) {
  // 21.82 +- .02 undiscounted and 20.87 with discount .99, of 40,000 processes
  const auto family = BuiltinFamilies().Make("tabular-mdp@rl2");
  const auto tasks = family->Sample(Split::kTest, 4000, Rng(1));
  double optimum = 0, squares = 0, discounted = 0, random = 0;
  TabularMdp mdp;
  const std::vector<float> uniform(10 * 10 * 5, 0.2f);
  for (const Task& task : tasks) {
    const double value = OptimalReturn(family->spec(), task).value();
    optimum += value;
    squares += value * value;
    discounted += OptimalReturn(family->spec(), task, 0.99).value();
    ReadTask(task.values, mdp);
    random += PolicyReturn(mdp, 10, uniform);
  }
  const double n = static_cast<double>(tasks.size());
  const double error = std::sqrt((squares / n - optimum / n * optimum / n) / n);
  EXPECT_LT(error, 0.06);
  EXPECT_NEAR(optimum / n, 21.82, 2 * error + 0.02);
  EXPECT_NEAR(discounted / n, 20.87, 2 * error + 0.02);
  // rewards do not know where a random walk goes: 1 a step
  EXPECT_NEAR(random / n, 10, 0.1);
}

TEST(Planning, TheLargestExpectationOfABall) {
  // all distributions on a grid of three points
  const std::vector<double> centre{0.5, 0.3, 0.2}, values{1, 4, 2};
  const std::vector<int> descending{1, 2, 0};
  constexpr int kGrid = 400;
  for (const double radius : {0.0, 0.1, 0.5, 1.3, 5.0}) {
    double best = 0;
    for (int i = 0; i <= kGrid; ++i) {
      for (int j = 0; i + j <= kGrid; ++j) {
        const double p[] = {i / double{kGrid}, j / double{kGrid}, (kGrid - i - j) / double{kGrid}};
        double distance = 0, expectation = 0;
        for (size_t k = 0; k < 3; ++k) {
          distance += std::abs(p[k] - centre[k]);
          expectation += p[k] * values[k];
        }
        if (distance <= radius + 1e-9) best = std::max(best, expectation);
      }
    }
    EXPECT_NEAR(LargestExpectation(centre, radius, values, descending), best, 1e-9) << radius;
  }
}

TEST(Planning, OptimismCoversTheSetAndMeetsItsCentre) {
  const TabularMdp mdp = RandomMdp(4, 3, 5);
  ConfidenceSet set{.centre = mdp,
                    .reward_radius = std::vector<double>(12, 0.0),
                    .transition_radius = std::vector<double>(12, 0.0)};
  const double exact = Plan(mdp, 6, {});
  EXPECT_NEAR(PlanOptimistically(set, 6, {}), exact, 1e-12);
  // a bonus of one step each
  std::ranges::fill(set.reward_radius, 0.25);
  EXPECT_NEAR(PlanOptimistically(set, 6, {}), exact + 6 * 0.25, 1e-12);
  // anywhere: the best reward of every state is within reach after the first step
  std::ranges::fill(set.reward_radius, 0.0);
  std::ranges::fill(set.transition_radius, 2.0);
  const double first = *std::max_element(mdp.rewards.begin(), mdp.rewards.begin() + 3);
  const double best = *std::ranges::max_element(mdp.rewards);
  EXPECT_NEAR(PlanOptimistically(set, 6, {}), first + 5 * best, 1e-12);
}

TabularFamily Family() {
  return TabularFamilyOf(BuiltinFamilies().Make("tabular-mdp@rl2")->spec(), "test");
}

TEST(MdpPosterior, UpdatesInClosedForm) {
  MdpPosterior posterior(Family());
  for (int i = 0; i < 3; ++i) posterior.Observe(2, 4, 2.0 + i, 7);
  posterior.Observe(2, 4, 0, 1);
  TabularMdp mean;
  posterior.Mean(mean);
  // one prior reward of 1, and ten prior transitions
  EXPECT_DOUBLE_EQ(mean.rewards[mean.Pair(2, 4)], (1 + 2 + 3 + 4 + 0) / 5.0);
  EXPECT_DOUBLE_EQ(mean.Next(2, 4)[7], 4.0 / 14);
  EXPECT_DOUBLE_EQ(mean.Next(2, 4)[1], 2.0 / 14);
  EXPECT_DOUBLE_EQ(mean.Next(2, 4)[0], 1.0 / 14);
  EXPECT_DOUBLE_EQ(mean.rewards[0], 1);

  // samples have those means, and the variances 1 / 5 and p (1 - p) / 15
  Rng rng(1);
  TabularMdp sample;
  constexpr int kDraws = 20000;
  double reward = 0, reward2 = 0, next = 0, next2 = 0;
  for (int i = 0; i < kDraws; ++i) {
    posterior.Sample(rng, sample);
    const double r = sample.rewards[sample.Pair(2, 4)], p = sample.Next(2, 4)[7];
    reward += r / kDraws;
    reward2 += r * r / kDraws;
    next += p / kDraws;
    next2 += p * p / kDraws;
    const auto row = sample.Next(9, 0);
    ASSERT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-12);
  }
  EXPECT_NEAR(reward, 2, 0.02);
  EXPECT_NEAR(reward2 - reward * reward, 0.2, 0.01);
  EXPECT_NEAR(next, 4.0 / 14, 0.005);
  EXPECT_NEAR(next2 - next * next, 4.0 / 14 * 10 / 14 / 15, 0.001);
}

TEST(MdpPosterior, ItsModeIsTheFrequenciesSeen) {
  MdpPosterior posterior(Family());
  for (int i = 0; i < 3; ++i) posterior.Observe(2, 4, 2.0 + i, 7);
  posterior.Observe(2, 4, 0, 1);
  TabularMdp mode;
  posterior.Mode(mode);
  EXPECT_DOUBLE_EQ(mode.rewards[mode.Pair(2, 4)], (1 + 2 + 3 + 4 + 0) / 5.0);
  EXPECT_DOUBLE_EQ(mode.Next(2, 4)[7], 3.0 / 4);
  EXPECT_DOUBLE_EQ(mode.Next(2, 4)[1], 1.0 / 4);
  EXPECT_EQ(mode.Next(2, 4)[0], 0);
  TabularMdp frequencies;
  posterior.Frequencies(frequencies);
  EXPECT_EQ(frequencies.transitions, mode.transitions);
  EXPECT_DOUBLE_EQ(frequencies.rewards[mode.Pair(2, 4)], (2 + 3 + 4 + 0) / 4.0);
  // nothing was seen here
  for (const double p : mode.Next(3, 0)) EXPECT_DOUBLE_EQ(p, 0.1);
  EXPECT_EQ(mode.rewards[mode.Pair(3, 0)], 1);
  EXPECT_EQ(frequencies.rewards[mode.Pair(3, 0)], 1);
}

TEST(MdpPosterior, ThePriorMeanIsOneMoreReward) {
  for (const double mean : {0.0, -2.5}) {
    TabularFamily family = Family();
    family.prior.mean = mean;
    MdpPosterior posterior(family);
    for (int i = 0; i < 3; ++i) posterior.Observe(2, 4, 2.0 + i, 7);
    TabularMdp mdp;
    posterior.Mean(mdp);
    EXPECT_DOUBLE_EQ(mdp.rewards[mdp.Pair(2, 4)], (mean + 2 + 3 + 4) / 4);
    EXPECT_DOUBLE_EQ(mdp.rewards[0], mean);
  }
}

// After a great deal of the task, every rule acts as well as one that is told it.
TEST(MdpRules, LearnTheTask) {
  const auto family = BuiltinFamilies().Make("tabular-mdp@rl2");
  const Task task = family->Sample(Split::kTest, 1, Rng(4))[0];
  TabularMdp mdp;
  ReadTask(task.values, mdp);
  const double optimum = Plan(mdp, 10, {});
  const auto oracle = MakeOracle(Family(), task);
  std::vector<float> table(10 * 10 * 5);
  Rng rng(2);
  oracle->Choose(rng, table);
  EXPECT_NEAR(PolicyReturn(mdp, 10, table), optimum, 1e-5);

  const std::pair<const char*, std::unique_ptr<TabularLearner>> learners[] = {
      {"greedy", MakeGreedyMdpLearner(Family(), {})},
      {"greedy, mode", MakeGreedyMdpLearner(Family(), {.model = MdpModel::kMode})},
      {"envelope", MakePosteriorSampling(Family(), 5, Optimism::kEnvelope)},
      {"largest value", MakePosteriorSampling(Family(), 5, Optimism::kLargestValue)},
      {"psrl", MakePosteriorSampling(Family(), 1)},
      {"optimistic-psrl", MakePosteriorSampling(Family(), 5)},
      {"ucrl2", MakeUcrl2(Family(), 0.02)},
      {"ucrl2, frequencies", MakeUcrl2(Family(), 0.02, MdpModel::kFrequencies)}};
  for (const auto& [name, learner] : learners) {
    learner->Choose(rng, table);
    EXPECT_LT(PolicyReturn(mdp, 10, table), optimum - 1) << name;
    for (int i = 0; i < 200000; ++i) {
      const int state = static_cast<int>(rng.Below(10)), action = static_cast<int>(rng.Below(5));
      const auto next = mdp.Next(state, action);
      double remaining = rng.Uniform();
      int to = 0;
      while (to < 9 && (remaining -= next[static_cast<size_t>(to)]) >= 0) ++to;
      learner->Observe(state, action, mdp.rewards[mdp.Pair(state, action)] + rng.Normal(), to);
    }
    learner->Choose(rng, table);
    EXPECT_GT(PolicyReturn(mdp, 10, table), optimum - 0.1) << name;
  }
}

}  // namespace
}  // namespace fewstep

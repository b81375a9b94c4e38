// rllab's measuring rule, by hand and against its loop over steps.
#include "experiments/running/rllab_rule.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

TEST(RllabRule, WithoutEarlyEndsIsTheMeanOfTheFirstEpisodes) {
  // all end together at step 10, which completes 20
  const std::vector<Slot> slots = {{{10, 10}, {1, 100}}, {{10, 10}, {3, 100}}};
  EXPECT_EQ(RllabMean(slots, 20), 2);
}

TEST(RllabRule, CountsShortEpisodesAgainAndDropsThoseThatRun) {
  // slot 0 ends at 2, 4, 6, 8, 10, ...; slot 1 at 10: 18 steps are complete when both end at 10,
  // 16 never alone, 8 at step 8, where slot 1 is still running
  const std::vector<Slot> slots = {{{2, 2, 2, 2, 2}, {1, 2, 3, 4, 5}}, {{10}, {-20}}};
  EXPECT_EQ(RllabMean(slots, 8), 2.5);
  EXPECT_EQ(RllabMean(slots, 9), (1 + 2 + 3 + 4 + 5 - 20) / 6.0);
  EXPECT_EQ(RllabMean(slots, 20), (1 + 2 + 3 + 4 + 5 - 20) / 6.0);
  // and then nobody knows
  EXPECT_EQ(RllabMean(slots, 21), std::nullopt);
}

TEST(RllabRule, IsNotDecidedBeforeEverySlotIsKnownSoLong) {
  // slot 1 might have completed the count before slot 0 did
  EXPECT_EQ(RllabMean({{{10}, {1}}, {{2, 2}, {1, 1}}}, 10), std::nullopt);
  EXPECT_EQ(RllabMean({{{10}, {1}}, {{2, 2, 2, 2, 2}, {1, 1, 1, 1, 1}}}, 10), 1);
}

// The sampler's own loop: all slots advance by a step, ended ones are counted and begin anew.
double ByLoop(const std::vector<Slot>& slots, int64_t steps) {
  std::vector<size_t> episode(slots.size());
  std::vector<int64_t> age(slots.size());
  int64_t complete = 0;
  double sum = 0, count = 0;
  while (complete < steps) {
    for (size_t i = 0; i < slots.size(); ++i) {
      if (++age[i] < slots[i].lengths.at(episode[i])) continue;
      complete += age[i];
      sum += slots[i].returns[episode[i]];
      ++count;
      ++episode[i];
      age[i] = 0;
    }
  }
  return sum / count;
}

TEST(RllabRule, IsTheLoopOfTheSampler) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    std::vector<Slot> slots(1 + rng.Below(6));
    const int64_t horizon = 2 + static_cast<int64_t>(rng.Below(20));
    for (Slot& slot : slots) {
      for (int i = 0; i < 200; ++i) {
        slot.lengths.push_back(1 + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(horizon))));
        slot.returns.push_back(rng.Normal());
      }
    }
    const int64_t steps = horizon * static_cast<int64_t>(slots.size());
    const std::optional<double> mean = RllabMean(slots, steps);
    ASSERT_TRUE(mean) << seed;
    EXPECT_NEAR(*mean, ByLoop(slots, steps), 1e-12) << seed;
  }
}

TEST(RllabRule, AsksForMoreEpisodesUntilItKnows) {
  // one slot of two ends after 2 of 4 steps each time, the other after 4
  const auto episodes = [](double value) {
    Rollouts r = BlankRollouts({{2, 4}, {4, 4}}, 4, 1, 1);
    r.returns.fill_(value);
    return r;
  };
  int asked = 0;
  const std::vector<double> means = RllabReturns(episodes(1), [&](uint64_t round) {
    EXPECT_EQ(round, static_cast<uint64_t>(++asked));
    return episodes(1 + double(asked));
  });
  EXPECT_EQ(asked, 1);
  // 8 steps are complete at step 4: of returns 1 and 2 in the first slot, 1 in the second
  EXPECT_DOUBLE_EQ(means[0], 4.0 / 3);
  EXPECT_DOUBLE_EQ(means[1], 1);
}

TEST(RllabRule, EpisodesWithoutStepsAreAnError) {
  const Rollouts empty = BlankRollouts({{0, 0}}, 3, 1, 1);
  EXPECT_THROW(RllabReturns(empty, [&](uint64_t) { return empty; }), Error);
}

}  // namespace
}  // namespace fewstep

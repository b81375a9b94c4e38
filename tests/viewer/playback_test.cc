// Playback against the same environment stepped by hand.
#include "viewer/playback.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/family_catalog.h"
#include "tests/viewer/scripted_controller.h"

namespace fewstep {
namespace {

constexpr int kHorizon = 7;

class PlaybackTest : public ::testing::Test {
 protected:
  static std::unique_ptr<TaskFamily> MakeFamily() {
    FamilyOptions options;
    options.horizon = kHorizon;
    return BuiltinFamilies().Make("half-cheetah-dir@promp", options);
  }

  // The return of episode `episode` of `task` when the script swings.
  double ReturnByHand(const Task& task, uint64_t episode, int shown) const {
    ScriptedController script(2);
    script.Show(shown);
    const std::unique_ptr<VectorEnv> env = family_->MakeVectorEnv(1, 1);
    StepBatch batch = env->MakeStepBatch();
    env->SetTasks({&task, 1});
    const int id = 0;
    std::vector<float> observation(static_cast<size_t>(family_->spec().observation_size));
    env->Reset({&id, 1}, Rng(5).Fork("episode", episode), observation);
    script.BeginEpisode();
    double total = 0;
    for (int step = 0; step < kHorizon; ++step) {
      std::vector<float> action(static_cast<size_t>(family_->spec().action_size));
      script.Act(batch.observations, action);
      env->Step(std::vector<double>(action.begin(), action.end()), batch);
      total += batch.rewards[0];
    }
    return total;
  }

  std::unique_ptr<TaskFamily> family_ = MakeFamily();
  std::vector<Task> tasks_ = family_->Sample(Split::kTest, 2, Rng(1));
  ScriptedController script_{2};
  Playback playback_{*family_, script_, tasks_, Rng(5)};
};

TEST_F(PlaybackTest, PlaysWholeEpisodesAndKeepsTheirReturns) {
  EXPECT_EQ(script_.tasks(), std::vector<Task>{tasks_[0]});
  for (int step = 1; step <= kHorizon; ++step) {
    EXPECT_FALSE(playback_.last_returns()[0].has_value());
    playback_.Step();
    EXPECT_EQ(playback_.steps(), step);
    EXPECT_EQ(playback_.ended(), step == kHorizon);
  }
  EXPECT_EQ(playback_.last_returns()[0], ReturnByHand(tasks_[0], 0, 0));
  EXPECT_EQ(script_.total_reward(), playback_.episode_return());
  EXPECT_EQ(script_.ended(), 1);
  EXPECT_EQ(playback_.visited().size(), (kHorizon + 1) * family_->spec().state.size());

  // the step after the last begins the next episode
  playback_.Step();
  EXPECT_EQ(playback_.steps(), 0);
  EXPECT_EQ(playback_.episode_return(), 0);
  EXPECT_EQ(script_.episodes(), 2);
}

TEST_F(PlaybackTest, ShowsEachUnitOfAdaptation) {
  playback_.Show(2);
  EXPECT_EQ(playback_.status().shown, 2);
  for (int step = 0; step < kHorizon; ++step) playback_.Step();
  EXPECT_EQ(playback_.last_returns()[2], ReturnByHand(tasks_[0], 1, 2));
  EXPECT_NE(ReturnByHand(tasks_[0], 1, 2), ReturnByHand(tasks_[0], 1, 0));
  EXPECT_FALSE(playback_.last_returns()[0].has_value());

  // no such unit: the episode goes on
  playback_.Step();
  playback_.Step();
  playback_.Show(3);
  EXPECT_EQ(playback_.status().shown, 2);
  EXPECT_EQ(playback_.steps(), 1);
}

TEST_F(PlaybackTest, GoesThroughTheTasksInTurn) {
  for (int step = 0; step < kHorizon; ++step) playback_.Step();
  playback_.NextTask();
  EXPECT_EQ(playback_.task(), tasks_[1]);
  EXPECT_FALSE(playback_.last_returns()[0].has_value());
  playback_.NextTask();
  EXPECT_EQ(script_.tasks(), (std::vector<Task>{tasks_[0], tasks_[1], tasks_[0]}));
}

TEST_F(PlaybackTest, RefusesATaskOfAnotherFamily) {
  Task stranger = tasks_[0];
  stranger.family = "point-nav@maml";
  EXPECT_THROW(Playback(*family_, script_, {stranger}, Rng(5)), Error);
}

}  // namespace
}  // namespace fewstep

// An agent with memory in a window on a real display (Xvfb): what is seen is its trial, episode
// after episode. Run by with_display.sh.
#include <cmath>

#include "experiments/running/agent_controller.h"
#include "tests/meta/agent_testing.h"
#include "tests/meta/remembering_agent.h"
#include "viewer/window.h"

namespace fewstep {
namespace {

TEST(AgentWindow, PlaysTheTrialOfAnAgentWithMemory) {
  const auto family = MakeFamily("point-nav@maml", 20);
  const auto pool = MakePool(2);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  const RememberingAgent agent(family->spec(), /*native=*/true, 3);
  AgentController controller(agent, sampler, {.units = 2, .deterministic = true}, Rng(4));
  const Task task = family->Sample(Split::kTest, 1, Rng(5))[0];
  Playback playback(*family, controller, {task}, Rng(6));
  Window window("fewstep test", 640, 480);

  // the controller's own way to the units
  TrialStates states = BeginTrials(agent.policy(), 1);
  const CollectOptions options{.episodes = 1, .deterministic = true};
  std::vector<double> returns;
  std::vector<Image> pictures;
  for (int unit = 0; unit <= 2; ++unit) {
    window.HandleKey('0' + unit, playback);
    ASSERT_EQ(playback.status().shown, unit);
    // an episode in the time of the window: 20 steps of 1/20 s, a frame every 1/30 s
    int frame = 0;
    window.Play(playback, 19.5 * playback.step_seconds(), [&] { return frame++ / 30.0; });
    EXPECT_EQ(playback.steps(), 19);
    pictures.push_back(window.Capture(playback));
    playback.Step();
    ASSERT_TRUE(playback.ended());

    // what the sampler gives for the next episode of the trial; the family is deterministic
    TrialStates shown = states.Clone();
    const Rollouts expected =
        sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options, Rng(7), &shown);
    const double whole = expected.returns.item<double>();
    EXPECT_NEAR(playback.episode_return(), whole, 1e-3 * (1 + std::abs(whole))) << unit;
    EXPECT_EQ(playback.last_returns()[static_cast<size_t>(unit)], playback.episode_return());
    returns.push_back(whole);
    sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options,
                    Rng(4).Fork("task", 0).Fork("unit", static_cast<uint64_t>(unit)), &states);
  }
  // the memory is seen: the episodes of the trial differ, and so do their pictures
  EXPECT_GT(std::abs(returns[0] - returns[1]), 1e-2 * std::abs(returns[0]));
  EXPECT_NE(pictures[0].rgb, pictures[1].rgb);
  EXPECT_NE(pictures[1].rgb, pictures[2].rgb);
}

}  // namespace
}  // namespace fewstep

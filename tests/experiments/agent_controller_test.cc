// What acts in a window, against the sampler.
#include "experiments/running/agent_controller.h"

#include "tests/meta/agent_testing.h"
#include "tests/meta/remembering_agent.h"

namespace fewstep {
namespace {

// The actions and rewards of one episode as a window plays it, and what they come to.
struct Episode {
  torch::Tensor actions, rewards;
};

Episode Play(Controller& controller, const TaskFamily& family, const Task& task, const Rng& rng) {
  const FamilySpec& spec = family.spec();
  const auto env = family.MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  StepBatch batch = env->MakeStepBatch();
  const int id = 0;
  const Rng stream = rng.Fork("env", 0);
  std::vector<float> observation(static_cast<size_t>(spec.observation_size));
  std::vector<float> action(static_cast<size_t>(spec.action_width()));
  const EpisodeOrigin origin = stream;
  env->Start({&id, 1}, {&origin, 1}, observation);
  controller.BeginEpisode();
  std::vector<torch::Tensor> actions;
  std::vector<double> rewards;
  for (bool ended = false; !ended;) {
    controller.Act(observation, action);
    actions.push_back(torch::tensor(action));
    env->Step(std::vector<double>(action.begin(), action.end()), batch);
    ended = batch.terminated[0] || batch.truncated[0];
    rewards.push_back(batch.rewards[0]);
    controller.Observe(batch.rewards[0], ended);
    observation = batch.observations;
  }
  return {torch::stack(actions), torch::tensor(rewards, torch::kFloat32)};
}

// An episode after k units is the sampler's next episode of a trial that has come so far.
TEST(AgentController, ShowsATrialThatGoesOnFromEveryUnit) {
  const auto family = MakeFamily("half-cheetah-vel@promp", 5);
  const auto pool = MakePool(2);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  for (const bool native : {true, false}) {
    const RememberingAgent agent(family->spec(), native, 3);
    AgentController controller(agent, sampler, {.units = 3, .deterministic = true}, Rng(4));
    const Task task = family->Sample(Split::kTest, 1, Rng(5))[0];
    controller.BeginTask(task);
    EXPECT_EQ(controller.status().available, 3);
    EXPECT_EQ(controller.status().unit, "episode");

    // the controller's own way to the units
    TrialStates states = BeginTrials(agent.policy(), 1);
    const Rng rng = Rng(4).Fork("task", 0);
    const CollectOptions options{.episodes = 1, .deterministic = true};
    for (int unit = 0; unit <= 3; ++unit) {
      controller.Show(unit);
      TrialStates shown = states.Clone();
      const Rollouts expected =
          sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options, Rng(6), &shown);
      for (int again = 0; again < 2; ++again) {  // an episode leaves the trial as it was
        const Episode played = Play(controller, *family, task, Rng(6));
        EXPECT_LT(Distance(played.actions, expected.actions[0][0]), 1e-4) << unit;
        EXPECT_LT(Distance(played.rewards, expected.rewards[0][0]), 1e-3) << unit;
      }
      sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options,
                      rng.Fork("unit", static_cast<uint64_t>(unit)), &states);
    }
  }
}

// Parameters of every unit are kept apart.
TEST(AgentController, ShowsTheParametersOfEveryUnit) {
  AgentBench bench("maml-ppo", "episodes = 3\nhidden = [8]\n", 2);
  AgentController controller(bench.agent(), bench.sampler(), {.units = 2, .deterministic = true},
                             Rng(4));
  const Task task = bench.family().Sample(Split::kTest, 1, Rng(5))[0];
  controller.BeginTask(task);
  const auto deployed = DeployOn(bench.agent(), {&task, 1}, Rng(0));
  const Rng rng = Rng(4).Fork("task", 0);
  for (int unit = 0; unit <= 2; ++unit) {
    controller.Show(unit);
    const Rollouts expected =
        bench.sampler().Collect(deployed->policy(), deployed->parameters(), {&task, 1},
                                {.episodes = 1, .deterministic = true}, Rng(6));
    const Episode played = Play(controller, bench.family(), task, Rng(6));
    EXPECT_LT(Distance(played.actions, expected.actions[0][0]), 1e-4) << unit;
    bench.Adapt(*deployed, {task}, rng.Fork("unit", static_cast<uint64_t>(unit)));
  }
}

}  // namespace
}  // namespace fewstep

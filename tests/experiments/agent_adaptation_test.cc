// An agent that adapts while someone looks on, against the evaluator and the sampler.
#include "experiments/running/agent_adaptation.h"

#include <thread>

#include "experiments/running/believed_goals.h"
#include "experiments/running/evaluation.h"
#include "tests/meta/agent_testing.h"
#include "tests/meta/remembering_agent.h"

namespace fewstep {
namespace {

// The actions and rewards of one episode as a window plays it.
struct Episode {
  torch::Tensor actions, rewards;
};

Episode Play(Performer& performer, const TaskFamily& family, const Task& task, const Rng& rng) {
  const FamilySpec& spec = family.spec();
  const auto env = family.MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  StepBatch batch = env->MakeStepBatch();
  const int id = 0;
  std::vector<float> observation(static_cast<size_t>(spec.observation_size));
  std::vector<float> action(static_cast<size_t>(spec.action_width()));
  const EpisodeOrigin origin = performer.BeginEpisode(rng.Fork("env", 0));
  env->Start({&id, 1}, {&origin, 1}, observation);
  std::vector<torch::Tensor> actions;
  std::vector<double> rewards;
  for (bool ended = false; !ended;) {
    performer.Act(observation, action);
    actions.push_back(torch::tensor(action));
    env->Step(std::vector<double>(action.begin(), action.end()), batch);
    ended = batch.terminated[0] || batch.truncated[0] || batch.diverged[0];
    rewards.push_back(batch.rewards[0]);
    performer.Observe(batch.rewards[0], batch.terminated[0] != 0);
    observation = batch.observations;
  }
  return {torch::stack(actions), torch::tensor(rewards, torch::kFloat32)};
}

// An episode after k units is the sampler's next episode of a trial that has come so far.
TEST(AgentAdaptation, PerformsATrialThatGoesOnFromEveryUnit) {
  const auto family = MakeFamily("half-cheetah-vel@promp", 5);
  const auto pool = MakePool(2);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  for (const bool native : {true, false}) {
    const RememberingAgent agent(family->spec(), native, 3);
    const auto adaptation = MakeAgentAdaptation(agent, sampler, {.deterministic = true}, Rng(4));
    EXPECT_EQ(adaptation->unit(), "episode");
    const Task task = family->Sample(Split::kTest, 1, Rng(5))[0];
    std::vector<std::shared_ptr<const AdaptedAgent>> units = {adaptation->Begin(task)};
    for (int unit = 0; unit < 3; ++unit) units.push_back(adaptation->Advance({}));

    // the same way by hand
    TrialStates states = BeginTrials(agent.policy(), 1);
    const CollectOptions options{.episodes = 1, .deterministic = true};
    for (size_t unit = 0; unit <= 3; ++unit) {
      EXPECT_EQ(units[unit]->units, static_cast<int>(unit));
      const auto performer = units[unit]->MakePerformer(Rng(8));
      TrialStates played_states = states.Clone();
      const Rollouts expected =
          sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options, Rng(6), &played_states);
      for (int again = 0; again < 2; ++again) {  // an episode leaves the trial as it was
        const Episode played = Play(*performer, *family, task, Rng(6));
        EXPECT_LT(Distance(played.actions, expected.actions[0][0]), 1e-4) << unit;
        EXPECT_LT(Distance(played.rewards, expected.rewards[0][0]), 1e-3) << unit;
      }
      const Rollouts support =
          sampler.Collect(agent.policy(), agent.row(), {&task, 1}, options,
                          Rng(4).Fork("episodes", static_cast<uint64_t>(unit)), &states);
      if (unit < 3) {
        EXPECT_EQ(units[unit + 1]->support_scores,
                  std::vector<double>{support.returns.item<double>()});
      }
    }
  }
}

// Parameters of every unit are kept apart.
TEST(AgentAdaptation, PerformsWithTheParametersOfEveryUnit) {
  AgentBench bench("maml-ppo", "episodes = 3\nhidden = [8]\n", 2);
  const auto adaptation =
      MakeAgentAdaptation(bench.agent(), bench.sampler(), {.deterministic = true}, Rng(4));
  const Task task = bench.family().Sample(Split::kTest, 1, Rng(5))[0];
  std::vector<std::shared_ptr<const AdaptedAgent>> units = {adaptation->Begin(task)};
  for (int unit = 0; unit < 2; ++unit) units.push_back(adaptation->Advance({}));
  const auto deployed = DeployOn(bench.agent(), {&task, 1}, Rng(0));
  for (size_t unit = 0; unit <= 2; ++unit) {
    const Rollouts expected =
        bench.sampler().Collect(deployed->policy(), deployed->parameters(), {&task, 1},
                                {.episodes = 1, .deterministic = true}, Rng(6));
    const Episode played = Play(*units[unit]->MakePerformer(Rng(1)), bench.family(), task, Rng(6));
    EXPECT_LT(Distance(played.actions, expected.actions[0][0]), 1e-4) << unit;
    bench.Adapt(*deployed, {task}, Rng(4).Fork("episodes", static_cast<uint64_t>(unit)));
  }
}

// Every agent there is, on a family that it plays: what is watched is what an evaluation measures.
TEST(AgentAdaptation, IsTheEvaluationOfEveryAgent) {
  const AgentRegistry agents = BuiltinAgents();
  int watched = 0;
  for (const std::string& name : agents.Names()) {
    SCOPED_TRACE(name);
    for (const char* family_name : {"point-nav@maml", "bandit-bernoulli@rl2", "tabular-mdp@rl2"}) {
      std::unique_ptr<AgentBench> bench;
      try {
        const bool point = std::string(family_name) == "point-nav@maml";
        bench =
            std::make_unique<AgentBench>(name, "", 2, 1, MakeFamily(family_name, point ? 10 : 0));
      } catch (const Error&) {
        continue;  // it does not play this family
      }
      const int units = 2;
      const EvaluationOptions options{.tasks = 1, .units = units, .task_seed = 3, .seed = 11};
      const AdaptationCurve curve = Evaluate(bench->agent(), name, bench->sampler(), options);
      const auto adaptation = MakeAgentAdaptation(bench->agent(), bench->sampler(), {}, Rng(11));
      const auto before = adaptation->Begin(curve.tasks[0]);
      EXPECT_TRUE(before->support_scores.empty());
      for (int unit = 0; unit <= units; ++unit) {
        const auto adapted = adaptation->Advance({});
        ASSERT_TRUE(adapted);
        double sum = 0;
        for (const double score : adapted->support_scores) sum += score;
        EXPECT_EQ(sum / static_cast<double>(adapted->support_scores.size()),
                  curve.returns[static_cast<size_t>(unit)][0])
            << family_name << ' ' << unit;
        const bool choices = bench->family().spec().action_kind == ActionKind::kDiscrete;
        EXPECT_EQ(adapted->pulls.empty(), !choices);
        const Episode played =
            Play(*adapted->MakePerformer(Rng(1)), bench->family(), curve.tasks[0], Rng(2));
        EXPECT_GT(played.rewards.numel(), 0);
      }
      ++watched;
      break;
    }
  }
  EXPECT_EQ(watched, static_cast<int>(agents.Names().size()));
}

// Beliefs before the first unit and after each: those of the evaluation of this one task.
TEST(AgentAdaptation, TellsWhatIsBelieved) {
  AgentBench bench("pearl",
                   "tasks = 4\ncollect_tasks = 2\nhidden = [8]\n[agent.encoder]\nhidden = "
                   "[8]\nlatent_size = 2\n",
                   2, 1, MakeFamily("sparse-point-robot@pearl"));
  const EvaluationOptions options{.tasks = 1, .units = 2, .task_seed = 3, .seed = 11};
  const AdaptationCurve curve = Evaluate(bench.agent(), "pearl", bench.sampler(), options);
  const auto adaptation = MakeAgentAdaptation(bench.agent(), bench.sampler(), {}, Rng(11));
  std::shared_ptr<const AdaptedAgent> adapted = adaptation->Begin(curve.tasks[0]);
  for (size_t unit = 0; unit <= 2; ++unit) {
    ASSERT_EQ(adapted->beliefs.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(adapted->beliefs[i].name, fmt::format("z{}", i));
      EXPECT_EQ(adapted->beliefs[i].mean, curve.beliefs[unit].mean[0][i]);
      EXPECT_EQ(adapted->beliefs[i].spread, curve.beliefs[unit].deviation[0][i]);
    }
    EXPECT_EQ(adapted->goals, curve.beliefs[unit].goals[0]);
    adapted = adaptation->Advance({});
  }
}

TEST(AgentAdaptation, StopsHalfWayAndBeginsAnew) {
  AgentBench bench("maml-ppo", "episodes = 4\nhidden = [8]\n", 2);
  const auto adaptation = MakeAgentAdaptation(bench.agent(), bench.sampler(), {}, Rng(4));
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 2, Rng(5));
  const auto whole = [&] {
    adaptation->Begin(tasks[1]);
    adaptation->Advance({});
    return adaptation->Advance({})->support_scores;
  };
  const std::vector<double> expected = whole();
  adaptation->Begin(tasks[0]);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(adaptation->Advance(stop.get_token()), nullptr);
  EXPECT_EQ(whole(), expected);
  EXPECT_THROW(adaptation->Begin({"point-nav@maml", {9, 9}}), Error);
  EXPECT_EQ(whole(), expected);
}

// A sampler that is asked to stop comes back soon, in both plans.
TEST(AgentAdaptation, ASamplerThatIsStoppedSaysSo) {
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    const auto family = MakeFamily("point-nav@maml", 1'000'000);
    const auto pool = MakePool(2);
    Sampler sampler(*family, *pool, plan);
    AgentBench bench("maml-ppo", "hidden = [8]\n", 1);
    const Task task = family->Sample(Split::kTest, 1, Rng(5))[0];
    const auto deployed = DeployOn(bench.agent(), {&task, 1}, Rng(0));
    std::stop_source stop;
    stop.request_stop();
    const Rollouts none = sampler.Collect(deployed->policy(), deployed->parameters(), {&task, 1},
                                          {.episodes = 1, .stop = stop.get_token()}, Rng(1));
    EXPECT_TRUE(none.stopped);
    EXPECT_EQ(none.steps, 0);
  }
}

// While another thread adapts, performers of what was before act as ever.
TEST(AgentAdaptation, PerformersDoNotNoticeAdapting) {
  for (const char* name : {"maml-ppo", "rl2"}) {
    AgentBench bench(name, "", 1);
    const auto adaptation = MakeAgentAdaptation(bench.agent(), bench.sampler(), {}, Rng(4));
    const Task task = bench.family().Sample(Split::kTest, 1, Rng(5))[0];
    adaptation->Begin(task);
    const auto adapted = adaptation->Advance({});
    const Episode expected = Play(*adapted->MakePerformer(Rng(1)), bench.family(), task, Rng(6));
    std::jthread adapting([&] {
      adaptation->Begin(task);
      for (int unit = 0; unit < 3; ++unit) adaptation->Advance({});
    });
    for (int i = 0; i < 20; ++i) {
      const Episode played = Play(*adapted->MakePerformer(Rng(1)), bench.family(), task, Rng(6));
      EXPECT_TRUE(torch::equal(played.actions, expected.actions));
    }
  }
}

}  // namespace
}  // namespace fewstep

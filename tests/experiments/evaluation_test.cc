// The evaluator against its protocol written out.
#include "experiments/running/evaluation.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/reports/belief_report.h"
#include "experiments/reports/curve_report.h"
#include "experiments/running/believed_goals.h"
#include "tests/meta/agent_testing.h"
#include "tests/meta/remembering_agent.h"

namespace fewstep {
namespace {

constexpr char kSmall[] = "meta_batch_size = 4\nepisodes = 3\nhidden = [8]\n";
constexpr EvaluationOptions kOptions{.tasks = 5, .units = 2, .task_seed = 7, .seed = 11};

Rng StreamOf(const char* name, int unit) {
  return Rng(kOptions.seed).Fork(name, static_cast<uint64_t>(unit));
}

std::vector<double> Means(const Rollouts& rollouts) {
  const torch::Tensor means = rollouts.returns.mean(1).contiguous();
  return {means.const_data_ptr<double>(), means.const_data_ptr<double>() + means.numel()};
}

// A family, a sampler and an agent that is not trained, from the registry.
struct Bench {
  Bench(const std::string& family_name, const std::string& agent_name, const std::string& settings)
      : Bench(MakeFamily(family_name), agent_name, settings) {}
  Bench(std::unique_ptr<TaskFamily> of, const std::string& agent_name, const std::string& settings)
      : name(agent_name),
        family(std::move(of)),
        pool(MakePool(2)),
        sampler(*family, *pool, SamplingPlan::kAuto),
        agent(BuiltinAgents().Get(name).make(*AgentOptions(name, settings),
                                             {.family = *family, .pool = *pool, .init = Rng(1)})) {}

  AdaptationCurve Evaluate(const EvaluationOptions& options) {
    return fewstep::Evaluate(*agent, name, sampler, options);
  }
  std::vector<Task> Tasks() const {
    return family->Sample(Split::kTest, kOptions.tasks, Rng(kOptions.task_seed).Fork("tasks"));
  }

  std::string name;
  std::unique_ptr<TaskFamily> family;
  std::unique_ptr<WorkerPool> pool;
  Sampler sampler;
  std::unique_ptr<MetaAgent> agent;
};

TEST(Evaluation, JudgesTheEpisodesThatItAdaptsOn) {
  Bench bench("point-nav@maml", "maml-ppo", kSmall);
  const AdaptationCurve curve = bench.Evaluate(kOptions);
  const std::vector<Task> tasks = bench.Tasks();
  EXPECT_EQ(curve.tasks, tasks);
  const auto adaptive = DeployOn(*bench.agent, tasks, Rng(0));
  for (int unit = 0; unit <= 2; ++unit) {
    const Rollouts rollouts =
        bench.sampler.Collect(adaptive->policy(), adaptive->parameters(), tasks, {.episodes = 3},
                              StreamOf("episodes", unit));
    EXPECT_EQ(curve.returns[static_cast<size_t>(unit)], Means(rollouts)) << unit;
    adaptive->Adapt(rollouts);
  }
  EXPECT_EQ(curve.adaptation_episodes, (std::vector<int64_t>{0, 3, 6}));
  EXPECT_FALSE(curve.judged_apart());
}

// An agent that adapts by gradients samples what it adapts on; only what is judged acts with the
// mode, on episodes of its own.
TEST(Evaluation, TheModeIsForJudgingWhereSupportIsSampled) {
  Bench bench("point-nav@maml", "maml-ppo", kSmall);
  EvaluationOptions options = kOptions;
  options.deterministic = true;
  const AdaptationCurve curve = bench.Evaluate(options);
  const std::vector<Task> tasks = bench.Tasks();
  const auto adaptive = DeployOn(*bench.agent, tasks, Rng(0));
  int64_t steps = 0;
  for (int unit = 0; unit <= 2; ++unit) {
    const auto collect = [&](bool deterministic, const char* stream) {
      Rollouts r = bench.sampler.Collect(adaptive->policy(), adaptive->parameters(), tasks,
                                         {.episodes = 3, .deterministic = deterministic},
                                         StreamOf(stream, unit));
      steps += r.steps;
      return r;
    };
    EXPECT_EQ(curve.returns[static_cast<size_t>(unit)], Means(collect(true, "judged"))) << unit;
    if (unit < 2) adaptive->Adapt(collect(false, "episodes"));
  }
  EXPECT_EQ(curve.steps, steps);
  EXPECT_TRUE(curve.judged_apart());
  // it adapts: a policy gradient of episodes that are all acted with the mode would be zero
  EXPECT_NE(curve.returns[0], curve.returns[1]);
  EXPECT_THAT(TasksNote(curve), testing::HasSubstr("adapted on sampled episodes"));
  EXPECT_THAT(CurveJson(curve, 1), testing::HasSubstr("\"adapted_on\": \"sampled episodes\""));
}

// One that learns while it acts plays its trial as it is judged.
TEST(Evaluation, AnAgentThatLearnsWhileItActsIsJudgedOnItsTrial) {
  Bench bench("bandit-bernoulli@rl2", "thompson", "");
  EvaluationOptions options = kOptions;
  options.deterministic = true;
  const AdaptationCurve curve = bench.Evaluate(options);
  const std::vector<Task> tasks = bench.Tasks();
  const auto adaptive = DeployOn(*bench.agent, tasks, Rng(options.seed).Fork("agent"));
  for (int unit = 0; unit <= 2; ++unit) {
    const Rollouts rollouts =
        bench.sampler.Collect(adaptive->policy(), adaptive->parameters(), tasks,
                              {.episodes = 1, .deterministic = true}, StreamOf("episodes", unit));
    EXPECT_EQ(curve.returns[static_cast<size_t>(unit)], Means(rollouts)) << unit;
    adaptive->Adapt(rollouts);
  }
  EXPECT_TRUE(curve.is_trial);
  EXPECT_FALSE(curve.judged_apart());
  EXPECT_THAT(TasksNote(curve), testing::HasSubstr("whole trial acted with the mode"));
}

// What is told the task is judged like any other, beside what the best policy reaches.
TEST(Evaluation, AFamilyThatTellsTheTaskIsEvaluated) {
  FamilyOptions told;
  told.observe_task = true;
  for (const char* family : {"bandit-bernoulli@rl2", "tabular-mdp@rl2", "point-nav@maml"}) {
    for (const char* agent : {"multitask", "random"}) {
      Bench plain(family, agent, "");
      Bench bench(BuiltinFamilies().Make(family, told), agent, "");
      const AdaptationCurve curve = bench.Evaluate(kOptions);
      EXPECT_EQ(curve.tasks, plain.Tasks()) << family << " " << agent;
      EXPECT_EQ(curve.trial.optimum, plain.Evaluate(kOptions).trial.optimum);
      EXPECT_NE(curve.family_hash, plain.family->hash());
    }
  }
}

// Its memory passes from unit to unit, so a curve is one trial of each task.
TEST(Evaluation, AnAgentWithMemoryIsJudgedOnATrialThatGoesOn) {
  const auto family = MakeFamily("bandit-gaussian@maml");
  const auto pool = MakePool(2);
  for (const bool native : {true, false}) {
    Sampler sampler(*family, *pool, SamplingPlan::kAuto);
    const RememberingAgent agent(family->spec(), native, 3);
    const AdaptationCurve curve = Evaluate(agent, "remembering", sampler, kOptions);
    EXPECT_TRUE(curve.is_trial);

    TrialStates states = BeginTrials(agent.policy(), kOptions.tasks);
    bool differs = false;
    for (int unit = 0; unit <= 2; ++unit) {
      const auto collect = [&](TrialStates* trials) {
        return sampler.Collect(agent.policy(), agent.row(), curve.tasks, {.episodes = 1},
                               StreamOf("episodes", unit), trials);
      };
      const std::vector<double> forgetful = Means(collect(nullptr));
      const std::vector<double> remembering = Means(collect(&states));
      EXPECT_EQ(curve.returns[static_cast<size_t>(unit)], remembering) << unit;
      differs = differs || forgetful != remembering;
    }
    EXPECT_TRUE(differs);
    EXPECT_EQ(states.memory[0][0].item<float>(), 2);  // three pulls: two were remembered
  }
}

// What an agent must say beside every result.
TEST(Evaluation, FactsStandBesideEveryResult) {
  for (const bool bootstrap : {false, true}) {
    Bench bench("point-nav@maml", "maml-ppo",
                kSmall + fmt::format("bootstrap_at_horizon = {}\n", bootstrap));
    const AdaptationCurve curve = bench.Evaluate(kOptions);
    EXPECT_THAT(CurveJson(curve, 1),
                testing::HasSubstr(fmt::format("\"bootstrap_at_horizon\": {}", bootstrap)));
    EXPECT_EQ(TasksNote(curve).find("bootstrapped at the horizon") != std::string::npos, bootstrap);
  }
  Bench random("point-nav@maml", "random", "");
  EXPECT_THAT(CurveJson(random.Evaluate(kOptions), 1),
              testing::Not(testing::HasSubstr("bootstrap_at_horizon")));
}

TEST(Evaluation, TasksFollowTheirOwnSeed) {
  Bench bench("point-nav@maml", "maml-ppo", kSmall);
  EvaluationOptions other = kOptions;
  other.seed = 12;
  const AdaptationCurve a = bench.Evaluate(kOptions), b = bench.Evaluate(other);
  EXPECT_EQ(a.tasks, b.tasks);
  EXPECT_NE(a.returns[0], b.returns[0]);
  other = kOptions;
  other.task_seed = 8;
  EXPECT_NE(bench.Evaluate(other).tasks, a.tasks);
}

// The tasks of a finite family are repeats: the difference between them is no uncertainty.
TEST(Evaluation, OfAFiniteFamilyShowsItsTasksAndTheirRepeats) {
  Bench bench("point-corner@promp", "multitask", kSmall);
  EvaluationOptions options = kOptions;
  options.tasks = 8;
  options.units = 0;
  const AdaptationCurve curve = bench.Evaluate(options);
  ASSERT_TRUE(curve.finite);
  ASSERT_EQ(curve.distinct.names.size(), 4u);
  EXPECT_EQ(curve.distinct.of, (std::vector<int>{0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT_EQ(MeansOfDistinct(curve.distinct, std::vector<double>{1, 2, 3, 4, 5, 6, 7, 10}),
            (std::vector<double>{3, 4, 5, 7}));
  const std::string table = CurveTable(curve).Text();
  for (const std::string& name : curve.distinct.names) {
    EXPECT_THAT(table, testing::HasSubstr(name));
  }
  EXPECT_THAT(TasksNote(curve), testing::HasSubstr("repeats of 4 tasks"));
}

// A list of tasks that is gone through more than once: intervals over the repeats of each.
TEST(Evaluation, OfAListOfTasksIsOverTheirRepeats) {
  Bench bench("sparse-point-robot@pearl", "random", "");
  for (const int tasks : {20, 39, 40}) {
    const AdaptationCurve curve = bench.Evaluate({.tasks = tasks, .units = 1, .task_seed = 7});
    EXPECT_FALSE(curve.finite);
    EXPECT_EQ(curve.repeats, tasks == 40);
    EXPECT_EQ(curve.distinct.names.size(), tasks == 40 ? 20u : 0u);
    EXPECT_EQ(CurveNote(curve).find("repeats of each of 20 tasks") != std::string::npos,
              tasks == 40);
    EXPECT_EQ(TasksNote(curve).find("trained on"), std::string::npos);
  }
}

constexpr char kSmallPearl[] =
    "tasks = 4\ninitial_episodes = 2\ncollect_tasks = 2\nupdates_per_collection = 2\n"
    "batch_size = 8\nmeta_batch_size = 2\nreplay_size = 200\nhidden = [8]\n"
    "[agent.encoder]\nhidden = [8]\nlatent_size = 3\n";

// What an agent believes of every task before each unit, and where it would walk to.
TEST(Evaluation, HasTheBeliefsOfAnAgent) {
  Bench bench("sparse-point-robot@pearl", "pearl", kSmallPearl);
  const AdaptationCurve curve = bench.Evaluate({.tasks = 5, .units = 2, .task_seed = 7});
  ASSERT_EQ(curve.beliefs.size(), 3u);
  const auto adaptive = DeployOn(*bench.agent, curve.tasks, Rng(0));
  for (int unit = 0; unit <= 2; ++unit) {
    const CurveBelief& belief = curve.beliefs[static_cast<size_t>(unit)];
    ASSERT_EQ(belief.mean.size(), 5u);
    ASSERT_EQ(belief.deviation[4].size(), 3u);
    const TaskBelief expected = adaptive->belief();
    for (int64_t task = 0; task < 5; ++task) {
      for (int64_t i = 0; i < 3; ++i) {
        const auto at = static_cast<size_t>(task);
        EXPECT_EQ(belief.mean[at][static_cast<size_t>(i)], expected.mean[task][i].item<float>());
        EXPECT_EQ(belief.deviation[at][static_cast<size_t>(i)],
                  expected.deviation[task][i].item<float>());
      }
    }
    ASSERT_EQ(belief.goals.size(), kShownGoals);
    for (const auto& of_task : belief.goals) ASSERT_EQ(of_task.size(), size_t{kGoalDraws});
    EXPECT_TRUE(curve.metrics[static_cast<size_t>(unit)].Has("posterior_deviation"));
    adaptive->Adapt(bench.sampler.Collect(
        adaptive->policy(), adaptive->parameters(), curve.tasks, {.episodes = 1},
        Rng(0).Fork("episodes", static_cast<uint64_t>(unit)), adaptive->trials()));
  }
  EXPECT_EQ(curve.parameters, (std::vector<std::string>{"goal_x", "goal_y"}));
  EXPECT_EQ(curve.goal_parameters, (std::vector<size_t>{0, 1}));
  const auto json = nlohmann::json::parse(CurveJson(curve, 3));
  EXPECT_EQ(json["curve"][2]["posterior_mean"].size(), 5u);
  EXPECT_EQ(json["curve"][1]["believed_goals"][0].size(), size_t{kGoalDraws});

  // a point a task and unit; a goal in every panel
  const auto count = [](const std::string& text, const std::string& part) {
    int found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++found;
    }
    return found;
  };
  const std::string posterior = PosteriorSvg(curve, "title");
  EXPECT_EQ(count(posterior, "r=\"3\""), 3 * 2 * 2 * (5 + 1));  // and one of the legend
  const std::string goals = GoalsSvg(curve, "title");
  EXPECT_EQ(count(goals, "r=\"3\""), 4 * 3 * (kGoalDraws + 1));
  EXPECT_EQ(count(goals, ">after 1 episode</text>"), 4);
}

// The place where an episode ends that is acted with the mode: the policy stepped by hand.
TEST(Evaluation, BelievedGoalsAreWhereEpisodesEnd) {
  Bench bench("point-robot@pearl", "pearl", kSmallPearl);
  const std::vector<Task> tasks = bench.Tasks();
  const auto adaptive = DeployOn(*bench.agent, tasks, Rng(0));
  const torch::Tensor row = adaptive->parameters().flat;
  const torch::Tensor memory = adaptive->trials()->memory.narrow(0, 2, 1).clone();
  const auto goals =
      BelievedGoals(adaptive->policy(), row, memory, *bench.family, tasks[2], 6, Rng(9));
  const auto env = bench.family->MakeVectorEnv(6, 1);
  env->SetTasks(std::vector<Task>(6, tasks[2]));
  std::vector<int> ids = {0, 1, 2, 3, 4, 5};
  std::vector<float> observations(12);
  env->Reset(ids, Rng(9), observations);
  const auto actor = adaptive->policy().MakeActor();
  for (int i = 0; i < 6; ++i) {
    // one after the other, each alone
    torch::Tensor own = memory.clone();
    actor->BeginTrial(row.const_data_ptr<float>(), own.mutable_data_ptr<float>());
    Rng stream = Rng(9).Fork("act", static_cast<uint64_t>(i));
    float position[2] = {observations[static_cast<size_t>(2 * i)],
                         observations[static_cast<size_t>(2 * i + 1)]};
    for (int step = 0; step < bench.family->spec().horizon; ++step) {
      float action[2];
      actor->Act({.observation = position, .step = step}, stream, true, action);
      for (int k = 0; k < 2; ++k) position[k] += 0.1f * std::clamp(action[k], -1.0f, 1.0f);
    }
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(goals[static_cast<size_t>(i)][k], static_cast<double>(position[k]), 1e-4);
    }
  }
  EXPECT_NE(goals[0], goals[1]);
}

TEST(Evaluation, OfAnAgentThatDoesNotAdaptHasNoUnits) {
  Bench bench("point-robot@pearl", "sac", "tasks = 4\nhidden = [8]\n");
  const AdaptationCurve curve = bench.Evaluate({.tasks = 5, .task_seed = 7});
  EXPECT_EQ(curve.options.units, 0);
  EXPECT_TRUE(curve.beliefs.empty());
  EXPECT_EQ(bench.Evaluate({.tasks = 5, .units = 2, .task_seed = 7}).options.units, 2);
}

// Where no episode ends early, rllab's rule counts the same episodes.
TEST(Evaluation, ByRllabsRule) {
  Bench bench("half-cheetah-vel@promp", "maml-ppo", kSmall);
  EvaluationOptions options = kOptions;
  options.tasks = 2;
  options.units = 1;
  options.measure = Measure::kRllab;
  const AdaptationCurve completed = bench.Evaluate(options);
  options.measure = Measure::kEpisodes;
  const AdaptationCurve plain = bench.Evaluate(options);
  EXPECT_EQ(completed.returns, plain.returns);
  EXPECT_EQ(completed.metrics[1].Get("plain_mean_return"), plain.mean[1].point);
  EXPECT_THAT(TasksNote(completed), testing::HasSubstr("rllab"));
  EXPECT_THAT(CurveJson(completed, 1), testing::HasSubstr("\"measure\": \"rllab\""));

  Bench bandit("bandit-bernoulli@rl2", "thompson", "");
  options.measure = Measure::kRllab;
  EXPECT_THROW(bandit.Evaluate(options), Error);
}

TEST(Evaluation, EveryOptionHasAFileOfItsOwn) {
  EXPECT_EQ(EvaluationSuffix(kOptions, kOptions), "");
  EvaluationOptions options = kOptions;
  options.split = Split::kTrain;
  options.tasks = 100;
  options.units = 5;
  options.episodes = 9;
  options.task_seed = 3;
  options.measure = Measure::kRllab;
  options.deterministic = true;
  EXPECT_EQ(EvaluationSuffix(options, kOptions),
            "-train-tasks100-units5-episodes9-seed3-rllab-deterministic");
}

}  // namespace
}  // namespace fewstep

// What a PEARL agent and a soft actor-critic do with their episodes: schedule, contexts, posterior.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>

#include "agents/noise.h"
#include "agents/optimizers/soft_actor_critic.h"
#include "agents/policies/latent_policy.h"
#include "meta/posterior/latent_posterior.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

constexpr const char* kSmall =
    "tasks = 6\ninitial_episodes = 3\ncollect_tasks = 2\nepisodes = 2\n"
    "updates_per_collection = 6\nupdates_per_iteration = 2\nmeta_batch_size = 4\nbatch_size = 8\n"
    "replay_size = 400\nhidden = [8]\n";
constexpr const char* kSmallPearl =
    "posterior_episodes = 2\nextra_episodes = 1\n[agent.context]\ntransitions = 9\n"
    "[agent.encoder]\nhidden = [8]\nlatent_size = 2\n";

AgentBench Pearl(const std::string& settings = kSmallPearl,
                 const char* family = "sparse-point-robot@pearl") {
  return AgentBench("pearl", kSmall + settings, 1, 1, MakeFamily(family));
}

// The transitions of each task's replay and context, from what a checkpoint holds.
std::vector<int64_t> Counts(const TensorFile& file, const std::string& name) {
  const auto values = file.Values<int64_t>(name);
  return {values.begin(), values.end()};
}

int64_t Sum(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

TEST(Pearl, CollectsAndUpdatesOnSchedule) {
  AgentBench bench = Pearl();
  const int64_t horizon = bench.family().spec().horizon;
  constexpr int64_t kInitial = 6 * 3, kCollection = 2 * (2 + 2 + 1);
  EXPECT_EQ(bench.agent().steps_per_iteration(), (kInitial + kCollection) * horizon);
  int64_t expected = 0, updates = 0;
  for (uint64_t iteration = 1; iteration <= 7; ++iteration) {
    const Metrics metrics = bench.Train(iteration);
    // six updates, two an iteration, between collections
    const bool collects = iteration % 3 == 1;
    const int64_t episodes = (iteration == 1 ? kInitial : 0) + (collects ? kCollection : 0);
    EXPECT_EQ(metrics.Get("environment_steps"), static_cast<double>(episodes * horizon));
    EXPECT_EQ(metrics.Has("return_0"), collects);
    EXPECT_EQ(metrics.Has("return_1"), collects);
    expected += episodes * horizon;
    updates += 2;
    EXPECT_EQ(metrics.Get("updates"), static_cast<double>(updates));
    EXPECT_EQ(Sum(Counts(bench.Saved(), "replay.added")), expected);
  }
}

// A context is forgotten when its task is collected, or not; extra episodes never join it.
TEST(Pearl, KeepsContextsAsItIsTold) {
  for (const bool clear : {true, false}) {
    AgentBench bench = Pearl(fmt::format(
        "posterior_episodes = 2\nextra_episodes = 1\n[agent.context]\ntransitions = 9\nclear = {}\n"
        "size = 50\n[agent.encoder]\nhidden = [8]\nlatent_size = 2\n",
        clear));
    bench.Train(1);
    std::vector<int64_t> counts = Counts(bench.Saved(), "replay.context.counts");
    std::ranges::sort(counts);
    const int64_t collected = clear ? 4 : 3 + 4;
    EXPECT_THAT(counts, testing::UnorderedElementsAre(3, 3, 3, 3, collected, collected));
  }
}

TEST(Pearl, TrainsOnTheWholeListOfItsFamily) {
  AgentBench bench("pearl", "tasks = 100\nhidden = [4]\n[agent.encoder]\nhidden = [4]\n", 1, 1,
                   MakeFamily("point-robot@pearl"));
  const TensorFile saved = bench.Saved();
  EXPECT_EQ(saved.At("tasks").shape, (Shape{80, 2}));
  const std::vector<Task> test = bench.family().Sample(Split::kTest, 20, Rng(1));
  const auto trained = saved.Values<double>("tasks");
  for (const Task& task : test) {
    for (size_t i = 0; i < trained.size(); i += 2) {
      EXPECT_FALSE(trained[i] == task.values[0] && trained[i + 1] == task.values[1]);
    }
  }
}

// Every other buffer may hold anything: a new task is inferred from its own transitions alone.
TEST(Pearl, InfersANewTaskFromItsOwnTransitionsAlone) {
  AgentBench bench = Pearl();
  bench.Train(1);
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 3, Rng(2));
  const auto adapted = [&](const std::vector<Task>& to) {
    const auto deployed = DeployOn(bench.agent(), to, Rng(3));
    for (uint64_t unit = 0; unit < 3; ++unit) bench.Adapt(*deployed, to, Rng(4 + unit));
    return deployed->belief();
  };
  const TaskBelief clean = adapted(tasks);
  EXPECT_GT(Distance(clean.mean[0], clean.mean[1]), 1e-6);

  // the replay of every training task is poisoned
  const TensorFile saved = bench.Saved();
  TensorFile poisoned;
  for (TensorEntry entry : saved.tensors()) {
    if (entry.name == "replay.rows") {
      std::vector<float> nan(entry.bytes.size() / sizeof(float),
                             std::numeric_limits<float>::quiet_NaN());
      const auto bytes = std::as_bytes(std::span(nan));
      entry.bytes = std::vector<std::byte>(bytes.begin(), bytes.end());
    }
    poisoned.AddEntry(std::move(entry));
  }
  bench.Load(poisoned);
  const TaskBelief other = adapted(tasks);
  EXPECT_TRUE(SameBits(clean.mean, other.mean));
  EXPECT_TRUE(SameBits(clean.deviation, other.deviation));
  EXPECT_THROW(bench.Train(2), Error);  // it was poisoned indeed

  // and so are the other new tasks' episodes
  const auto deployed = DeployOn(bench.agent(), tasks, Rng(3));
  Rollouts support = bench.sampler().Collect(deployed->policy(), deployed->parameters(), tasks,
                                             {.episodes = 1}, Rng(4), deployed->trials());
  const auto beliefs = [&](const Rollouts& rollouts) {
    const auto again = DeployOn(bench.agent(), tasks, Rng(3));
    again->Adapt(rollouts);
    return again->belief().mean[1];
  };
  const torch::Tensor before = beliefs(support);
  for (torch::Tensor* values : {&support.observations, &support.rewards, &support.actions}) {
    *values = values->clone();
    (*values)[0].fill_(std::numeric_limits<float>::quiet_NaN());
    (*values)[2].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  EXPECT_TRUE(SameBits(beliefs(support), before));
}

// With nothing known, z is drawn from the prior; after an episode from the product of its factors.
TEST(Pearl, BeginsWithThePriorAndActsByThePosteriorWhenItHasExplored) {
  for (const int exploration : {1, 2}) {
    AgentBench bench(
        "pearl", fmt::format("{}exploration_episodes = {}\n{}", kSmall, exploration, kSmallPearl),
        1, 1, MakeFamily("sparse-point-robot@pearl"));
    bench.Train(1);
    const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 2, Rng(2));
    const auto deployed = DeployOn(bench.agent(), tasks, Rng(3));
    const auto acts_by = [&](const torch::Tensor& mean, const torch::Tensor& deviation) {
      const torch::Tensor memory = deployed->trials()->memory;
      return Distance(memory.narrow(1, 0, 2), mean) + Distance(memory.narrow(1, 2, 2), deviation);
    };
    const torch::Tensor zero = torch::zeros({2, 2}), one = torch::ones({2, 2});
    EXPECT_EQ(Distance(deployed->belief().mean, zero), 0);
    EXPECT_EQ(Distance(deployed->belief().deviation, one), 0);
    EXPECT_EQ(acts_by(zero, one), 0);
    for (int episode = 1; episode <= 3; ++episode) {
      bench.Adapt(*deployed, tasks, Rng(4 + static_cast<uint64_t>(episode)));
      const TaskBelief belief = deployed->belief();
      EXPECT_GT(Distance(belief.mean, zero), 1e-6);
      if (episode < exploration) {
        EXPECT_EQ(acts_by(zero, one), 0);
      } else {
        EXPECT_EQ(acts_by(belief.mean, belief.deviation), 0);
      }
    }
  }
}

// The latest transitions of a new task alone: the posterior after many episodes is that after as
// many as they fill.
TEST(Pearl, CanForgetWhatIsOldInANewTask) {
  const std::string settings =
      "extra_episodes = 1\n[agent.context]\ntransitions = 9\ntest_transitions = 30\n"
      "[agent.encoder]\nhidden = [8]\nlatent_size = 2\n";
  AgentBench bench = Pearl(settings);
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 2, Rng(2));
  const auto deployed = DeployOn(bench.agent(), tasks, Rng(3));
  std::vector<Rollouts> episodes;
  for (uint64_t unit = 0; unit < 4; ++unit) {
    episodes.push_back(bench.sampler().Collect(deployed->policy(), deployed->parameters(), tasks,
                                               {.episodes = 1}, Rng(unit), deployed->trials()));
    deployed->Adapt(episodes.back());
  }
  // thirty transitions of episodes of twenty: the last one, and the second half of that before
  const auto fresh = DeployOn(bench.agent(), tasks, Rng(3));
  Rollouts half = episodes[2];
  half.mask = half.mask.clone();
  half.mask.narrow(2, 0, 10).fill_(0);
  fresh->Adapt(half);
  fresh->Adapt(episodes[3]);
  EXPECT_LT(Distance(fresh->belief().mean, deployed->belief().mean), 1e-5);
  EXPECT_LT(Distance(fresh->belief().deviation, deployed->belief().deviation), 1e-5);
}

TEST(Pearl, WithoutItsReplayFillsItAnew) {
  AgentBench bench = Pearl();
  for (uint64_t iteration = 1; iteration <= 2; ++iteration) bench.Train(iteration);
  TensorFile file;
  bench.agent().Save(file);
  const std::string bytes = Serialize(file);
  AgentBench resumed = Pearl();
  resumed.agent().Load(Parse(std::as_bytes(std::span(bytes)), "checkpoint"));
  const Metrics metrics = resumed.Train(3);
  EXPECT_EQ(metrics.Get("environment_steps"), 6 * 3 * 20);  // the beginning, and no collection
  EXPECT_EQ(metrics.Get("updates"), 6);
}

// Every choice of the encoder's and of its contexts reaches the update.
TEST(Pearl, LearnsByWhatItIsTold) {
  std::vector<TensorFile> saved;
  for (const char* choice :
       {"", "context.episodes = 2\n", "encoder.draws = 2\n", "encoder.learns_from = \"both\"\n",
        "encoder.learns_from = \"actor\"\n", "encoder.prior_factor = true\n",
        "encoder.kl_over_tasks = \"mean\"\n", "encoder.kl_coefficient = 5\n"}) {
    AgentBench bench("pearl",
                     fmt::format("{}posterior_episodes = 2\nextra_episodes = 1\n"
                                 "context.transitions = 9\nencoder.hidden = [8]\n{}",
                                 kSmall, choice),
                     1, 1, MakeFamily("sparse-point-robot@pearl"));
    const Metrics metrics = bench.Train(1);
    for (const auto& [name, value] : metrics.entries()) EXPECT_TRUE(std::isfinite(value)) << name;
    saved.push_back(bench.Saved());
    for (size_t i = 0; i + 1 < saved.size(); ++i) {
      EXPECT_FALSE(
          SameBits(SavedTensor(saved[i], "encoder.row"), SavedTensor(saved.back(), "encoder.row")))
          << choice;
    }
  }
}

// A network of hidden layers (relu), one row of parameters in double.
torch::Tensor Forward(const Parameters& rows, const torch::Tensor& row, torch::Tensor x) {
  const std::vector<ParameterSlice>& slices = rows.layout->slices();
  for (size_t i = 0; i < slices.size(); i += 2) {
    const auto array = [&](const ParameterSlice& slice) {
      return row.narrow(0, slice.offset, slice.size).view(slice.shape);
    };
    x = x.matmul(array(slices[i])) + array(slices[i + 1]).reshape({-1});
    if (i + 2 < slices.size()) x = x.relu();
  }
  return x;
}

// From the replay to the encoder: algorithm 1 of Rakelly et al., lines 12 to 22, in double.
TEST(Pearl, UpdatesByTheAlgorithmWrittenOut) {
  constexpr double kScale = 5, kDiscount = 0.9, kKl = 0.4;
  constexpr int64_t kMeta = 3, kBatch = 8, kContext = 9, kKept = 4;
  const std::string of_learner =
      "hidden = [8]\nlearning_rate = 0.01\ndiscount = 0.9\nreward_scale = 5\n"
      "target_rate = 0.2\ntemperature = 0.6\nmean_penalty = 0.02\nlog_std_penalty = 0.03\n";
  AgentBench bench("pearl",
                   "tasks = 6\ninitial_episodes = 3\ncollect_tasks = 2\nepisodes = 2\n"
                   "updates_per_collection = 6\nupdates_per_iteration = 1\nmeta_batch_size = 3\n"
                   "batch_size = 8\nreplay_size = 400\nposterior_episodes = 2\n"
                   "extra_episodes = 1\ncontext.transitions = 9\ncontext.size = 4\n"
                   "encoder.hidden = [8]\nencoder.latent_size = 2\nencoder.kl_coefficient = 0.4\n" +
                       of_learner,
                   1, 1, MakeFamily("sparse-point-robot@pearl"));
  bench.Train(1);
  const TensorFile before = bench.Saved();
  const Metrics metrics = bench.Train(2);
  ASSERT_FALSE(metrics.Has("return_0"));  // an update, and no collection before it
  const TensorFile after = bench.Saved();
  const auto saved = [](const TensorFile& file, const char* name) {
    return SavedTensor(file, name).to(torch::kFloat64);
  };

  // its transitions and contexts
  const CheckpointReader stored = CheckpointReader(before).Scope("replay");
  Replay replay(bench.family().spec(), 6, 400, "");
  replay.Load(stored);
  const ReplayEpisodes in_context = ReplayEpisodes(replay, kKept).Loaded(stored.Scope("context"));
  const Rng rng = bench.StreamOf(2).Fork("update", 0);
  Rng choosing = rng.Fork("tasks");
  std::vector<int64_t> tasks;
  for (int64_t i = 0; i < kMeta; ++i) tasks.push_back(static_cast<int64_t>(choosing.Below(6)));
  const Transitions t = replay.Sample(tasks, kBatch, rng.Fork("transitions"));
  const Transitions c = replay.Sample(tasks, kContext, rng.Fork("context"), &in_context);
  ASSERT_FALSE(torch::equal(t.rewards, t.dense_rewards));
  const auto d = [](const torch::Tensor& x) { return x.to(torch::kFloat64); };

  // z of each task
  const ContextEncoder encoder(2 + 2 + 1, {8}, 2);
  const torch::Tensor phi = saved(before, "encoder.row").requires_grad_();
  const LatentPosterior q =
      encoder.Encode({phi, encoder.layout()},
                     torch::cat({d(c.observations), d(c.actions), d(c.rewards).unsqueeze(2)}, 2),
                     /*with_prior=*/false);
  const torch::Tensor z = q.Sample(d(StandardNormal({kMeta, 2}, rng.Fork("latents").Fork("z"))));

  // critics
  SoftActorCriticOptions options;
  Config::ParseText("[learner]\n" + of_learner + "target = \"value\"\n", "test")
      .Read("learner", options);
  SoftActorCritic learner(2, 2, 2, options, Rng(0));
  learner.Load(CheckpointReader(before).Scope("learner"));
  const torch::Tensor theta = d(learner.critics().flat).detach().clone().requires_grad_();
  torch::Tensor loss = kKl * q.KlToPrior().sum();
  for (int64_t i = 0; i < kMeta; ++i) {
    const torch::Tensor of_task = z[i].expand({kBatch, 2});
    const torch::Tensor next = torch::cat({d(t.next_observations[i]), of_task.detach()}, 1);
    const torch::Tensor value =
        Forward(learner.targets(), d(learner.targets().flat[0]), next).squeeze(1);
    const torch::Tensor y =
        kScale * d(t.dense_rewards[i]) + (1 - d(t.terminated[i])) * kDiscount * value;
    const torch::Tensor in = torch::cat({d(t.observations[i]), d(t.actions[i]), of_task}, 1);
    for (int64_t critic = 0; critic < 2; ++critic) {
      loss =
          loss +
          (Forward(learner.critics(), theta[critic], in).squeeze(1) - y.detach()).square().sum() /
              (kMeta * kBatch);
    }
  }
  const std::vector<torch::Tensor> gradients = torch::autograd::grad({loss}, {phi, theta});
  const auto of_adam = [&](const char* name) {  // the last gradient in Adam's first moment
    return (saved(after, name) - 0.9 * saved(before, name)) / 0.1;
  };
  EXPECT_LT(RelativeDistance(of_adam("encoder.adam.first"), gradients[0]), 1e-3);
  EXPECT_LT(RelativeDistance(of_adam("learner.critic_adam.first"), gradients[1]), 1e-3);

  // actor and value network learn from the same transitions and z: SoftActorCriticUpdate
  learner.Update(t, z.detach().to(torch::kFloat32), rng.Fork("noise"));
  EXPECT_LT(Distance(d(learner.actor().flat), saved(after, "learner.actor")), 1e-4);
  EXPECT_LT(Distance(d(learner.targets().flat), saved(after, "learner.targets")), 1e-4);
}

TEST(Sac, WeightsStartAsTheyAreTold) {
  const auto largest = [](const std::string& initial) {
    const AgentBench bench("sac", "tasks = 1\nhidden = [64]\n" + initial, 1, 1,
                           MakeFamily("point-robot@pearl"));
    const TensorFile file = bench.Saved();
    return std::pair{SavedTensor(file, "learner.actor").abs().max().item<double>(),
                     SavedTensor(file, "learner.critics").abs().max().item<double>()};
  };
  const auto normal = largest("initial = \"normal\"\n"), xavier = largest("");
  EXPECT_LT(normal.first, 0.05);
  EXPECT_LT(normal.second, 0.05);
  EXPECT_GT(xavier.first, 0.15);
  EXPECT_GT(xavier.second, 0.15);
}

// Contexts hold actions in units of their range, here [-10, 10].
TEST(Pearl, InfersFromActionsInUnitsOfTheirRange) {
  AgentBench bench("pearl",
                   "tasks = 4\ncollect_tasks = 2\nhidden = [8]\nencoder.hidden = [8]\n"
                   "encoder.latent_size = 2\n",
                   1, 1, MakeFamily("point-corner@promp"));
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 2, Rng(2));
  const auto deployed = DeployOn(bench.agent(), tasks, Rng(3));
  const Rollouts support =
      bench.sampler().Collect(deployed->policy(), deployed->parameters(), tasks, {.episodes = 1},
                              Rng(4), deployed->trials());
  deployed->Adapt(support);
  const ContextEncoder encoder(2 + 2 + 1, {8}, 2);
  const Parameters row{SavedTensor(bench.Saved(), "encoder.row"), encoder.layout()};
  const LatentPosterior expected = encoder.Encode(
      row,
      torch::cat({support.observations.view({2, -1, 2}), support.actions.view({2, -1, 2}) / 10,
                  support.rewards.view({2, -1, 1})},
                 2),
      false);
  EXPECT_GT(support.actions.abs().max().item<double>(), 1);
  EXPECT_LT(Distance(deployed->belief().mean, expected.mean()), 1e-5);
  EXPECT_LT(Distance(deployed->belief().deviation, expected.variance().sqrt()), 1e-5);
}

// Walks straight to its task's goal.
Rollouts WalkToGoals(const TaskFamily& family, const std::vector<Task>& tasks) {
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t horizon = family.spec().horizon;
  Rollouts r = BlankRollouts(
      std::vector<std::vector<int>>(tasks.size(), {static_cast<int>(horizon)}), horizon, 2, 2);
  const auto env = family.MakeVectorEnv(static_cast<int>(count), 1);
  env->SetTasks(tasks);
  std::vector<int> ids(tasks.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<float> observations(tasks.size() * 2);
  env->Reset(ids, Rng(1), observations);
  StepBatch batch = env->MakeStepBatch();
  std::vector<double> actions(tasks.size() * 2);
  for (int64_t step = 0; step < horizon; ++step) {
    for (int64_t task = 0; task < count; ++task) {
      for (int64_t k = 0; k < 2; ++k) {
        const auto at = static_cast<size_t>(2 * task + k);
        const double way = tasks[static_cast<size_t>(task)].values[static_cast<size_t>(k)] -
                           static_cast<double>(observations[at]);
        actions[at] = std::clamp(way / 0.1, -1.0, 1.0);
        r.observations[task][0][step][k] = observations[at];
        r.actions[task][0][step][k] = actions[at];
      }
    }
    env->Step(actions, batch);
    observations = batch.observations;
    for (int64_t task = 0; task < count; ++task) {
      r.rewards[task][0][step] = batch.rewards[static_cast<size_t>(task)];
    }
  }
  return r;
}

// scripts/learning_tests runs this for many seeds. A context that holds a reward moves the policy
// to that goal, also where it was not trained; without one it walks anywhere.
TEST(PearlLearns, AContextThatHoldsARewardMovesThePolicyToItsGoal) {
  AgentBench bench(
      "pearl",
      "tasks = 80\ninitial_episodes = 50\ninitial_actions = \"held\"\ncollect_tasks = 16\n"
      "episodes = 5\nposterior_episodes = 2\nextra_episodes = 3\nupdates_per_collection = 500\n"
      "updates_per_iteration = 500\nmeta_batch_size = 16\nbatch_size = 32\nreplay_size = 5000\n"
      "hidden = [64, 64]\nlearning_rate = 3e-3\ndiscount = 0.9\ntarget_rate = 0.02\n"
      "reward_scale = 1.0\ntarget = \"twin_critics\"\ntemperature = 0.01\n"
      "[agent.context]\ntransitions = 64\nclear = false\nsize = 100\n"
      "[agent.encoder]\nlatent_size = 2\nhidden = [64, 64]\nlearning_rate = 3e-3\n"
      "prior_factor = true\nkl_coefficient = 0.03\nkl_over_tasks = \"mean\"\n",
      1, TestSeed(), MakeFamily("sparse-point-robot@pearl"));
  bench.set_seed(TestSeed());
  for (uint64_t iteration = 1; iteration <= 8; ++iteration) bench.Train(iteration);

  const std::vector<Task> tasks = bench.family().AllTasks(Split::kTest);
  const auto distance_to_goals = [&](AdaptiveAgent& deployed) {
    const Rollouts rollouts =
        bench.sampler().Collect(deployed.policy(), deployed.parameters(), tasks,
                                {.episodes = 1, .deterministic = true}, Rng(7), deployed.trials());
    double sum = 0;
    for (size_t i = 0; i < tasks.size(); ++i) {
      const torch::Tensor end = rollouts.final_observations[static_cast<int64_t>(i)][0];
      sum += std::hypot(end[0].item<double>() - tasks[i].values[0],
                        end[1].item<double>() - tasks[i].values[1]);
    }
    return sum / static_cast<double>(tasks.size());
  };
  const auto unknowing = DeployOn(bench.agent(), tasks, Rng(3));
  const auto knowing = DeployOn(bench.agent(), tasks, Rng(3));
  knowing->Adapt(WalkToGoals(bench.family(), tasks));
  const double before = distance_to_goals(*unknowing), after = distance_to_goals(*knowing);
  RecordProperty("before", std::to_string(before));
  RecordProperty("after", std::to_string(after));
  EXPECT_LT(after, 0.5) << "before: " << before;
  EXPECT_GT(before, after + 0.3);
}

// One update for every step, where nothing else is said.
TEST(Sac, UpdatesOnceAStep) {
  AgentBench bench("sac",
                   "tasks = 2\ninitial_episodes = 2\nupdates_per_iteration = 7\nbatch_size = 8\n"
                   "hidden = [8]\nreplay_size = 500\n",
                   1, 1, MakeFamily("point-robot@pearl"));
  EXPECT_FALSE(bench.agent().adapts());
  int collections = 0;
  for (uint64_t iteration = 1; iteration <= 6; ++iteration) {
    collections += bench.Train(iteration).Has("return_0") ? 1 : 0;
  }
  EXPECT_EQ(collections, 2);  // of twenty steps each: updates 7, 7, 6, 7, 7, 6
  EXPECT_EQ(Sum(Counts(bench.Saved(), "replay.added")), (2 * 2 + 2) * 20);
}

TEST(Sac, BeginsWithTheActionsThatItIsTold) {
  for (const std::string initial : {"policy", "uniform", "held"}) {
    AgentBench bench("sac",
                     fmt::format("tasks = 1\ninitial_episodes = 40\ninitial_actions = \"{}\"\n"
                                 "batch_size = 8\nhidden = [8]\nreplay_size = 900\n",
                                 initial),
                     1, 1, MakeFamily("point-robot@pearl"));
    bench.Train(1);
    const torch::Tensor rows = SavedTensor(bench.Saved(), "replay.rows");  // [slots, 1, 8]
    const torch::Tensor actions =
        rows.narrow(0, 0, 800).select(1, 0).narrow(1, 2, 2).view({40, 20, 2});
    const bool constant = (actions == actions.select(1, 0).unsqueeze(1)).all().item<bool>();
    EXPECT_EQ(constant, initial == "held");
    const torch::Tensor drawn = initial == "held" ? actions.select(1, 0) : actions;
    const double square = drawn.square().mean().item<double>();  // 1/3 where they are uniform
    if (initial == "policy") {
      EXPECT_GT(std::abs(square - 1.0 / 3), 0.03);
    } else {
      EXPECT_NEAR(square, 1.0 / 3, initial == "held" ? 0.15 : 0.03);
    }
  }
}

TEST(Sac, RefusesActionsThatAreNoRange) {
  try {
    AgentBench bench("sac", "", 1, 1, MakeFamily("bandit-bernoulli@rl2"));
    FAIL() << "it was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), testing::HasSubstr("bandit-bernoulli@rl2"));
  }
}

TEST(Pearl, RefusesAReplayThatHoldsNoContext) {
  for (const int64_t size : {39, 40}) {
    const auto make = [&] {
      AgentBench bench("pearl",
                       fmt::format("{}posterior_episodes = 2\nextra_episodes = 1\n"
                                   "replay_size = {}\n[agent.context]\ntransitions = 9\n"
                                   "[agent.encoder]\nhidden = [8]\n",
                                   "tasks = 6\ninitial_episodes = 3\ncollect_tasks = 2\n"
                                   "updates_per_collection = 2\nbatch_size = 8\nhidden = [8]\n",
                                   size),
                       1, 1, MakeFamily("sparse-point-robot@pearl"));
      for (uint64_t iteration = 1; iteration <= 20; ++iteration) bench.Train(iteration);
    };
    if (size == 39) {
      EXPECT_THROW(make(), Error);
    } else {
      EXPECT_NO_THROW(make());  // the least that does
    }
  }
}

TEST(Sac, RefusesToCollectMoreTasksThanThereAre) {
  try {
    AgentBench bench("sac", "tasks = 3\ncollect_tasks = 4\n", 1, 1,
                     MakeFamily("point-robot@pearl"));
    FAIL() << "it was made";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("agent.collect_tasks"));
  }
}

}  // namespace
}  // namespace fewstep

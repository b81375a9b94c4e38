// The small functions of task families: names, hashes, tasks as text, options.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "envs/families/bandits/bandits.h"
#include "envs/families/points/points.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

std::string MessageOf(const auto& action, ErrorKind kind = ErrorKind::kUsage) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "no error";
}

TEST(TaskFamily, EveryFieldButTheSummaryEntersTheHash) {
  const FamilySpec spec = BuiltinFamilies().Make("point-corner@promp")->spec();
  FamilySpec other = spec;
  other.summary = "Other words.";
  EXPECT_EQ(DefinitionHash(other, ""), DefinitionHash(spec, ""));

  // one change at a time; "ab", "c" must not be taken for "a", "bc"
  std::set<std::string> hashes{DefinitionHash(spec, ""), DefinitionHash(spec, "<mujoco/>")};
  int changes = 2;
  const auto change = [&](const auto& edit) {
    FamilySpec changed = spec;
    edit(changed);
    hashes.insert(DefinitionHash(changed, ""));
    ++changes;
  };
  for (const auto field :
       {&FamilySpec::name, &FamilySpec::source, &FamilySpec::model, &FamilySpec::reset,
        &FamilySpec::reward, &FamilySpec::termination, &FamilySpec::action, &FamilySpec::splits}) {
    change([&](FamilySpec& s) { s.*field += "x"; });
  }
  change([](FamilySpec& s) { s.observation.push_back("x"); });
  change([](FamilySpec& s) { s.observation[0] += "x"; });
  change([](FamilySpec& s) { ++s.observation_size; });
  change([](FamilySpec& s) { ++s.action_size; });
  change([](FamilySpec& s) { s.action_kind = ActionKind::kDiscrete; });
  change([](FamilySpec& s) { s.action_low -= 1; });
  change([](FamilySpec& s) { s.action_high += 1; });
  change([](FamilySpec& s) { ++s.horizon; });
  change([](FamilySpec& s) { s.trial_episodes = 2; });
  change([](FamilySpec& s) { s.trial_episodes = 3; });
  change([](FamilySpec& s) { s.control_dt = 0.05; });
  change([](FamilySpec& s) { s.finite = false; });
  change([](FamilySpec& s) { s.parameters[0].name += "x"; });
  change([](FamilySpec& s) { s.parameters[0].unit = "m"; });
  change([](FamilySpec& s) { s.parameters[0].low -= 1; });
  change([](FamilySpec& s) { s.parameters[0].high += 1; });
  change([](FamilySpec& s) { s.parameters[0].choices.pop_back(); });
  change([](FamilySpec& s) { s.parameters[0].law += "x"; });
  change([](FamilySpec& s) { s.metrics.push_back("x"); });
  change([](FamilySpec& s) { s.state.push_back("x"); });
  change([](FamilySpec& s) { s.metrics.push_back("xy"), s.state[0] = ""; });
  EXPECT_EQ(hashes.size(), static_cast<size_t>(changes));
}

TEST(TaskFamily, TasksAreReadFromText) {
  const FamilySpec spec = BuiltinFamilies().Make("half-cheetah-vel@promp")->spec();
  const Task task = ParseTask(spec, std::vector<std::string>{"velocity=1.25"});
  EXPECT_EQ(task, (Task{"half-cheetah-vel@promp", {1.25}}));
  EXPECT_EQ(ToString(spec, task), "velocity=1.25");
  const auto message = [&](std::string text) {
    return MessageOf([&] { ParseTask(spec, std::vector<std::string>{text}); });
  };
  EXPECT_NE(message("velocty=1").find("did you mean 'velocity'?"), std::string::npos);
  EXPECT_NE(message("velocity=7").find("From -3 to 6"), std::string::npos);
  EXPECT_NE(message("velocity=nan").find("out of range"), std::string::npos);
}

TEST(TaskFamily, UnknownFamiliesAreNamed) {
  const auto message = MessageOf([] { BuiltinFamilies().Get("half-cheetah-dir@prompt"); });
  EXPECT_NE(message.find("did you mean 'half-cheetah-dir@promp'?"), std::string::npos);
}

TEST(TaskFamily, OptionsAreDescribed) {
  const auto keys = [](const std::string& family) {
    std::vector<std::string> names;
    for (const FieldDescription& field : DescribeFields(*BuiltinFamilies().MakeOptions(family))) {
      names.push_back(field.key);
    }
    return names;
  };
  const std::vector<std::string> common = {"horizon", "trial_episodes", "observe_task", "task"};
  EXPECT_EQ(keys("point-nav@maml"), common);
  std::vector<std::string> with_arms = common;
  with_arms.emplace_back("arms");
  EXPECT_EQ(keys("bandit-bernoulli@rl2"), with_arms);
}

TEST(TaskFamily, AFamilyMayHaveOptionsOfItsOwn) {
  BanditOptions options;
  options.arms = 7;
  const FamilyCatalog catalog = BuiltinFamilies();
  const auto seven = catalog.Make("bandit-bernoulli@rl2", options);
  EXPECT_EQ(seven->spec().action_size, 7);
  EXPECT_EQ(seven->spec().parameters.size(), 7u);
  EXPECT_NE(seven->hash(), catalog.Make("bandit-bernoulli@rl2")->hash());
  for (const int64_t arms : {int64_t{1}, int64_t{-2}, kMaxArms + 1}) {
    options.arms = arms;
    const auto message = MessageOf([&] { catalog.Make("bandit-bernoulli@rl2", options); });
    EXPECT_NE(message.find("'arms'"), std::string::npos) << message;
  }

  // options of another family give what all have
  options.arms = 7;
  options.horizon = 20;
  EXPECT_EQ(catalog.Make("point-nav@maml", options)->spec().horizon, 20);
  EXPECT_EQ(catalog.Make("bandit-gaussian@maml", FamilyOptions())->spec().action_size, 5);
}

// A family of the tests' own, changed by `change`.
std::string RefusalOf(const std::function<void(WorldDefinition&)>& change) {
  WorldDefinition definition = PointNavMaml();
  change(definition);
  try {
    const auto family = MakeWorldFamily(std::move(definition), {});
    family->Sample(Split::kTrain, 3, Rng(1));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kPlugin) << error.what();
    EXPECT_NE(std::string(error.what()).find("'point-nav@maml'"), std::string::npos)
        << error.what();
    return error.what();
  }
  return "";
}

TEST(TaskFamily, AnAuthorsMistakeIsAnErrorWithItsName) {
  EXPECT_EQ(RefusalOf([](WorldDefinition&) {}), "");
  using Change = std::function<void(WorldDefinition&)>;
  const std::pair<const char*, Change> mistakes[] = {
      {"make_world", [](WorldDefinition& d) { d.make_world = nullptr; }},
      {"observation_size", [](WorldDefinition& d) { d.spec.observation_size = 0; }},
      {"action_size", [](WorldDefinition& d) { d.spec.action_size = -1; }},
      {"action_low", [](WorldDefinition& d) { d.spec.action_low = 3; }},
      {"horizon", [](WorldDefinition& d) { d.spec.horizon = 0; }},
      {"trial_episodes", [](WorldDefinition& d) { d.spec.trial_episodes = 0; }},
      {"'goal_x' is named twice", [](WorldDefinition& d) { d.spec.parameters[1].name = "goal_x"; }},
      {"make_world gives no world",
       [](WorldDefinition& d) { d.make_world = [] { return nullptr; }; }},
      {"no name", [](WorldDefinition& d) { d.spec.metrics = {"two words"}; }},
      {"goes from 1 to -1",
       [](WorldDefinition& d) {
         d.spec.parameters[0].low = 1;
         d.spec.parameters[0].high = -1;
       }},
      {"out of its range", [](WorldDefinition& d) { d.spec.parameters[0].choices = {9}; }},
      {"no choices", [](WorldDefinition& d) { d.spec.finite = true; }},
      {"less than it is drawn from",
       [](WorldDefinition& d) {
         d.spec.parameters[0].valid = Range{0, 0.1};
       }},
      {"no part of the state",
       [](WorldDefinition& d) {
         d.spec.drawing.position = {"x", "z"};
       }},
      {"two coordinates", [](WorldDefinition& d) { d.spec.drawing.goal = {"goal_x"}; }},
      {"is drawn and no parameter",
       [](WorldDefinition& d) {
         d.spec.drawing.targets = {{.parameter = "moon", .metric = "distance"}};
       }},
      {"is drawn and no metric",
       [](WorldDefinition& d) {
         d.spec.drawing.targets = {{.parameter = "goal_x", .metric = "moon"}};
       }},
      {"arms are drawn", [](WorldDefinition& d) { d.spec.drawing.arms = true; }},
      {"states are drawn",
       [](WorldDefinition& d) {
         d.spec.drawing.states = {.count = 3, .actions = 2, .rewards = 0, .transitions = 6};
       }},
      {"the law", [](WorldDefinition& d) {
         d.law.draw = [](Rng&, std::span<double> values) { values[0] = 100; };
       }}};
  for (const auto& [what, change] : mistakes) {
    EXPECT_NE(RefusalOf(change).find(what), std::string::npos) << what << ": " << RefusalOf(change);
  }

  MujocoDefinition pendulum = PendulumDefinition();
  pendulum.reward = nullptr;
  const auto refusal = [](const auto& make) { return MessageOf(make, ErrorKind::kPlugin); };
  EXPECT_NE(refusal([&] { MakeMujocoFamily(pendulum, {}); }).find("no reward function"),
            std::string::npos);
  pendulum = PendulumDefinition();
  pendulum.spec.state.pop_back();
  EXPECT_NE(refusal([&] { MakeMujocoFamily(pendulum, {}); }).find("the model has 2"),
            std::string::npos);
  FamilyCatalog catalog;
  EXPECT_NE(refusal([&] { catalog.Add("empty@name", {}); }).find("'empty@name' cannot be made"),
            std::string::npos);
  catalog.Add("none@name", EntryOf<FamilyOptions>(
                               [](const FamilyOptions&) { return std::unique_ptr<TaskFamily>(); }));
  EXPECT_NE(refusal([&] { catalog.Make("none@name"); }).find("'none@name' was not made"),
            std::string::npos);
  catalog.Add("deaf@name", EntryOf<FamilyOptions>([](const FamilyOptions&) {
                MujocoDefinition definition = PendulumDefinition();
                definition.spec.name = "deaf@name";
                return MakeMujocoFamily(std::move(definition), {});
              }));
  FamilyOptions told;
  told.observe_task = true;
  EXPECT_NO_THROW(catalog.Make("deaf@name"));
  EXPECT_NE(refusal([&] { catalog.Make("deaf@name", told); }).find("heed the option observe_task"),
            std::string::npos);
  catalog.Add("other@name", EntryOf<FamilyOptions>(MakePendulum));
  EXPECT_NE(refusal([&] { catalog.Make("other@name"); }).find("calls itself 'pendulum@test'"),
            std::string::npos);
}

TEST(TaskFamily, ATaskMayHoldMoreThanIsDrawn) {
  WorldDefinition definition = PointNavMaml();
  const std::string hash = MakeWorldFamily(definition, {})->hash();
  EXPECT_EQ(hash, BuiltinFamilies().Make("point-nav@maml")->hash());
  definition.spec.parameters[0].valid = Range{-3, 3};
  const auto wider = MakeWorldFamily(definition, {});
  // nothing that is trained or judged depends on it, unless tasks walk up to its ends
  EXPECT_EQ(wider->hash(), hash);
  const auto walking = [&](double highest) {
    WorldDefinition changing = PointNavMaml();
    changing.spec.change = TaskChange{.kind = TaskChange::Kind::kDrift,
                                      .clock = TaskChange::Clock::kSteps,
                                      .every = 5,
                                      .parameters = {0},
                                      .drift = {0.1}};
    changing.spec.parameters[0].valid = Range{-3, highest};
    return MakeWorldFamily(changing, {})->hash();
  };
  EXPECT_NE(walking(3), walking(4));
  for (const Task& task : wider->Sample(Split::kTrain, 200, Rng(1))) {
    EXPECT_LE(std::abs(task.values[0]), 0.5);
  }
  EXPECT_NO_THROW(wider->Prepare({"point-nav@maml", {2.5, 0.5}}));
  EXPECT_THROW(wider->Prepare({"point-nav@maml", {3.5, 0.5}}), Error);
  EXPECT_THROW(wider->Prepare({"point-nav@maml", {0.5, 2.5}}), Error);
  EXPECT_NE(MessageOf([&] {
              ParseTask(wider->spec(), std::vector<std::string>{"goal_x=4", "goal_y=0"});
            }).find("From -3 to 3"),
            std::string::npos);
}

// A law may hold what it needs.
TEST(TaskFamily, ALawIsAValue) {
  WorldDefinition definition = PointNavMaml();
  const std::vector<double> places = {0.1, 0.2, 0.3};
  definition.law.draw = [places](Rng& rng, std::span<double> values) {
    values[0] = values[1] = places[rng.Below(places.size())];
  };
  const auto family = MakeWorldFamily(definition, {});
  for (const Task& task : family->Sample(Split::kTest, 50, Rng(1))) {
    EXPECT_EQ(task.values[0], task.values[1]);
    EXPECT_NE(std::ranges::find(places, task.values[0]), places.end());
  }
}

// One step of a point family from a state: reward and end.
StepBatch StepFrom(const std::string& name, std::vector<double> task, std::vector<double> state,
                   std::vector<double> action) {
  const auto family = BuiltinFamilies().Make(name);
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(std::vector<Task>{{name, std::move(task)}});
  Roll(*env, Rng(1), {});
  env->SetState(0, state);
  StepBatch batch = env->MakeStepBatch();
  env->Step(action, batch);
  return batch;
}

TEST(PointNav, WalksToTheGoal) {
  // the 3-4-5 triangle: after a step of 0.1 each way, the goal is 0.3 and 0.4 away
  StepBatch batch = StepFrom("point-nav@maml", {0.4, 0.5}, {0, 0}, {1, 7});
  EXPECT_DOUBLE_EQ(batch.observations64[0], 0.1);
  EXPECT_DOUBLE_EQ(batch.observations64[1], 0.1);
  EXPECT_DOUBLE_EQ(batch.rewards[0], -0.5);
  EXPECT_FALSE(batch.terminated[0]);
  batch = StepFrom("point-nav@maml", {0.4, 0.5}, {0.35, 0.5}, {0.45, -0.05});
  EXPECT_NEAR(batch.rewards[0], -0.005 * std::sqrt(2.0), 1e-12);
  EXPECT_TRUE(batch.terminated[0]);
  // near in one coordinate only is not there
  EXPECT_FALSE(StepFrom("point-nav@maml", {0.4, 0.5}, {0.4, 0.4}, {0, 0.5}).terminated[0]);
}

TEST(PointCorner, PaysForProgressTowardsTheNearestCornerOnly) {
  const std::string name = "point-corner@promp";
  // out of reach of the signal: |s'|_1 = 0.4
  EXPECT_EQ(StepFrom(name, {2, 2}, {0.1, 0.1}, {5, 5}).rewards[0], 0);
  // progress along the diagonal: 0.2 sqrt 2, clipped
  EXPECT_NEAR(StepFrom(name, {2, 2}, {0.5, 0.5}, {40, 10}).rewards[0], 0.2 * std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(StepFrom(name, {2, 2}, {0.5, 0.5}, {-5, -5}).rewards[0], -0.1 * std::sqrt(2.0),
              1e-12);
  // the same place while another corner is the goal
  EXPECT_EQ(StepFrom(name, {-2, 2}, {0.5, 0.5}, {10, 10}).rewards[0], 0);
  EXPECT_EQ(StepFrom(name, {2, -2}, {0.5, 0.5}, {10, 10}).rewards[0], 0);
}

}  // namespace
}  // namespace fewstep

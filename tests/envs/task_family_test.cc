// The small functions of task families: names, hashes, tasks as text, options.
#include <cmath>
#include <set>

#include "core/error.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

std::string MessageOf(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(TaskFamily, SplitsHaveNames) {
  for (const Split split : {Split::kTrain, Split::kTest, Split::kOod}) {
    EXPECT_EQ(ParseSplit(ToString(split)), split);
  }
  EXPECT_NE(MessageOf([] { ParseSplit("tesst"); }).find("did you mean 'test'?"), std::string::npos);
}

TEST(TaskFamily, EveryFieldButTheSummaryEntersTheHash) {
  const FamilySpec spec = BuiltinFamilies().Get("point-corner@promp")({})->spec();
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
  const FamilySpec spec = BuiltinFamilies().Get("half-cheetah-vel@promp")({})->spec();
  const Task task = ParseTask(spec, std::vector<std::string>{"velocity=1.25"});
  EXPECT_EQ(task, (Task{"half-cheetah-vel@promp", {1.25}}));
  EXPECT_EQ(ToString(spec, task), "velocity=1.25");
  const auto message = [&](std::string text) {
    return MessageOf([&] { ParseTask(spec, std::vector<std::string>{text}); });
  };
  EXPECT_NE(message("velocty=1").find("did you mean 'velocity'?"), std::string::npos);
  EXPECT_NE(message("velocity=4").find("From 0 to 3"), std::string::npos);
  EXPECT_NE(message("velocity=nan").find("out of range"), std::string::npos);
}

TEST(TaskFamily, UnknownFamiliesAreNamed) {
  const auto message = MessageOf([] { BuiltinFamilies().Get("half-cheetah-dir@prompt"); });
  EXPECT_NE(message.find("did you mean 'half-cheetah-dir@promp'?"), std::string::npos);
}

TEST(TaskFamily, OptionsAreDescribed) {
  FamilyOptions options;
  const auto fields = DescribeFields(options);
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields[0].key, "horizon");
  EXPECT_EQ(fields[0].unit, "control steps");
  EXPECT_EQ(fields[1].key, "trial_episodes");
  EXPECT_EQ(fields[2].key, "arms");
}

// One step of a point family from a state: reward and end.
StepBatch StepFrom(const std::string& name, std::vector<double> task, std::vector<double> state,
                   std::vector<double> action) {
  const auto family = BuiltinFamilies().Get(name)({});
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

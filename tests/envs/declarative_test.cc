// Families of folders: what they say is what is simulated, and what is wrong in them is told with
// its place.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>

#include <gmock/gmock.h>

#include "core/atomic_file.h"
#include "embedded/half_cheetah.xml.h"
#include "envs/declarative/declarative_family.h"
#include "envs/declarative/terms.h"
#include "envs/outside_families.h"
#include "tests/envs/family_testing.h"

namespace fewstep::declarative {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

// A folder of its own for each test, and each of its cases.
std::string NewFolder() {
  static int number = 0;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = fmt::format("{}/{}-{}", ::testing::TempDir(), test->name(), number++);
  std::filesystem::remove_all(path);
  return path;
}

std::string WriteFamily(const std::string& toml, const std::string& model) {
  const std::string path = NewFolder();
  Write(path + "/family.toml", toml);
  Write(path + "/model.xml", model);
  return path;
}

std::unique_ptr<TaskFamily> Open(const std::string& path, const FamilyOptions& options = {}) {
  return OpenFamilyFolder(path, {}).second.make(options);
}

TEST(DeclarativeFamily, TheHalfCheetahInWordsGivesTheSameTrajectoriesToTheBit) {
  const std::unique_ptr<TaskFamily> built_in = BuiltinFamilies().Make("half-cheetah-vel@promp");
  const std::unique_ptr<TaskFamily> declared =
      Open(WriteFamily(ReadFile(FEWSTEP_SOURCE_DIR "/tests/samples/families/half-cheetah-vel.toml"),
                       std::string(embedded::half_cheetah_xml)));
  constexpr int kEnvs = 4;
  std::vector<Task> tasks = built_in->Sample(Split::kTrain, kEnvs, Rng(1));
  std::vector<Task> own = declared->Sample(Split::kTrain, kEnvs, Rng(1));
  for (size_t i = 0; i < tasks.size(); ++i) EXPECT_EQ(own[i].values, tasks[i].values);
  EXPECT_EQ(declared->spec().state, built_in->spec().state);

  const auto a = built_in->MakeVectorEnv(kEnvs, 2), b = declared->MakeVectorEnv(kEnvs, 2);
  a->SetTasks(tasks);
  b->SetTasks(own);
  const auto actions = RandomActions(built_in->spec(), 100, kEnvs, 2);
  Trajectory expected = Roll(*a, Rng(3), actions), found = Roll(*b, Rng(3), actions);
  EXPECT_EQ(found.first, expected.first);
  EXPECT_EQ(found.observations, expected.observations);
  EXPECT_EQ(found.rewards, expected.rewards);
  EXPECT_EQ(found.flags, expected.flags);
  // metrics: distance, control_cost, forward_velocity, x_position; and forward_velocity, control
  // cost, x_position
  for (size_t i = 0; i < found.rewards.size(); ++i) {
    EXPECT_EQ(found.metrics[4 * i + 1], -expected.metrics[3 * i + 1]);
    EXPECT_EQ(found.metrics[4 * i + 2], expected.metrics[3 * i]);
    EXPECT_EQ(found.metrics[4 * i + 3], expected.metrics[3 * i + 2]);
  }
}

TEST(Falloff, IsThatOfDmControl) {
  // value 0.1 at the margin; between, the closed forms at half of it
  const std::pair<Falloff, double> halves[] = {
      {Falloff::kGaussian, std::pow(0.1, 0.25)},
      {Falloff::kHyperbolic, std::sqrt(2.0 / 11)},
      {Falloff::kLongTail, 1 / (1 + 9.0 / 4)},
      {Falloff::kReciprocal, 1 / 5.5},
      {Falloff::kCosine, (1 + std::sqrt(0.1)) / 2},
      {Falloff::kLinear, 0.55},
      {Falloff::kQuadratic, 0.775},
      {Falloff::kTanhSquared, 1 - std::pow((1 - std::sqrt(0.1)) / std::sqrt(0.9), 2)}};
  for (const auto& [falloff, half] : halves) {
    const double scale = FalloffScale(falloff, 0.1);
    const std::string name = NameOf(kFalloffNames, falloff);
    EXPECT_NEAR(FalloffValue(falloff, 0), 1, 1e-15) << name;
    EXPECT_NEAR(FalloffValue(falloff, 0.5 * scale), half, 1e-14) << name;
    EXPECT_NEAR(FalloffValue(falloff, scale), 0.1, 1e-14) << name;
    EXPECT_LT(FalloffValue(falloff, 3 * scale), 0.1) << name;
  }
}

// A box on a slope of slides, with everything that a term can speak of.
constexpr const char* kBoxModel = R"(
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1"/>
    <site name="flag" pos="0.5 0.25 0.1"/>
    <body name="box" pos="0 0 0.11">
      <joint name="x" type="slide" axis="1 0 0" damping="1"/>
      <joint name="y" type="slide" axis="0 1 0" damping="1"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="turn" axis="1 0 0" range="-60 60" limited="true"/>
      <geom name="box" type="box" size="0.1 0.1 0.1" mass="1"/>
      <site name="corner" pos="0.1 0.1 0.1"/>
    </body>
  </worldbody>
  <actuator>
    <motor name="push_x" joint="x" gear="10" ctrlrange="-2 4" ctrllimited="true"/>
    <motor name="push_y" joint="y" gear="10"/>
  </actuator>
  <sensor><framepos name="where" objtype="site" objname="corner"/></sensor>
  <keyframe><key name="start" qpos="0.2 -0.1 0 0.1"/></keyframe>
</mujoco>)";

constexpr const char* kBox = R"(
[family]
name = "box@test"
horizon = 50
[simulation]
frame_skip = 2
[[parameter]]
name = "place"
train = { uniform = [[0.2, 0.1], [0.6, 0.5]] }
[[parameter]]
name = "angle"
train = { uniform = [-3.14, 3.14] }
[reset]
keyframe = "start"
[[observation]]
of = "qpos"
except = ["z"]
[[observation]]
of = "sensor:where"
relative_to = "site:flag"
scale = 2
[[observation]]
of = "up:box"
[[observation]]
of = "ctrl"
[[reward]]
kind = "value"
of = "qvel:x"
weight = 0.5
[[reward]]
kind = "distance"
of = "body:box.xy"
to = "place"
weight = -1
[[reward]]
kind = "distance"
name = "taxi"
norm = "l1"
of = "site:corner"
to = "site:flag"
[[reward]]
kind = "distance"
name = "squared"
norm = "squared"
of = "com:box"
target = [0.1, 0.2, 0.3]
[[reward]]
kind = "velocity_towards"
of = "body:box.xy"
to = "angle"
[[reward]]
kind = "velocity_towards"
name = "to_flag"
of = "site:corner"
to = "site:flag"
[[reward]]
kind = "velocity_towards"
name = "north"
of = "qpos:y"
target = [1]
[[reward]]
kind = "tolerance"
of = "qpos:z"
bounds = [-0.001, 0.001]
margin = 0.05
falloff = "linear"
value_at_margin = 0
[[reward]]
kind = "control_cost"
weight = -0.1
[[reward]]
kind = "contact_cost"
weight = -0.2
[[reward]]
kind = "alive"
weight = 2
[[reward]]
kind = "success"
of = "body:box.xy"
to = "place"
radius = 0.3
weight = 7
[[metric]]
name = "corner_speed"
of = "rate:site:corner.z"
)";

TEST(DeclarativeFamily, EveryTermIsWhatItsFormulaSays) {
  const std::unique_ptr<TaskFamily> family = Open(WriteFamily(kBox, kBoxModel));
  const FamilySpec& spec = family->spec();
  ASSERT_EQ(spec.observation_size, 3 + 3 + 3 + 2);
  const auto env = family->MakeVectorEnv(1, 1);
  const Task task{spec.name, {0.3, 0.2, 0.9}};
  env->SetTasks({&task, 1});
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(spec.observation_size));
  env->Reset({&id, 1}, Rng(1), row);
  StepBatch batch = env->MakeStepBatch();
  const auto actions = RandomActions(spec, 30, 1, 2);
  const mjModel* model = env->physics(0).model;
  const int corner = mj_name2id(model, mjOBJ_SITE, "corner"),
            flag = mj_name2id(model, mjOBJ_SITE, "flag");
  double contact = 0;
  int successes = 0;
  for (size_t step = 0; step < 30; ++step) {
    const mjData* data = env->physics(0).data;
    std::vector<double> before(data->qpos, data->qpos + 4);
    const std::vector<double> corner_before(data->site_xpos + 3 * corner,
                                            data->site_xpos + 3 * corner + 3);
    env->Step({&actions[2 * step], 2}, batch);
    data = env->physics(0).data;
    const double* q = data->qpos;
    const double* at = data->site_xpos + 3 * corner;
    const double* to = data->site_xpos + 3 * flag;
    const double dt = 0.02;
    const double u0 = 1 + 3 * std::clamp(actions[2 * step], -1.0, 1.0);
    const double u1 = std::clamp(actions[2 * step + 1], -1.0, 1.0);

    // by hand
    const double dx = q[0] - 0.3, dy = q[1] - 0.2;
    double towards = 0, length = 0;
    for (int i = 0; i < 3; ++i) length += (to[i] - at[i]) * (to[i] - at[i]);
    for (int i = 0; i < 3; ++i) {
      towards += (at[i] - corner_before[static_cast<size_t>(i)]) / dt * (to[i] - at[i]) /
                 std::sqrt(length);
    }
    const double z = std::abs(q[2]);
    const double expected[] = {
        0.5 * data->qvel[0],
        -std::sqrt(dx * dx + dy * dy),
        std::abs(at[0] - to[0]) + std::abs(at[1] - to[1]) + std::abs(at[2] - to[2]),
        std::pow(q[0] - 0.1, 2) + std::pow(q[1] - 0.2, 2) + std::pow(q[2] + 0.11 - 0.3, 2),
        (q[0] - before[0]) / dt * std::cos(0.9) + (q[1] - before[1]) / dt * std::sin(0.9),
        towards,
        (q[1] - before[1]) / dt,
        z <= 0.001 ? 1 : std::max(0.0, 1 - (z - 0.001) / 0.05),
        -0.1 * (u0 * u0 + u1 * u1),
        batch.metrics[9],  // looked at below
        2,
        std::sqrt(dx * dx + dy * dy) <= 0.3 ? 1.0 : 0.0,
        (at[2] - corner_before[2]) / dt};
    double sum = 0;
    for (size_t i = 0; i < 13; ++i) {
      EXPECT_NEAR(batch.metrics[i], expected[i], 1e-10) << spec.metrics[i];
      if (i < 12) sum += i == 11 ? 7 * expected[i] : batch.metrics[i];
    }
    EXPECT_NEAR(batch.rewards[0], sum, 1e-12);
    contact += batch.metrics[9];
    successes += batch.metrics[11] != 0 ? 1 : 0;

    // the observation
    const double seen[] = {q[0],
                           q[1],
                           q[3],
                           2 * (at[0] - to[0]),
                           2 * (at[1] - to[1]),
                           2 * (at[2] - to[2]),
                           0,
                           -std::sin(q[3]),
                           std::cos(q[3]),
                           u0,
                           u1};
    for (size_t i = 0; i < 11; ++i) EXPECT_NEAR(batch.observations64[i], seen[i], 1e-12) << i;
  }
  // the box lies on the floor with its weight: on it and on the world, a force clipped to 1
  EXPECT_LT(contact, -0.2);
  EXPECT_GE(contact, -0.2 * 12 * 30);
  EXPECT_GT(successes, 0);
  EXPECT_LT(successes, 30);
}

TEST(DeclarativeFamily, ASuccessThatIsOnlyMeasuredIsMeasured) {
  std::string toml = kBox;
  toml.replace(toml.find("radius = 0.3\nweight = 7"), 23, "radius = 9\nweight = 0");
  const std::unique_ptr<TaskFamily> family = Open(WriteFamily(toml, kBoxModel));
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTest, 1, Rng(1)));
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(family->spec().observation_size));
  env->Reset({&id, 1}, Rng(1), row);
  StepBatch batch = env->MakeStepBatch();
  env->Step(std::vector<double>{0, 0}, batch);
  EXPECT_EQ(batch.metrics[11], 1);
}

TEST(DeclarativeFamily, BoundsAndSuccessEndAnEpisode) {
  std::string toml = kBox;
  toml += "\n[[termination]]\nof = \"qpos:x\"\nabove = 0.25\nbelow = -0.5\n";
  const std::unique_ptr<TaskFamily> family = Open(WriteFamily(toml, kBoxModel));
  EXPECT_TRUE(family->spec().terminates);
  EXPECT_EQ(family->spec().termination, "qpos:x < -0.5, or qpos:x > 0.25");
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTest, 1, Rng(1)));
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(family->spec().observation_size));
  env->Reset({&id, 1}, Rng(1), row);
  StepBatch batch = env->MakeStepBatch();
  std::vector<double> state(family->spec().state.size());
  for (int step = 0; step < 50 && !batch.terminated[0]; ++step) {
    env->GetState(0, state);
    EXPECT_LE(state[0], 0.25);
    env->Step(std::vector<double>{1, 0}, batch);
  }
  EXPECT_TRUE(batch.terminated[0]);
  env->GetState(0, state);
  EXPECT_GT(state[0], 0.25);

  toml = kBox;
  toml.insert(toml.find("radius = 0.3"), "ends_episode = true\n");
  EXPECT_EQ(Open(WriteFamily(toml, kBoxModel))->spec().termination, "success reached");
}

TEST(DeclarativeFamily, DiscreteActionsAreRowsOfControls) {
  std::string toml = kBox;
  toml += "\n[action]\nchoices = [[0, 0], [3, 0.5], [-1, -1]]\n";
  const std::unique_ptr<TaskFamily> family = Open(WriteFamily(toml, kBoxModel));
  EXPECT_EQ(family->spec().action_kind, ActionKind::kDiscrete);
  EXPECT_EQ(family->spec().action_size, 3);
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTest, 1, Rng(1)));
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(family->spec().observation_size));
  env->Reset({&id, 1}, Rng(1), row);
  StepBatch batch = env->MakeStepBatch();
  env->Step(std::vector<double>{1}, batch);
  EXPECT_EQ(batch.observations64[9], 3);
  EXPECT_EQ(batch.observations64[10], 0.5);
}

// The family of a parameter `p` with these laws.
std::unique_ptr<TaskFamily> WithLaws(const std::string& laws) {
  return Open(WriteFamily(fmt::format(R"(
[family]
name = "laws@test"
horizon = 5
{}
[[observation]]
of = "qpos"
[[reward]]
kind = "distance"
of = "body:box.xy"
to = "p"
)",
                                      laws),
                          kBoxModel));
}

// Mean of the numbers of n tasks.
std::vector<double> MeanTask(const TaskFamily& family, Split split, int n) {
  std::vector<double> mean(family.spec().parameters.size());
  for (const Task& task : family.Sample(split, n, Rng(5))) {
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += task.values[i] / n;
  }
  return mean;
}

TEST(DeclaredLaws, EverySplitHasItsOwn) {
  const auto family = WithLaws(R"(
[[parameter]]
name = "p"
train = { uniform = [[0, -1], [1, 1]] }
test = { log_uniform = [[1, 1], [4, 2]] }
ood = { normal = [[10, -8], [0.5, 1]] }
valid = [-20, 20])");
  constexpr int kTasks = 40000;
  const FamilySpec& spec = family->spec();
  EXPECT_EQ(spec.parameters[1].name, "p_y");
  EXPECT_EQ(spec.parameters[1].law, "U(-1, 1)");
  EXPECT_FALSE(spec.finite);
  const auto expect = [&](Split split, const std::vector<double>& mean, double deviation) {
    const std::vector<double> found = MeanTask(*family, split, kTasks);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(found[i], mean[i], 5 * deviation / std::sqrt(kTasks)) << i;
    }
  };
  expect(Split::kTrain, {0.5, 0}, std::sqrt(1.0 / 3));
  // the mean of a log-uniform law is (b - a) / log(b / a)
  expect(Split::kTest, {3 / std::log(4.0), 1 / std::log(2.0)}, 0.87);
  expect(Split::kOod, {10, -8}, 1);
  for (const Task& task : family->Sample(Split::kOod, 2000, Rng(6))) {
    EXPECT_LE(std::abs(task.values[0] - 10), 1.5);
  }
}

TEST(DeclaredLaws, ChoicesOfVectorsAreAFiniteFamily) {
  const auto family = WithLaws(R"(
[[parameter]]
name = "p"
train = { choice = [[0, 1], [2, 3], [4, 5]] })");
  EXPECT_TRUE(family->spec().finite);
  const std::vector<Task> test = family->Sample(Split::kTest, 5, Rng(1));
  EXPECT_EQ(test[0].values, (std::vector<double>{0, 1}));
  EXPECT_EQ(test[2].values, (std::vector<double>{4, 5}));
  EXPECT_EQ(test[3], test[0]);
  for (const Task& task : family->Sample(Split::kTrain, 100, Rng(2))) {
    EXPECT_EQ(task.values[1], task.values[0] + 1);
  }
}

TEST(DeclaredLaws, SplitsCanBeLists) {
  const auto family = WithLaws(R"(
[tasks]
train = [[0, 1], [2, 3]]
test = [[7, 8], [9, 9], [6, 6]]
[[parameter]]
name = "p"
components = ["east", "north"]
valid = [0, 10])");
  EXPECT_FALSE(family->spec().finite);
  EXPECT_EQ(family->spec().parameters[0].name, "p_east");
  EXPECT_EQ(family->spec().parameters[0].high, 2);
  const std::vector<Task> test = family->Sample(Split::kTest, 4, Rng(1));
  EXPECT_EQ(test[1].values, (std::vector<double>{9, 9}));
  EXPECT_EQ(test[3].values, test[0].values);
  int first = 0;
  for (const Task& task : family->Sample(Split::kTrain, 1000, Rng(2))) {
    first += task.values[0] == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 500, 80);
  EXPECT_TRUE(WithLaws("[tasks]\ntrain = [[0, 1], [2, 3]]\n[[parameter]]\nname = \"p\"\n"
                       "components = [\"x\", \"y\"]")
                  ->spec()
                  .finite);
}

// What a recipe's reader sees when `from` of the box's files is `to`.
std::string ErrorOf(const std::string& from, const std::string& to, bool in_model = false) {
  std::string toml = kBox, model = kBoxModel;
  std::string& text = in_model ? model : toml;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  try {
    Open(WriteFamily(toml, model));
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::kPlugin) << error.what();
    return error.what();
  }
  return "nothing";
}

TEST(DeclarativeErrors, NameFileLineAndWhatIsNearest) {
  struct Case {
    const char *from, *to, *expected;
  };
  const Case cases[] = {
      {"[family]", "[familly]", "unknown key; did you mean 'family'?"},
      {"name = \"box@test\"", "name = \"\"", "family.toml:3: 'family.name': a family needs a name"},
      {"name = \"box@test\"", "name = \"a box\"", "'a box' is no name of a family"},
      {"horizon = 50", "", "'family.horizon': a family needs a horizon"},
      {"horizon = 50", "horizon = \"long\"",
       "family.toml:4: 'family.horizon': expected an integer"},
      {"horizon = 50", "horizont = 50",
       "family.toml:4: 'family.horizont': unknown key; did you mean 'horizon'?"},
      {"frame_skip = 2", "frame_skip = 0", "out of range"},
      {"frame_skip = 2", "model = \"modle.xml\"", "did you mean 'model.xml'?"},
      {"frame_skip = 2", "model = \"../model.xml\"", "outside of the family's folder"},
      {"frame_skip = 2", "model = \"model.mjb\"", "a compiled model is not accepted"},
      {"name = \"place\"", "", "family.toml:7: 'parameter[0].name': a parameter needs a name"},
      {"name = \"angle\"", "name = \"place\"",
       "family.toml:11: 'parameter[1].name': two parameters have this name"},
      {"train = { uniform = [-3.14, 3.14] }", "", "it has no law"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [3, -3] }",
       "family.toml:12: 'parameter[1].train': 3 is not below -3"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [1] }", "1 values, and the law takes two"},
      {"{ uniform = [-3.14, 3.14] }", "{ log_uniform = [0, 1] }", "0 is not positive"},
      {"{ uniform = [-3.14, 3.14] }", "{ normal = [0, 0] }", "0 is no deviation"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [0, 1], choice = [1] }", "a law is one of"},
      {"{ uniform = [-3.14, 3.14] }", "{ unifrom = [0, 1] }", "did you mean 'uniform'?"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [0, 1] }\nood = { uniform = [2, 3] }",
       "tasks of ood go from 2 to 3"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [0, 1] }\nvalid = [1, 0]",
       "it is not [low, high]"},
      {"{ uniform = [-3.14, 3.14] }", "{ uniform = [0, 1] }\ncomponents = [\"a\", \"b\"]",
       "2 components, and its law has 1"},
      {"keyframe = \"start\"", "keyframe = \"strat\"",
       "no keyframe 'strat'; did you mean 'start'?"},
      {"keyframe = \"start\"", "noise = [{ joints = [\"w\"] }]",
       "'reset.noise[0].joints': the model has no joint 'w'"},
      {"except = [\"z\"]", "except = [\"q\"]",
       "family.toml:17: 'observation[0].except': the model has no joint 'q'"},
      {"except = [\"z\"]", "except = [\"*\"]", "nothing is left to observe"},
      {"of = \"sensor:where\"", "of = \"sensor:were\"", "no sensor 'were'; did you mean 'where'?"},
      {"of = \"sensor:where\"", "of = \"senser:where\"",
       "'senser:where' is no signal; did you mean 'sensor'?"},
      {"of = \"sensor:where\"", "of = \"rate:qpos:x\"", "a rate is not observed"},
      {"of = \"sensor:where\"", "of = \"qpos:x\"", "'site:flag' has 3 numbers, and 'qpos:x' has 1"},
      {"kind = \"value\"", "kind = \"valeu\"", "did you mean 'value'?"},
      {"of = \"qvel:x\"", "of = \"site:corner\"",
       "'site:corner' has 3 numbers, and value takes one"},
      {"of = \"qvel:x\"", "of = \"site:corner.w\"", "no site 'corner.w'"},
      {"of = \"qvel:x\"", "of = \"qvel:x.y\"", "'x' has 1 numbers"},
      {"of = \"qvel:x\"", "", "a signal is missing"},
      {"to = \"place\"", "to = \"plaec\"", "there is no parameter 'plaec'; did you mean 'place'?"},
      {"of = \"body:box.xy\"\nto = \"place\"\nweight", "of = \"body:box\"\nto = \"place\"\nweight",
       "'body:box' has 3 numbers and its target 2"},
      {"to = \"place\"", "to = \"place\"\ntarget = [1, 2]", "a target is either to or target"},
      {"name = \"taxi\"", "", "two terms are called 'distance'"},
      {"norm = \"l1\"", "norm = \"l3\"", "'l3' is not one of"},
      {"target = [1]", "", "needs a direction"},
      {"target = [1]", "target = [1, 2]", "a direction of 2 numbers for a place of 1"},
      {"bounds = [-0.001, 0.001]", "bounds = [1, 0]", "bounds are [low, high]"},
      {"falloff = \"linear\"", "falloff = \"gaussian\"",
       "0 cannot be reached by the falloff gaussian"},
      {"radius = 0.3", "", "success needs a radius"},
      {"kind = \"alive\"", "kind = \"alive\"\nof = \"qvel:x\"",
       "alive has neither a signal nor a target"},
      {"kind = \"alive\"", "kind = \"alive\"\nends_episode = true", "only success ends an episode"},
      {"name = \"corner_speed\"", "name = \"taxi\"", "has this name"},
      {"name = \"corner_speed\"", "name = \"corner speed\"",
       "'corner speed' is no name of a metric"},
      {"of = \"rate:site:corner.z\"", "of = \"rate:site:corner\"", "3 numbers, and one is needed"},
      {"to = \"angle\"", "target = [1, 0]", "nothing depends on the parameter 'angle'"},
      {"[reset]", "[change]\nevery = 5\nkind = \"drift\"\n[reset]", "0 numbers for 2 parameters"},
      {"[reset]", "[change]\nparameters = [\"angle\"]\n[reset]",
       "how often the task changes is missing"},
      {"[reset]", "[change]\nevery = 5\nparameters = [\"agnle\"]\n[reset]",
       "did you mean 'angle'?"},
      {"[reset]", "[change]\nevery = 5\ndrift = [1]\n[reset]", "does not drift"},
      {"[reset]", "[[termination]]\nof = \"qpos:x\"\n[reset]", "it has no bound"},
      {"[reset]", "[[termination]]\nof = \"qpos:x\"\nbelow = 1\nabove = 0\n[reset]",
       "below is more than above"},
      {"[reset]", "[drawing]\ngoal = \"angle\"\n[reset]", "has 1 numbers and is no place"},
      {"[reset]", "[drawing]\ntarget = \"angle\"\n[reset]", "target and measured go together"},
      {"[reset]", "[drawing]\nmeasured = \"angle\"\n[reset]", "target and measured go together"},
      {"[reset]", "[drawing]\ntarget = \"angle\"\nmeasured = \"moon\"\n[reset]",
       "there is no metric 'moon'"},
      {"[reset]", "[drawing]\ntarget = \"agnle\"\nmeasured = \"moon\"\n[reset]",
       "did you mean 'angle'?"},
      {"[reset]", "[action]\nchoices = [[1, 2]]\n[reset]", "at least two rows of 2 controls"},
      {"[reset]", "[tasks]\ntest = [[1, 2, 3]]\n[reset]", "needs one of training tasks"},
      {"[reset]", "[tasks]\ntrain = [[1, 2, 3]]\n[reset]", "has no law of its own"},
      {"[reset]", "[[randomization]]\nquantity = \"body_mas\"\n[reset]",
       "did you mean 'body_mass'?"},
      {"[reset]",
       "[[randomization]]\nquantity = \"body_mass\"\nobjects = \"bok\"\nparameter = "
       "\"angle\"\n[reset]",
       "family.toml:15: 'randomization[0].objects': the model has no body 'bok'; did you mean "
       "'box'?"},
      {"[reset]",
       "[[randomization]]\nquantity = \"body_mass\"\nobjects = \"box\"\nparameter = "
       "\"angle\"\n[reset]",
       "at the low end of its parameter, body_mass makes no sense"},
      {"[reset]",
       "[[randomization]]\nquantity = \"joint_stiffness\"\nobjects = \"x\"\nparameter = "
       "\"angle\"\n[reset]",
       "is 0 in the model"},
      {"[reset]", "[[change]]\nevery = 5\n[reset]", "expected a table"},
      {"[reset]", "[reset", "family.toml:13"},
  };
  for (const Case& c : cases) {
    const std::string found = ErrorOf(c.from, c.to);
    EXPECT_THAT(found, AllOf(HasSubstr(c.expected), HasSubstr("family.toml"))) << c.to;
  }
  // and in the model
  EXPECT_THAT(ErrorOf("<mujoco>", "<mujoko>", true), HasSubstr("model.xml"));
  EXPECT_THAT(ErrorOf("mass=\"1\"", "mass=\"-1\"", true), HasSubstr("model.xml"));
  EXPECT_THAT(ErrorOf("<worldbody>", "<include file=\"more.xml\"/><worldbody>", true),
              AllOf(HasSubstr("model.xml:4"), HasSubstr("no file 'more.xml'")));
  EXPECT_THAT(ErrorOf("<worldbody>", "<include file=\"/etc/passwd\"/><worldbody>", true),
              HasSubstr("lies outside of the family's folder"));
  EXPECT_THAT(
      ErrorOf("<worldbody>", "<asset><mesh file='../secret.stl'/></asset><worldbody>", true),
      HasSubstr("lies outside of the family's folder"));
  EXPECT_THAT(ErrorOf("<actuator>", "<contact/><!--", true), HasSubstr("model.xml"));
}

TEST(DeclarativeErrors, ATaskCanChangeSoOftenOnly) {
  std::string toml = kBox;
  toml += "\n[change]\nevery = 1\n";
  const std::string path = WriteFamily(toml, kBoxModel);
  FamilyOptions longer;
  longer.horizon = 1'000'000;
  EXPECT_NO_THROW(Open(path, longer));
  longer.trial_episodes = 1000;
  try {
    Open(path, longer);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the task would change 1e+09 times in a trial"));
  }
}

TEST(DeclarativeHash, IsOfTheMeaningAndTheModel) {
  const auto hash = [](const std::string& toml, const std::string& model,
                       const FamilyOptions& options = {}) {
    return Open(WriteFamily(toml, model), options)->hash();
  };
  const std::string plain = hash(kBox, kBoxModel);
  EXPECT_EQ(hash(fmt::format("# a comment\n{}\n\n", kBox), kBoxModel), plain);
  std::string toml = kBox;
  toml.replace(toml.find("weight = 0.5"), 12, "weight = 0.50  # the same");
  EXPECT_EQ(hash(toml, kBoxModel), plain);
  toml.replace(toml.find("weight = 0.50"), 13, "weight = 0.51");
  EXPECT_NE(hash(toml, kBoxModel), plain);
  std::string model = kBoxModel;
  model.replace(model.find("damping=\"1\""), 11, "damping=\"2\"");
  EXPECT_NE(hash(kBox, model), plain);
  FamilyOptions longer;
  longer.horizon = 51;
  EXPECT_NE(hash(kBox, kBoxModel, longer), plain);
  FamilyOptions told;
  told.observe_task = true;
  EXPECT_NE(hash(kBox, kBoxModel, told), plain);
  // where it lies is no part of what it is
  EXPECT_EQ(hash(kBox, kBoxModel), plain);
}

TEST(FamilyFolder, IncludesFilesOfItsOwnAndIsWrittenAsItWas) {
  std::string model = kBoxModel;
  model.replace(model.find("<geom name=\"floor\""), 0, "<include file=\"parts/floor.xml\"/>");
  const std::string path = WriteFamily(kBox, model);
  Write(path + "/parts/floor.xml", "<mujoco><site name=\"extra\"/></mujoco>");
  Write(path + "/README.md", "not part of it");
  Write(path + "/.git/big.xml", "not part of it");
  const std::unique_ptr<TaskFamily> family = Open(path);
  const std::string copy = NewFolder();
  OpenFamilyFolder(path, {}).second.save(copy);
  EXPECT_EQ(Open(copy)->hash(), family->hash());
  EXPECT_TRUE(std::filesystem::exists(copy + "/parts/floor.xml"));
  EXPECT_FALSE(std::filesystem::exists(copy + "/README.md"));
  Write(path + "/parts/floor.xml", "<mujoco><site name=\"other\"/></mujoco>");
  EXPECT_NE(Open(path)->hash(), family->hash());
}

TEST(ModelGuard, SaysHowACompilationEnded) {
  const FamilyFolder folder = ReadFamilyFolder(WriteFamily(kBox, kBoxModel));
  const auto check = [&](std::vector<std::string> command) -> std::string {
    ModelGuard guard{.command = std::move(command), .seconds = 1};
    try {
      guard.Check(folder);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      return error.what();
    }
    return "fine";
  };
  EXPECT_EQ(check({"/bin/true"}), "fine");
  EXPECT_EQ(check({}), "fine");
  EXPECT_THAT(check({"/bin/sh", "-c", "sleep 60"}), HasSubstr("more than 1 seconds"));
  // closing its output does not end the waiting
  EXPECT_THAT(check({"/bin/sh", "-c", "exec >&-; sleep 60"}), HasSubstr("more than 1 seconds"));
  EXPECT_THAT(check({"/bin/sh", "-c", "kill -SEGV $$"}), HasSubstr("Segmentation fault"));
  EXPECT_THAT(check({"/bin/sh", "-c", "echo line 3: bad; exit 3"}),
              AllOf(HasSubstr("model.xml"), HasSubstr("line 3: bad")));
  EXPECT_THAT(check({"/bin/sh", "-c", "exit 7"}), HasSubstr("exit code 7"));
}

TEST(OutsideFamilies, EnterTheCatalogueByFolderOrFolderOfFolders) {
  const std::string parent = NewFolder();
  std::string other = kBox;
  other.replace(other.find("box@test"), 8, "bin@test");
  Write(parent + "/a/family.toml", kBox);
  Write(parent + "/a/model.xml", kBoxModel);
  Write(parent + "/b/family.toml", other);
  Write(parent + "/b/model.xml", kBoxModel);
  FamilyCatalog catalog = BuiltinFamilies();
  AddFamilies(parent, {}, Clash::kRefuse, catalog);
  EXPECT_EQ(catalog.Get("box@test").origin, parent + "/a");
  EXPECT_EQ(catalog.Make("bin@test")->spec().name, "bin@test");
  try {
    AddFamilies(parent + "/a", {}, Clash::kRefuse, catalog);
    ADD_FAILURE() << "a clash was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--override"));
  }
  AddFamilies(parent + "/a", {}, Clash::kReplace, catalog);
  EXPECT_THROW(AddFamilies(parent + "/c", {}, Clash::kRefuse, catalog), Error);

  // what is always looked at may hold something broken
  Write(parent + "/b/family.toml", "[family");
  FamilyCatalog usual = BuiltinFamilies();
  AddFamiliesIfAny(parent, {}, usual);
  AddFamiliesIfAny(parent + "/nothing", {}, usual);
  EXPECT_TRUE(usual.Contains("box@test"));
  ASSERT_EQ(usual.problems().size(), 1u);
  EXPECT_THAT(usual.problems()[0].second, HasSubstr("family.toml:1"));
}

}  // namespace
}  // namespace fewstep::declarative

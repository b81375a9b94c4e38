// What someone who watches does to a simulation: pushes, tasks that are changed by hand, and models
// to draw.
#include <cmath>

#include "core/error.h"
#include "envs/outside_families.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

constexpr int kId = 0;

std::unique_ptr<TaskFamily> Example(const std::string& name) {
  FamilyCatalog catalog;
  AddFamilies(std::string(FEWSTEP_SOURCE_DIR) + "/examples/families/" + name, {}, Clash::kRefuse,
              catalog);
  return catalog.Make(name + "@example");
}

std::vector<double> StateOf(VectorEnv& env) {
  std::vector<double> state(env.spec().state.size());
  env.GetState(kId, state);
  return state;
}

std::vector<double> Observed(VectorEnv& env) {
  std::vector<double> observation(static_cast<size_t>(env.spec().observation_size));
  env.Observe(kId, observation);
  return observation;
}

std::unique_ptr<VectorEnv> Started(const TaskFamily& family, const Task& task) {
  std::unique_ptr<VectorEnv> env = family.MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  std::vector<float> observation(static_cast<size_t>(family.spec().observation_size));
  env->Reset({&kId, 1}, Rng(7), observation);
  return env;
}

// A push as strong as gravity takes the weight off: what falls stays.
TEST(WatchedEnv, APushIsAForceOnABody) {
  const std::unique_ptr<TaskFamily> family = Example("cart-changing");
  const Task task = family->Sample(Split::kTest, 1, Rng(1))[0];
  const std::unique_ptr<VectorEnv> pushed = Started(*family, task), alone = Started(*family, task);
  StepBatch batch = pushed->MakeStepBatch();
  const std::vector<double> still(1, 0.0);

  // x'' = F / m - b x' / m with m = 1, b = 2: after t, x' = F / b (1 - exp(-b t))
  constexpr double kForce = 3, kDamping = 2;
  const double force[] = {kForce, 0, 0, 0, 0, 0};
  pushed->Push(kId, 1, force);
  double seconds = 0;
  for (int step = 0; step < 20; ++step) {
    pushed->Step(still, batch);
    alone->Step(still, batch);
    seconds += family->spec().control_dt;
    const double expected = kForce / kDamping * (1 - std::exp(-kDamping * seconds));
    EXPECT_NEAR(StateOf(*pushed)[1] - StateOf(*alone)[1], expected, 0.02 * kForce) << step;
  }

  // let go, nothing of it is left; an episode begins without
  const double none[6] = {};
  pushed->Push(kId, 0, none);
  const std::vector<double> state = StateOf(*pushed);
  pushed->Step(still, batch);
  const std::vector<double> after = StateOf(*pushed);
  alone->SetState(kId, state);
  alone->Step(still, batch);
  EXPECT_NEAR(after[1], StateOf(*alone)[1], 1e-12);
  pushed->Push(kId, 1, force);
  std::vector<float> observation(static_cast<size_t>(family->spec().observation_size));
  pushed->Reset({&kId, 1}, Rng(7), observation);
  alone->Reset({&kId, 1}, Rng(7), observation);
  pushed->Step(still, batch);
  alone->Step(still, batch);
  EXPECT_EQ(StateOf(*pushed), StateOf(*alone));
}

TEST(WatchedEnv, NothingHappensToWhatHasNoPhysics) {
  const std::unique_ptr<TaskFamily> family = BuiltinFamilies().Make("point-nav@maml");
  const Task task = family->Sample(Split::kTest, 1, Rng(1))[0];
  const std::unique_ptr<VectorEnv> pushed = Started(*family, task), alone = Started(*family, task);
  StepBatch batch = pushed->MakeStepBatch();
  const double force[] = {1, 2, 3, 0, 0, 0};
  pushed->Push(kId, 1, force);
  pushed->Step(std::vector<double>(2, 0.5), batch);
  alone->Step(std::vector<double>(2, 0.5), batch);
  EXPECT_EQ(StateOf(*pushed), StateOf(*alone));
  EXPECT_EQ(family->DisplayModel(nullptr), nullptr);
}

// The task that is changed is the one that is judged from the next step on; the state stays.
TEST(WatchedEnv, ATaskIsChangedByHand) {
  const std::unique_ptr<TaskFamily> family = Example("cart-changing");
  const Task task{family->spec().name, {1.5}};
  const std::unique_ptr<VectorEnv> env = Started(*family, task);
  StepBatch batch = env->MakeStepBatch();
  const std::vector<double> still(1, 0.0);
  env->Step(still, batch);
  const std::vector<double> state = StateOf(*env), observation = Observed(*env);
  env->ChangeTask(kId, std::vector<double>{-0.5});
  EXPECT_EQ(env->PresentTask(kId)[0], -0.5);
  EXPECT_EQ(StateOf(*env), state);
  EXPECT_EQ(Observed(*env), observation);
  env->Step(still, batch);
  EXPECT_NEAR(batch.rewards[0], -std::abs(StateOf(*env)[1] + 0.5), 1e-9);

  // the change that was due anyway comes in its time
  for (int step = 2; step < 25; ++step) {
    EXPECT_EQ(env->PresentTask(kId)[0], -0.5) << step;
    env->Step(still, batch);
  }
  EXPECT_NE(env->PresentTask(kId)[0], -0.5);

  EXPECT_THROW(env->ChangeTask(kId, std::vector<double>{99.0}), Error);
  EXPECT_THROW(env->ChangeTask(kId, std::vector<double>{1.0, 1.0}), Error);
}

// Where tasks edit the model, a changed one moves as if it had been that task's from there on.
TEST(WatchedEnv, AModelFollowsATaskThatIsChangedByHand) {
  FamilyOptions options;
  options.horizon = 50;
  const std::unique_ptr<TaskFamily> family = MakeDriftingPendulum(options);
  const std::vector<Task> tasks = family->Sample(Split::kTrain, 2, Rng(3));
  const std::unique_ptr<VectorEnv> changed = Started(*family, tasks[0]),
                                   other = Started(*family, tasks[1]);
  StepBatch batch = changed->MakeStepBatch();
  const std::vector<double> action(static_cast<size_t>(family->spec().action_size), 0.3);
  changed->ChangeTask(kId, tasks[1].values);
  other->SetState(kId, StateOf(*changed));
  for (int step = 0; step < 5; ++step) {
    changed->Step(action, batch);
    const double reward = batch.rewards[0];
    other->Step(action, batch);
    EXPECT_NEAR(reward, batch.rewards[0], 1e-6) << step;
    const std::vector<double> a = StateOf(*changed), b = StateOf(*other);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << step;
  }
}

TEST(WatchedEnv, TasksThatStayCannotBeChanged) {
  const std::unique_ptr<TaskFamily> family = BuiltinFamilies().Make("half-cheetah-vel@promp");
  const Task task = family->Sample(Split::kTest, 1, Rng(1))[0];
  EXPECT_THROW(Started(*family, task)->ChangeTask(kId, std::vector<double>{1.0}), Error);
}

TEST(WatchedEnv, ATaskIsDrawnWithItsOwnModel) {
  const std::unique_ptr<TaskFamily> family = Example("hover-dynamics");
  const std::shared_ptr<const mjModel> nominal = family->DisplayModel(nullptr);
  Task task{family->spec().name, {2, 1, 1, 1, 1}};
  const std::shared_ptr<const mjModel> heavy = family->DisplayModel(&task);
  ASSERT_NE(nominal, nullptr);
  EXPECT_NEAR(heavy->body_mass[1], 2 * nominal->body_mass[1], 1e-12);
  EXPECT_EQ(family->DisplayModel(nullptr), nominal);
  task.values[0] = 100;
  EXPECT_THROW(family->DisplayModel(&task), Error);
}

TEST(WatchedEnv, DrawnModelsHaveASkyAndAGround) {
  const std::shared_ptr<const mjModel> model = Example("arm-reach")->DisplayModel(nullptr);
  bool sky = false;
  for (int texture = 0; texture < model->ntex; ++texture) {
    sky = sky || model->tex_type[texture] == mjTEXTURE_SKYBOX;
  }
  EXPECT_TRUE(sky);
  int planes = 0;
  for (int geom = 0; geom < model->ngeom; ++geom) {
    if (model->geom_type[geom] != mjGEOM_PLANE) continue;
    ++planes;
    EXPECT_GE(model->geom_matid[geom], 0);
  }
  EXPECT_GT(planes, 0);
  // what is simulated and what is drawn have the same numbers
  const std::unique_ptr<TaskFamily> family = Example("arm-reach");
  const std::unique_ptr<VectorEnv> env =
      Started(*family, family->Sample(Split::kTest, 1, Rng(1))[0]);
  EXPECT_EQ(mj_stateSize(env->physics(kId).model, mjSTATE_INTEGRATION),
            mj_stateSize(model.get(), mjSTATE_INTEGRATION));
}

}  // namespace
}  // namespace fewstep

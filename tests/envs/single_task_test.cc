// A family of one of its tasks, and the tasks that a family has.
#include "envs/single_task.h"

#include "core/error.h"
#include "envs/outside_families.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

std::unique_ptr<TaskFamily> Make(const std::string& name, std::vector<std::string> task,
                                 bool observe_task = false) {
  FamilyOptions options;
  options.task = std::move(task);
  options.observe_task = observe_task;
  return BuiltinFamilies().Make(name, options);
}

TEST(SingleTask, IsTheTaskInEverySplitAndSimulatesTheSame) {
  const auto plain = Make("half-cheetah-vel@pearl", {}),
             single = Make("half-cheetah-vel@pearl", {"velocity=1.25"});
  const Task task{"half-cheetah-vel@pearl", {1.25}};
  for (const Split split : {Split::kTrain, Split::kTest}) {
    EXPECT_EQ(single->Sample(split, 3, Rng(1)), std::vector<Task>(3, task));
    EXPECT_EQ(single->AllTasks(split), std::vector<Task>{task});
  }
  EXPECT_TRUE(single->AllTasks(Split::kOod).empty());
  EXPECT_THROW(single->Sample(Split::kOod, 1, Rng(1)), Error);
  EXPECT_TRUE(single->spec().finite);
  EXPECT_EQ(EnumerateTasks(single->spec()), std::vector<Task>{task});
  EXPECT_NE(single->hash(), plain->hash());
  EXPECT_NE(single->hash(), Make("half-cheetah-vel@pearl", {"velocity=1.5"})->hash());
  EXPECT_NE(single->spec().splits.find("velocity=1.25"), std::string::npos);

  constexpr int kEnvs = 2, kSteps = 20;
  const std::vector<Task> tasks(kEnvs, task);
  const auto a = plain->MakeVectorEnv(kEnvs, 1), b = single->MakeVectorEnv(kEnvs, 1);
  a->SetTasks(tasks);
  b->SetTasks(tasks);
  const auto actions = RandomActions(plain->spec(), kSteps, kEnvs, 4);
  const Trajectory x = Roll(*a, Rng(5), actions), y = Roll(*b, Rng(5), actions);
  EXPECT_EQ(x.rewards, y.rewards);
  EXPECT_EQ(x.observations, y.observations);
}

TEST(SingleTask, CanBeTold) {
  const auto told = Make("point-robot@pearl", {"goal_x=0.5", "goal_y=-1"}, true);
  EXPECT_EQ(told->spec().observation_size, 4);
  EXPECT_TRUE(told->spec().task_observed);
}

TEST(SingleTask, ThatIsNoneIsRefused) {
  for (const std::vector<std::string>& task : {std::vector<std::string>{"velocity=9"},
                                               {"speed=1"},
                                               {"velocity=1", "velocity=1"},
                                               {"velocity"}}) {
    try {
      Make("half-cheetah-vel@pearl", task);
      ADD_FAILURE() << task[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    }
  }
  EXPECT_THROW(Make("point-robot@pearl", {"goal_x=0.5"}), Error);
}

TEST(SingleTask, IsRefusedWhereTasksChange) {
  FamilyCatalog catalog;
  AddFamilies(FEWSTEP_SOURCE_DIR "/examples/families/cart-changing", {}, Clash::kRefuse, catalog);
  FamilyOptions options;
  const auto family = catalog.Make("cart-changing@example");
  const std::string task = ToString(family->spec(), family->Sample(Split::kTrain, 1, Rng(1))[0]);
  options.task = {task};
  try {
    catalog.Make("cart-changing@example", options);
    FAIL() << task;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("change"), std::string::npos) << error.what();
  }
}

TEST(AllTasks, AreThoseOfAListOrOfAFiniteFamily) {
  const auto listed = Make("sparse-point-robot@pearl", {});
  EXPECT_EQ(listed->AllTasks(Split::kTrain).size(), 80u);
  EXPECT_EQ(listed->AllTasks(Split::kTest), listed->Sample(Split::kTest, 20, Rng(1)));
  EXPECT_TRUE(listed->AllTasks(Split::kOod).empty());
  const auto finite = Make("half-cheetah-dir@promp", {});
  EXPECT_EQ(finite->AllTasks(Split::kTrain), EnumerateTasks(finite->spec()));
  EXPECT_TRUE(finite->AllTasks(Split::kOod).empty());
  EXPECT_TRUE(Make("half-cheetah-vel@promp", {})->AllTasks(Split::kTrain).empty());
}

}  // namespace
}  // namespace fewstep

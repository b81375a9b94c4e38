// A performance against the same environment stepped by hand.
#include "viewer/performance.h"

#include <gtest/gtest.h>
#include <mujoco/mujoco.h>

#include "core/error.h"
#include "tests/viewer/show_testing.h"

namespace fewstep {
namespace {

constexpr int kHorizon = 9;

Performance Perform(const TaskFamily& family, const Task& task, double amplitude = 1) {
  return Performance(family, std::make_unique<SwingingPerformer>(amplitude, 0), task);
}

TEST(Performance, KeepsEverythingThatTheEnvironmentGave) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  const FamilySpec& spec = family->spec();
  const Task task = family->Sample(Split::kTest, 1, Rng(1))[0];
  Performance performance = Perform(*family, task);
  performance.Begin(Rng(5));
  while (!performance.ended()) performance.Step();
  ASSERT_EQ(performance.length(), kHorizon);
  EXPECT_FALSE(performance.diverged());

  const std::unique_ptr<VectorEnv> env = family->MakeVectorEnv(1, 1);
  StepBatch batch = env->MakeStepBatch();
  env->SetTasks({&task, 1});
  const int id = 0;
  const EpisodeOrigin origin = Rng(5);
  std::vector<float> observation(static_cast<size_t>(spec.observation_size));
  env->Start({&id, 1}, {&origin, 1}, observation);
  SwingingPerformer script(1, 0);
  script.BeginEpisode(Rng(5));
  std::vector<double> state(spec.state.size()), physics;
  double total = 0;
  for (int step = 0; step <= kHorizon; ++step) {
    env->GetState(0, state);
    EXPECT_TRUE(std::ranges::equal(performance.state(step), state)) << step;
    EXPECT_EQ(performance.task(step)[0], task.values[0]);
    const PhysicsView view = env->physics(0);
    physics.resize(static_cast<size_t>(mj_stateSize(view.model, mjSTATE_INTEGRATION)));
    mj_getState(view.model, view.data, physics.data(), mjSTATE_INTEGRATION);
    EXPECT_TRUE(std::ranges::equal(performance.physics(step), physics)) << step;
    EXPECT_EQ(performance.returns()[static_cast<size_t>(step)], total);
    if (step == kHorizon) break;
    std::vector<float> action(static_cast<size_t>(spec.action_size));
    script.Act(observation, action);
    env->Step(std::vector<double>(action.begin(), action.end()), batch);
    total += batch.rewards[0];
    EXPECT_EQ(performance.rewards()[static_cast<size_t>(step) + 1], batch.rewards[0]);
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      EXPECT_EQ(performance.metric(m)[static_cast<size_t>(step) + 1], batch.metrics[m]);
    }
  }

  // what has ended stays; a new beginning forgets it
  performance.Step();
  EXPECT_EQ(performance.length(), kHorizon);
  performance.Begin(Rng(5));
  EXPECT_EQ(performance.length(), 0);
  EXPECT_EQ(performance.returns().size(), 1u);
  EXPECT_EQ(performance.metric(0).size(), 1u);
}

TEST(Performance, RefusesATaskOfAnotherFamily) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  EXPECT_THROW(Perform(*family, {"point-nav@maml", {0.1, 0.1}}), Error);
}

// A push along x moves the half-cheetah as MuJoCo's applied force does, until it is let go.
TEST(Performance, CanBePushed) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 30);
  const Task task = family->Sample(Split::kTest, 1, Rng(1))[0];
  Performance still = Perform(*family, task, 0), pushed = Perform(*family, task, 0);
  still.Begin(Rng(5));
  pushed.Begin(Rng(5));
  const double force[] = {100, 0, 0, 0, 0, 0};
  pushed.Push(1, force);
  for (int step = 0; step < 10; ++step) {
    still.Step();
    pushed.Step();
  }
  const auto speed = [](const Performance& p, int step) { return p.state(step)[9]; };
  EXPECT_GT(speed(pushed, 10), speed(still, 10) + 0.5);

  // by hand: the force that is there in every substep
  const std::shared_ptr<const mjModel> model = family->DisplayModel(&task);
  mjData* data = mj_makeData(model.get());
  mj_setState(model.get(), data, pushed.physics(0).data(), mjSTATE_INTEGRATION);
  const int substeps =
      static_cast<int>(std::lround(family->spec().control_dt / model->opt.timestep));
  for (int i = 0; i < substeps; ++i) {
    mju_copy(data->xfrc_applied + 6, force, 6);
    mj_step(model.get(), data);
  }
  for (int i = 0; i < model->nv; ++i) {
    EXPECT_NEAR(pushed.state(1)[static_cast<size_t>(model->nq + i)], data->qvel[i], 1e-9) << i;
  }
  mj_deleteData(data);

  // no force is left in the state that is kept, nor after it was let go
  const double none[6] = {};
  pushed.Push(0, none);
  const auto next_state = [&] {
    pushed.Step();
    return std::vector<double>(pushed.state(pushed.length()).begin(),
                               pushed.state(pushed.length()).end());
  };
  const std::vector<double> before(pushed.state(10).begin(), pushed.state(10).end());
  const std::vector<double> after = next_state();
  const auto env = family->MakeVectorEnv(1, 1);
  StepBatch batch = env->MakeStepBatch();
  env->SetTasks({&task, 1});
  const int id = 0;
  std::vector<float> observation(static_cast<size_t>(family->spec().observation_size));
  env->Reset({&id, 1}, Rng(1), observation);
  env->SetState(0, before);
  env->Step(std::vector<double>(6, 0.0), batch);
  std::vector<double> alone(after.size());
  env->GetState(0, alone);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(after[i], alone[i], 1e-6) << i;
}

TEST(Performance, TasksThatStayCannotBeChanged) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  Performance performance = Perform(*family, family->Sample(Split::kTest, 1, Rng(1))[0]);
  performance.Begin(Rng(1));
  EXPECT_THROW(performance.ChangeTask(std::vector<double>{1.0}), Error);
}

}  // namespace
}  // namespace fewstep

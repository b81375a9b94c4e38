// The half-cheetah families against their definitions, computed here from states alone.
#include <cmath>
#include <fstream>

#include "embedded/half_cheetah.xml.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

constexpr int kEnvs = 4;

class HalfCheetah : public NoWarningsTest {
 protected:
  void Start(const std::string& name) {
    family_ = BuiltinFamilies().Make(name);
    env_ = family_->MakeVectorEnv(kEnvs, 2);
    tasks_ = family_->Sample(Split::kTrain, kEnvs, Rng(1));
    env_->SetTasks(tasks_);
    Roll(*env_, Rng(2), {});
  }
  std::vector<double> State(int env) {
    std::vector<double> state(18);
    env_->GetState(env, state);
    return state;
  }

  std::unique_ptr<TaskFamily> family_;
  std::unique_ptr<VectorEnv> env_;
  std::vector<Task> tasks_;
};

// The published cost of the controls that follow from an action.
double Cost(const double* action, double scale, double weight = 0.05) {
  double sum = 0;
  for (int i = 0; i < 6; ++i) {
    const double u = std::fmin(1, std::fmax(-1, action[i] / scale));
    sum += u * u;
  }
  return weight * sum;
}

TEST_F(HalfCheetah, GymVersionsPayForTheRootsDisplacement) {
  for (const std::string name : {"half-cheetah-dir@promp", "half-cheetah-vel@promp",
                                 "half-cheetah-vel@tristan", "half-cheetah@gym"}) {
    Start(name);
    const double weight = name == "half-cheetah@gym" ? 0.1 : 0.05;
    const double scale = family_->spec().action_high;
    EXPECT_EQ(scale, name.ends_with("promp") ? 10 : 1);
    StepBatch batch = env_->MakeStepBatch();
    for (uint64_t step = 0; step < 20; ++step) {
      std::vector<double> before;
      for (int i = 0; i < kEnvs; ++i) before.push_back(State(i)[0]);
      const auto actions = RandomActions(family_->spec(), 1, kEnvs, 3 + step);
      env_->Step(actions, batch);
      for (size_t i = 0; i < kEnvs; ++i) {
        const std::vector<double> state = State(static_cast<int>(i));
        const double velocity = (state[0] - before[i]) / 0.05;
        const double run = name.find("vel") == std::string::npos
                               ? tasks_[i].values[0] * velocity
                               : -std::abs(velocity - tasks_[i].values[0]);
        EXPECT_NEAR(batch.rewards[i], run - Cost(&actions[i * 6], scale, weight), 1e-12) << name;
        EXPECT_NEAR(batch.metrics[i * 3], velocity, 1e-12);
        EXPECT_NEAR(batch.metrics[i * 3 + 1], Cost(&actions[i * 6], scale, weight), 1e-15);
        EXPECT_EQ(batch.metrics[i * 3 + 2], state[0]);

        // joints, then rates
        const size_t size = static_cast<size_t>(family_->spec().observation_size);
        for (size_t k = 0; k < 17; ++k) {
          EXPECT_EQ(batch.observations64[i * size + k], state[k + 1]);
        }
      }
    }
  }
}

// The torso's position of @tristan lags one substep behind a step and is current after a reset.
TEST_F(HalfCheetah, TristanObservesTheTorsoAsMjStepLeavesIt) {
  Start("half-cheetah-vel@tristan");
  std::vector<double> row(20);
  env_->Observe(0, row);
  const std::vector<double> at_reset = State(0);
  EXPECT_NEAR(row[17], at_reset[0], 1e-15);
  EXPECT_NEAR(row[19], 0.7 + at_reset[1], 1e-15);

  // five substeps by hand from the same state
  env_->SetState(0, at_reset);
  const PhysicsView view = env_->physics(0);
  const auto data = MakeData(view.model);
  mj_copyData(data.get(), view.model, view.data);
  mj_resetData(view.model, data.get());
  mju_copy(data->qpos, at_reset.data(), 9);
  mju_copy(data->qvel, at_reset.data() + 9, 9);
  const auto actions = RandomActions(family_->spec(), 1, kEnvs, 4);
  for (int i = 0; i < 6; ++i)
    data->ctrl[i] = std::fmin(1, std::fmax(-1, actions[static_cast<size_t>(i)]));
  mj_forward(view.model, data.get());
  for (int substep = 0; substep < 4; ++substep) mj_step(view.model, data.get());
  const double x_before_last = data->qpos[0], z_before_last = data->qpos[1];
  mj_step(view.model, data.get());
  StepBatch batch = env_->MakeStepBatch();
  env_->Step(actions, batch);
  EXPECT_NEAR(batch.observations64[7], data->qpos[8], 1e-12);
  EXPECT_NEAR(batch.observations64[17], x_before_last, 1e-12);
  EXPECT_NEAR(batch.observations64[19], 0.7 + z_before_last, 1e-12);
  EXPECT_GT(std::abs(x_before_last - data->qpos[0]), 1e-6);
}

// @rllab: the velocity is the momentum over the mass, both at the new state.
TEST_F(HalfCheetah, RllabPaysForTheCentreOfMass) {
  Start("half-cheetah-vel@rllab");
  EXPECT_EQ(family_->spec().horizon, 200);
  EXPECT_EQ(family_->spec().control_dt, 0.01);
  StepBatch batch = env_->MakeStepBatch();
  for (uint64_t step = 0; step < 20; ++step) {
    const auto actions = RandomActions(family_->spec(), 1, kEnvs, 5 + step);
    env_->Step(actions, batch);
    for (int i = 0; i < kEnvs; ++i) {
      // physics() computes every derived quantity at the present state
      const PhysicsView view = env_->physics(i);
      double momentum = 0, weighted[3] = {}, mass = 0;
      for (int body = 1; body < view.model->nbody; ++body) {
        mjtNum velocity[6];
        mj_objectVelocity(view.model, view.data, mjOBJ_BODY, body, velocity, 0);
        mass += view.model->body_mass[body];
        momentum += view.model->body_mass[body] * velocity[3];
        for (int k = 0; k < 3; ++k) {
          weighted[k] += view.model->body_mass[body] * view.data->xipos[3 * body + k];
        }
      }
      const size_t at = static_cast<size_t>(i);
      EXPECT_NEAR(mass, 14, 1e-12);
      EXPECT_NEAR(batch.rewards[at],
                  -std::abs(momentum / mass - tasks_[at].values[0]) - Cost(&actions[at * 6], 1),
                  1e-9);
      for (size_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(batch.observations64[at * 20 + 17 + k], weighted[k] / mass, 1e-12);
      }
    }
  }
}

TEST_F(HalfCheetah, ResetLaws) {
  for (const auto& [name, spread] : {std::pair{"half-cheetah-dir@promp", 0.1 / std::sqrt(3.0)},
                                     std::pair{"half-cheetah-vel@rllab", 0.01}}) {
    const auto family = BuiltinFamilies().Make(name);
    const auto env = family->MakeVectorEnv(1000, 2);
    env->SetTasks(std::vector<Task>(1000, family->Sample(Split::kTrain, 1, Rng(6))[0]));
    Roll(*env, Rng(7), {});
    double squares[2] = {}, largest = 0;
    std::vector<double> state(18);
    for (int i = 0; i < 1000; ++i) {
      env->GetState(i, state);
      for (size_t k = 0; k < 9; ++k) {
        squares[0] += state[k] * state[k] / 9000;
        squares[1] += state[k + 9] * state[k + 9] / 9000;
        largest = std::fmax(largest, std::abs(state[k]));
      }
    }
    // 9,000 draws: four standard errors are below 4 percent
    EXPECT_NEAR(std::sqrt(squares[0]), spread, 0.04 * spread) << name;
    EXPECT_NEAR(std::sqrt(squares[1]), 0.1, 0.004) << name;
    EXPECT_LE(largest, 0.1) << name;
  }
}

// A simulation that breaks ends its episode; the others go on as if nothing had happened.
TEST(HalfCheetahDivergence, EndsOneEpisodeAlone) {
  const auto family = BuiltinFamilies().Make("half-cheetah-dir@promp");
  const auto actions = RandomActions(family->spec(), 20, kEnvs, 8);
  const auto run = [&](bool break_one) {
    const auto env = family->MakeVectorEnv(kEnvs, 2);
    env->SetTasks(family->Sample(Split::kTrain, kEnvs, Rng(9)));
    Roll(*env, Rng(10), {});
    if (break_one) {
      std::vector<double> state(18);
      env->GetState(2, state);
      state[9] = 1e12;  // beyond what MuJoCo takes for a number
      env->SetState(2, state);
    }
    Trajectory trajectory = Continue(*env, actions);
    // the last state before the bad step is kept
    std::vector<double> state(18);
    env->GetState(2, state);
    for (const double value : state) EXPECT_TRUE(std::isfinite(value));
    return trajectory;
  };
  const Trajectory sound = run(false), broken = run(true);
  EXPECT_GT(MujocoWarningCount(), 0);
  for (size_t step = 0; step < 20; ++step) {
    for (size_t i = 0; i < kEnvs; ++i) {
      const size_t at = step * kEnvs + i;
      EXPECT_EQ(broken.flags[at * 3 + 2], i == 2) << "step " << step << " simulation " << i;
      EXPECT_EQ(broken.flags[at * 3], 0);
      if (i == 2) {
        EXPECT_EQ(broken.rewards[at], 0);
        continue;
      }
      ASSERT_EQ(broken.rewards[at], sound.rewards[at]);
      for (size_t k = 0; k < 17; ++k) {
        ASSERT_EQ(broken.observations[at * 17 + k], sound.observations[at * 17 + k]);
      }
    }
  }

  // a reset heals it, and MuJoCo wrote no log file
  const auto env = family->MakeVectorEnv(kEnvs, 2);
  env->SetTasks(family->Sample(Split::kTrain, kEnvs, Rng(9)));
  Roll(*env, Rng(10), {});
  env->SetState(2, std::vector<double>(18, 1e11));
  Continue(*env, actions);
  EXPECT_EQ(Roll(*env, Rng(10), actions).rewards, sound.rewards);
  EXPECT_FALSE(std::ifstream("MUJOCO_LOG.TXT").good());
}

// An episode that diverges is cut, and the rows past its length are untouched.
TEST(HalfCheetahDivergence, CutsTheRecord) {
  MujocoDefinition definition = PendulumDefinition();
  definition.terminated = nullptr;
  definition.control = [](const Simulation& s, const double* action) noexcept {
    s.data->ctrl[0] = action[0];
    if (s.data->time > 0.1) s.data->qfrc_applied[0] = 1e300;
  };
  const auto family = MakeMujocoFamily(definition, {});
  std::vector<float> observations(40 * 3, -7), actions(40, -7), rewards(40, -7), last(3, -7);
  const auto act = [](void*, const float*, int, float* action) noexcept { *action = 0; };
  const EpisodeResult result = family->MakeEpisodeRunner()->Run(
      *family->Prepare(family->Sample(Split::kTrain, 1, Rng(11))[0]), Rng(12), act, nullptr,
      {observations.data(), actions.data(), rewards.data(), nullptr, last.data(), nullptr});
  EXPECT_TRUE(result.diverged);
  EXPECT_FALSE(result.terminated);
  EXPECT_GE(result.length, 5);
  EXPECT_LE(result.length, 7);
  const size_t length = static_cast<size_t>(result.length);
  for (size_t t = 0; t < 40; ++t) {
    EXPECT_EQ(rewards[t] == -7, t >= length);
    EXPECT_EQ(observations[t * 3] == -7, t >= length);
    EXPECT_EQ(actions[t] == -7, t >= length);
  }
  for (const float value : last) EXPECT_TRUE(std::isfinite(value));
}

// The definition breaks in the worker: the state before the bad step comes back.
TEST(HalfCheetahDivergence, KeepsTheLastSoundState) {
  MujocoDefinition definition = PendulumDefinition();
  definition.terminated = nullptr;
  definition.control = [](const Simulation& s, const double* action) noexcept {
    s.data->ctrl[0] = action[0];
    if (s.data->time > 0.1) s.data->qfrc_applied[0] = 1e300;
  };
  const auto family = MakeMujocoFamily(definition, {});
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTrain, 1, Rng(13)));
  Roll(*env, Rng(14), {});
  StepBatch batch = env->MakeStepBatch();
  std::vector<double> before(2), after(2), row(3);
  while (!batch.diverged[0]) {
    env->GetState(0, before);
    row = batch.observations64;
    env->Step(std::vector<double>{0.5}, batch);
  }
  env->GetState(0, after);
  EXPECT_EQ(after, before);
  EXPECT_EQ(batch.observations64, row);
  EXPECT_EQ(batch.rewards[0], 0);
  EXPECT_EQ(batch.metrics[0], 0);
}

// An error that MuJoCo raises in a worker is the end of that episode, not of the program.
TEST(HalfCheetahDivergence, TrapsErrorsOfMujoco) {
  MujocoDefinition definition = PendulumDefinition();
  definition.terminated = nullptr;
  definition.control = [](const Simulation& s, const double* action) noexcept {
    s.data->ctrl[0] = action[0];
    if (s.data->time > 0.1) mj_stackAllocNum(s.data, size_t{1} << 40);
  };
  const auto family = MakeMujocoFamily(definition, {});
  const auto task = family->Sample(Split::kTrain, 1, Rng(15));
  std::vector<float> observations(40 * 3), actions(40), rewards(40);
  const auto act = [](void*, const float*, int, float* action) noexcept { *action = 0; };
  const auto runner = family->MakeEpisodeRunner();
  const auto prepared = family->Prepare(task[0]);
  for (int run = 0; run < 2; ++run) {
    const EpisodeResult result =
        runner->Run(*prepared, Rng(16), act, nullptr,
                    {observations.data(), actions.data(), rewards.data(), nullptr, nullptr});
    EXPECT_TRUE(result.diverged);
    EXPECT_EQ(result.length, 6);
  }
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(task);
  Trajectory t = Roll(*env, Rng(17), std::vector<double>(10, 0.0));
  for (size_t step = 0; step < 10; ++step) EXPECT_EQ(t.flags[step * 3 + 2], step >= 6) << step;
}

TEST_F(HalfCheetah, SamplingModelsHoldNoTexturesAndSimulateTheSame) {
  const auto with =
      CompileModel(embedded::half_cheetah_xml, {}, "half_cheetah.xml", Textures::kKeep);
  const auto without =
      CompileModel(embedded::half_cheetah_xml, {}, "half_cheetah.xml", Textures::kDrop);
  EXPECT_GT(with->ntex, 0);
  EXPECT_EQ(without->ntex, 0);
  const auto a = MakeData(with.get()), b = MakeData(without.get());
  for (int step = 0; step < 500; ++step) {
    for (int i = 0; i < 6; ++i) a->ctrl[i] = b->ctrl[i] = std::sin(0.1 * step + i);
    mj_step(with.get(), a.get());
    mj_step(without.get(), b.get());
    for (int i = 0; i < 9; ++i) ASSERT_EQ(a->qvel[i], b->qvel[i]);
  }
}

}  // namespace
}  // namespace fewstep

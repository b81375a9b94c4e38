// A family that is told the task: the same numbers, and the task behind each observation.
#include "envs/observed_task.h"

#include <cmath>

#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

constexpr int kEnvs = 4, kSteps = 30;

class TaskObserving : public NoWarningsTest, public ::testing::WithParamInterface<std::string> {
 protected:
  static std::unique_ptr<TaskFamily> Make(bool observe_task) {
    FamilyOptions options;
    options.observe_task = observe_task;
    return BuiltinFamilies().Make(GetParam(), options);
  }
  const std::unique_ptr<TaskFamily> plain_ = Make(false), told_ = Make(true);
  const size_t plain_size_ = static_cast<size_t>(plain_->spec().observation_size);
  const size_t told_size_ = static_cast<size_t>(told_->spec().observation_size);
  const std::vector<Task> tasks_ = plain_->Sample(Split::kTrain, kEnvs, Rng(1));

  // What must stand behind observations of task `i`, rounded as `Number` is.
  template <typename Number>
  void ExpectTask(const Number* values, size_t i) const {
    for (size_t p = 0; p < tasks_[i].values.size(); ++p) {
      const ParameterSpec& parameter = plain_->spec().parameters[p];
      const double middle = (parameter.low + parameter.high) / 2;
      const double half = (parameter.high - parameter.low) / 2;
      EXPECT_NEAR(static_cast<double>(values[p]), (tasks_[i].values[p] - middle) / half, 1e-6);
      EXPECT_LE(std::abs(values[p]), 1);
    }
  }
};

TEST_P(TaskObserving, TheDefinitionIsAnotherOfTheSameName) {
  const FamilySpec &plain = plain_->spec(), &told = told_->spec();
  EXPECT_EQ(told.name, plain.name);
  EXPECT_EQ(told_size_, plain_size_ + plain.parameters.size());
  EXPECT_EQ(told.observation.size(), plain.observation.size() + 1);
  EXPECT_NE(told.observation.back().find(plain.parameters[0].name), std::string::npos);
  EXPECT_NE(told.summary, plain.summary);
  EXPECT_NE(told_->hash(), plain_->hash());
  EXPECT_EQ(told_->Sample(Split::kTest, 5, Rng(3)), plain_->Sample(Split::kTest, 5, Rng(3)));
}

TEST_P(TaskObserving, AnEnvironmentGivesTheSameBitsAndTheTask) {
  const auto plain = plain_->MakeVectorEnv(kEnvs, 2), told = told_->MakeVectorEnv(kEnvs, 2);
  plain->SetTasks(tasks_);
  told->SetTasks(tasks_);
  const auto actions = RandomActions(plain_->spec(), kSteps, kEnvs, 4);
  const Trajectory a = Roll(*plain, Rng(5), actions), b = Roll(*told, Rng(5), actions);
  EXPECT_EQ(b.rewards, a.rewards);
  EXPECT_EQ(b.metrics, a.metrics);
  EXPECT_EQ(b.flags, a.flags);
  for (size_t row = 0; row < kSteps * kEnvs; ++row) {
    for (size_t k = 0; k < plain_size_; ++k) {
      ASSERT_EQ(b.observations[row * told_size_ + k], a.observations[row * plain_size_ + k]);
    }
    ExpectTask(&b.observations[row * told_size_ + plain_size_], row % kEnvs);
  }
  for (size_t i = 0; i < kEnvs; ++i) {
    for (size_t k = 0; k < plain_size_; ++k) {
      ASSERT_EQ(b.first[i * told_size_ + k], a.first[i * plain_size_ + k]);
    }
    ExpectTask(&b.first[i * told_size_ + plain_size_], i);
  }

  // the present observation, and that of some simulations that are reset
  std::vector<double> present(told_size_);
  told->Observe(3, present);
  EXPECT_TRUE(std::equal(present.begin(), present.end(),
                         b.observations.end() - static_cast<std::ptrdiff_t>(told_size_)));
  const std::vector<int> ids = {1, 3};
  std::vector<float> rows(2 * told_size_);
  told->Reset(ids, Rng(6), rows);
  ExpectTask(&rows[plain_size_], 1);
  ExpectTask(&rows[told_size_ + plain_size_], 3);
}

// Notes what the policy sees and pushes forwards.
struct Seen {
  size_t size;
  std::vector<float> observations;
};
void Look(void* context, const float* observation, int, float* action) noexcept {
  Seen& seen = *static_cast<Seen*>(context);
  seen.observations.insert(seen.observations.end(), observation, observation + seen.size);
  action[0] = 0.5f;
}

TEST_P(TaskObserving, ThePolicySeesWhatIsRecorded) {
  const auto runner = told_->MakeEpisodeRunner();
  const auto horizon = static_cast<size_t>(told_->spec().horizon);
  const auto width = static_cast<size_t>(told_->spec().action_width());
  for (const size_t i : {size_t{0}, size_t{2}}) {  // one runner, two tasks
    std::vector<float> observations(horizon * told_size_), actions(horizon * width),
        rewards(horizon), last(told_size_);
    Seen seen{told_size_, {}};
    const EpisodeResult result = runner->Run(
        *told_->Prepare(tasks_[i]), Rng(7), Look, &seen,
        {observations.data(), actions.data(), rewards.data(), nullptr, last.data(), nullptr});
    observations.resize(static_cast<size_t>(result.length) * told_size_);
    EXPECT_EQ(observations, seen.observations);
    ExpectTask(&seen.observations[plain_size_], i);
    ExpectTask(&last[plain_size_], i);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TaskObserving,
                         ::testing::Values("half-cheetah-vel@promp", "half-cheetah-dir@promp",
                                           "point-nav@maml"),
                         FamilyTestName);

}  // namespace
}  // namespace fewstep

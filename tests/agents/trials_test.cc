// Memory through trials: both plans against a loop written by hand.
#include "agents/trials.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/sampler.h"
#include "tests/agents/learning_testing.h"
#include "tests/agents/remembering_policy.h"
#include "tests/agents/stakes.h"

namespace fewstep {
namespace {

constexpr int kTasks = 3;

// A family with tasks, a policy and one row of parameters a task: small enough that actions, which
// follow from previous ones, do not grow.
struct Scene {
  static constexpr double kScale = 0.15;

  Scene(std::unique_ptr<TaskFamily> f, bool native)
      : family(std::move(f)),
        tasks(family->Sample(Split::kTrain, kTasks, Rng(1))),
        policy(family->spec(), native),
        rows{Normals({kTasks, policy.layout()->size()}, 2).to(torch::kFloat32) * kScale,
             policy.layout()} {}

  Rollouts Collect(SamplingPlan plan, int threads, const CollectOptions& options, const Rng& rng,
                   TrialStates* trials) const {
    const auto pool = MakePool(threads);
    Sampler sampler(*family, *pool, plan);
    return sampler.Collect(policy, rows, tasks, options, rng, trials);
  }

  std::unique_ptr<TaskFamily> family;
  std::vector<Task> tasks;
  RememberingPolicy policy;
  Parameters rows;
};

// What RememberingPolicy does, once more, in double, from scalars kept by hand.
class Hand {
 public:
  Hand(const Scene& scene, int64_t task) : scene_(&scene), row_(scene.rows.flat[task]) {}

  std::vector<double> Act(std::span<const float> observation, Rng& rng) {
    if (begun_) {
      count_ += 1;
      sum_ += reward_;
    }
    std::vector<double> features(observation.begin(), observation.end());
    features.insert(features.end(), action_.begin(), action_.end());
    if (!begun_) features.resize(observation.size() + width(), 0.0);
    features.push_back(sum_ / 10);
    features.push_back(count_ / 10);
    const auto outputs = static_cast<size_t>(scene_->family->spec().action_size);
    std::vector<double> out(outputs);
    for (size_t f = 0; f < features.size(); ++f) {
      for (size_t o = 0; o < outputs; ++o) {
        out[o] += features[f] * row_[static_cast<int64_t>(f * outputs + o)].item<double>();
      }
    }
    if (scene_->family->spec().action_kind == ActionKind::kContinuous) {
      for (double& mean : out) mean += 0.3 * rng.Normal();
      return out;
    }
    double total = 0;
    for (const double logit : out) total += std::exp(logit);
    double remaining = rng.Uniform() * total;
    size_t choice = 0;
    while (choice + 1 < outputs && (remaining -= std::exp(out[choice])) >= 0) ++choice;
    return {static_cast<double>(choice)};
  }

  void Remember(const std::vector<double>& action, double reward) {
    begun_ = true;
    action_.assign(action.begin(), action.end());
    for (double& value : action_) value = static_cast<float>(value);
    reward_ = static_cast<float>(reward);
  }

  double count() const { return count_; }
  double sum() const { return sum_; }

 private:
  size_t width() const { return static_cast<size_t>(scene_->family->spec().action_width()); }

  const Scene* scene_;
  torch::Tensor row_;
  bool begun_ = false;
  double count_ = 0, sum_ = 0, reward_ = 0;
  std::vector<double> action_;
};

// When a trial's memory is cleared: where it begins, one step later, never, or at every episode.
enum class Reset { kAtTheTrial, kOneStepLate, kNever, kAtEveryEpisode };

struct Played {
  torch::Tensor actions, rewards, mask;  // as in Rollouts
  std::vector<Hand> hands;               // one a trial, as its trial ends
};

// `trial_episodes` episodes each of `episodes / trial_episodes` trials of every task.
Played PlayByHand(const Scene& scene, int episodes, int trial_episodes, const Rng& rng,
                  Reset reset) {
  const FamilySpec& spec = scene.family->spec();
  const int64_t width = spec.action_width(), horizon = spec.horizon;
  Played played{.actions = torch::zeros({kTasks, episodes, horizon, width}),
                .rewards = torch::zeros({kTasks, episodes, horizon}),
                .mask = torch::zeros({kTasks, episodes, horizon}),
                .hands = {}};
  const auto env = scene.family->MakeVectorEnv(1, 1);
  StepBatch batch = env->MakeStepBatch();
  for (int64_t task = 0; task < kTasks; ++task) {
    env->SetTasks({&scene.tasks[static_cast<size_t>(task)], 1});
    Hand hand(scene, task);
    bool late = false;
    for (int episode = 0; episode < episodes; ++episode) {
      const bool begins = episode % trial_episodes == 0;
      if (reset == Reset::kAtEveryEpisode || (reset == Reset::kAtTheTrial && begins)) {
        hand = Hand(scene, task);
      }
      late = reset == Reset::kOneStepLate && begins && episode > 0;
      const auto item = static_cast<uint64_t>(task * episodes + episode);
      const EpisodeOrigin stream = rng.Fork("env", item);
      Rng act = rng.Fork("act", item);
      const int id = 0;
      std::vector<float> observation(static_cast<size_t>(spec.observation_size));
      env->Start({&id, 1}, {&stream, 1}, observation);
      for (int64_t step = 0; step < horizon; ++step) {
        std::vector<double> action = hand.Act(observation, act);
        for (double& value : action) value = static_cast<float>(value);
        env->Step(action, batch);
        if (late) hand = Hand(scene, task);
        late = false;
        hand.Remember(action, batch.rewards[0]);
        observation = batch.observations;
        for (int64_t i = 0; i < width; ++i) {
          played.actions[task][episode][step][i] = action[static_cast<size_t>(i)];
        }
        played.rewards[task][episode][step] = batch.rewards[0];
        played.mask[task][episode][step] = 1;
        if (batch.terminated[0] || batch.truncated[0]) break;
      }
      if ((episode + 1) % trial_episodes == 0) played.hands.push_back(hand);
    }
  }
  return played;
}

struct Case {
  const char* name;
  bool discrete, native;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class TrialsTest : public testing::TestWithParam<Case> {
 protected:
  static Scene MakeScene(const Case& c) {
    return Scene(c.discrete ? MakeStakes(0) : MakeFamily("half-cheetah-vel@promp", 6), c.native);
  }

  static void ExpectPlayed(const Rollouts& rollouts, const Played& played) {
    // contacts amplify the rounding of float actions
    EXPECT_TRUE(SameBits(rollouts.mask, played.mask));
    EXPECT_LT(Distance(rollouts.actions, played.actions), 1e-4);
    EXPECT_LT(Distance(rollouts.rewards, played.rewards), 2e-3);
  }

  const Scene scene_ = MakeScene(GetParam());
};

TEST_P(TrialsTest, BothPlansGiveTheTrajectoryOfTheLoopByHand) {
  for (const int trial_episodes : {1, 2, 4}) {
    const Played played = PlayByHand(scene_, 4, trial_episodes, Rng(5), Reset::kAtTheTrial);
    const int64_t num_trials = kTasks * 4 / trial_episodes;
    for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
      Rollouts first;
      for (const int threads : {1, 2, 8}) {
        TrialStates states = BeginTrials(scene_.policy, num_trials);
        const Rollouts rollouts = scene_.Collect(plan, threads, {.episodes = 4}, Rng(5), &states);
        if (threads == 1) {
          first = rollouts;
          ExpectPlayed(rollouts, played);
        } else {
          EXPECT_TRUE(SameRollouts(rollouts, first)) << threads;
        }
        // the memory as the last action left it
        for (int64_t trial = 0; trial < num_trials; ++trial) {
          const Hand& hand = played.hands[static_cast<size_t>(trial)];
          EXPECT_EQ(states.memory[trial][0].item<double>(), hand.count());
          EXPECT_NEAR(states.memory[trial][1].item<double>(), hand.sum(), 2e-2);
          EXPECT_EQ(states.begun[trial].item<float>(), 1);
        }
      }
    }
  }
}

TEST_P(TrialsTest, AMemoryThatIsClearedElsewhereIsNoticed) {
  // what the test above must be able to see
  TrialStates states = BeginTrials(scene_.policy, kTasks * 2);
  const Rollouts rollouts =
      scene_.Collect(SamplingPlan::kAuto, 2, {.episodes = 4}, Rng(5), &states);
  ExpectPlayed(rollouts, PlayByHand(scene_, 4, 2, Rng(5), Reset::kAtTheTrial));
  for (const Reset reset : {Reset::kOneStepLate, Reset::kNever, Reset::kAtEveryEpisode}) {
    const Played wrong = PlayByHand(scene_, 4, 2, Rng(5), reset);
    EXPECT_GT((rollouts.actions - wrong.actions).abs().max().item<double>(), 0.01)
        << static_cast<int>(reset);
  }
}

TEST_P(TrialsTest, ATrialGoesOnInTheNextCall) {
  // two calls by hand: the second begins where the first has ended
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    TrialStates states = BeginTrials(scene_.policy, kTasks);
    scene_.Collect(plan, 2, {.episodes = 2}, Rng(5), &states);
    const TrialStates kept = states.Clone();
    const Rollouts second = scene_.Collect(plan, 2, {.episodes = 1}, Rng(6), &states);

    // from the kept state again: the same; from a new one: another
    TrialStates again = kept.Clone();
    EXPECT_TRUE(SameRollouts(second, scene_.Collect(plan, 1, {.episodes = 1}, Rng(6), &again)));
    EXPECT_TRUE(SameBits(states.memory, again.memory));
    TrialStates fresh = BeginTrials(scene_.policy, kTasks);
    const Rollouts other = scene_.Collect(plan, 2, {.episodes = 1}, Rng(6), &fresh);
    EXPECT_GT(Distance(second.actions, other.actions), 0.01);

    // the first percept of the second call tells of the last step of the first
    const int64_t steps = second.mask[0][0].sum().item<int64_t>();
    EXPECT_EQ(states.memory[0][0].item<double>(), kept.memory[0][0].item<double>() + steps);
  }
}

TEST_P(TrialsTest, UnrollGivesWhatActed) {
  TrialStates states = BeginTrials(scene_.policy, kTasks * 2);
  const Rollouts rollouts = scene_.Collect(SamplingPlan::kAuto, 1,
                                           {.episodes = 6, .deterministic = true}, Rng(7), &states);
  const Sequences sequences = TrialSequences(scene_.policy, rollouts, kTasks * 2);
  const PolicyOutput output = scene_.policy.Unroll(scene_.rows, sequences);
  const torch::Tensor chosen =
      GetParam().discrete ? output.distribution.log_probs.argmax(-1, true).to(torch::kFloat32)
                          : output.distribution.mean;
  const torch::Tensor acted = rollouts.actions.reshape(chosen.sizes());
  EXPECT_LT(Distance(chosen * sequences.mask.unsqueeze(-1), acted), 1e-5);
  EXPECT_LT(Distance(output.memory, states.memory), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Policies, TrialsTest,
                         testing::Values(Case{"Continuous", false, true},
                                         Case{"ContinuousByLibTorch", false, false},
                                         Case{"Discrete", true, true},
                                         Case{"DiscreteByLibTorch", true, false}),
                         [](const auto& test) { return test.param.name; });

TEST(Trials, AMemorylessPolicyUnrollsAsItActs) {
  const auto family = MakeStakes(0);
  const auto tasks = family->Sample(Split::kTrain, kTasks, Rng(1));
  MlpOptions options;
  options.hidden = {8};
  const auto policy = MakeMlpPolicy(family->spec(), options);
  const Parameters rows{Normals({kTasks, policy->layout()->size()}, 3).to(torch::kFloat32),
                        policy->layout()};
  const auto pool = MakePool(1);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  const Rollouts rollouts =
      sampler.Collect(*policy, rows, tasks, {.episodes = 4, .deterministic = true}, Rng(2));
  for (const int64_t trials : {kTasks, kTasks * 4}) {
    const Sequences sequences = TrialSequences(*policy, rollouts, trials);
    const torch::Tensor chosen =
        policy->Unroll(rows, sequences).distribution.log_probs.argmax(-1).to(torch::kFloat32);
    EXPECT_LT(Distance(chosen * sequences.mask, rollouts.actions.reshape(chosen.sizes())), 1e-9);
  }
}

TEST(Trials, ADivergedEpisodeEndsItsTrial) {
  const Scene scene(MakeStakes(0.04), true);
  Rollouts first;
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    TrialStates states = BeginTrials(scene.policy, kTasks * 4);
    const Rollouts rollouts = scene.Collect(plan, 2, {.episodes = 40}, Rng(9), &states);
    const torch::Tensor lengths = rollouts.mask.sum(2).view({kTasks * 4, 10});
    int64_t ended = 0;
    for (int64_t trial = 0; trial < kTasks * 4; ++trial) {
      bool over = false;
      for (int64_t episode = 0; episode < 10; ++episode) {
        const bool ran = lengths[trial][episode].item<float>() > 0;
        EXPECT_FALSE(over && ran) << trial << " " << episode;
        over = over || !ran;
      }
      ended += states.ended[trial].item<float>() != 0 ? 1 : 0;
    }
    // the expected number of broken trials is about 12 (1 - .96^50), each counted once
    EXPECT_EQ(rollouts.diverged, ended);
    EXPECT_GT(ended, 0);
    if (plan == SamplingPlan::kEpisodes) {
      first = rollouts;
    } else {
      EXPECT_TRUE(SameBits(rollouts.mask, first.mask));
      EXPECT_TRUE(SameBits(rollouts.actions, first.actions));
    }

    // and nothing follows in the next call
    const TrialStates before = states.Clone();
    const Rollouts next = scene.Collect(plan, 2, {.episodes = 4}, Rng(10), &states);
    const torch::Tensor next_lengths = next.mask.sum(2).view({kTasks * 4});
    for (int64_t trial = 0; trial < kTasks * 4; ++trial) {
      if (before.ended[trial].item<float>() == 0) continue;
      EXPECT_EQ(next_lengths[trial].item<float>(), 0);
      EXPECT_TRUE(SameBits(before.memory[trial], states.memory[trial]));
    }
  }
}

}  // namespace
}  // namespace fewstep

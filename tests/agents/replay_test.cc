#include "agents/replay.h"

#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

// Rollouts whose every number says where it comes from: episode e of task t has e + t + 2 steps.
Rollouts Numbered(const FamilySpec& spec, int64_t tasks, int64_t episodes, float base) {
  const int64_t horizon = spec.horizon;
  Rollouts r;
  const auto number = [&](std::vector<int64_t> shape, float kind) {
    int64_t size = 1;
    for (const int64_t n : shape) size *= n;
    return torch::arange(size, torch::kFloat32).view(shape) + base + kind;
  };
  r.observations = number({tasks, episodes, horizon, spec.observation_size}, 0.1f);
  r.actions = number({tasks, episodes, horizon, spec.action_width()}, 0.2f);
  r.rewards = number({tasks, episodes, horizon}, 0.3f);
  if (!spec.dense_reward.empty()) r.dense_rewards = number({tasks, episodes, horizon}, 0.4f);
  r.final_observations = number({tasks, episodes, spec.observation_size}, 0.5f);
  r.mask = torch::zeros({tasks, episodes, horizon});
  r.terminated = torch::zeros({tasks, episodes});
  for (int64_t t = 0; t < tasks; ++t) {
    for (int64_t e = 0; e < episodes; ++e) {
      r.mask[t][e].narrow(0, 0, std::min(horizon, e + t + 2)).fill_(1);
      r.terminated[t][e] = static_cast<float>(e % 2);
    }
  }
  return r;
}

// A transition as one list, the last `keep` of a row by a loop.
std::vector<std::vector<float>> Expected(const Rollouts& r, int64_t row, size_t keep) {
  std::vector<std::vector<float>> all;
  const auto append = [](std::vector<float>& to, const torch::Tensor& from) {
    const torch::Tensor flat = from.contiguous().view({-1});
    to.insert(to.end(), flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
  };
  for (int64_t e = 0; e < r.episodes(); ++e) {
    const auto length = r.mask[row][e].sum().item<int64_t>();
    for (int64_t s = 0; s < length; ++s) {
      std::vector<float> one;
      append(one, r.observations[row][e][s]);
      append(one, r.actions[row][e][s]);
      append(one, r.rewards[row][e][s]);
      append(one, (r.dense_rewards.defined() ? r.dense_rewards : r.rewards)[row][e][s]);
      append(one, s + 1 < length ? r.observations[row][e][s + 1] : r.final_observations[row][e]);
      one.push_back(s + 1 < length ? 0 : r.terminated[row][e].item<float>());
      all.push_back(one);
    }
  }
  if (all.size() > keep) all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(keep));
  return all;
}

std::vector<std::vector<float>> Drawn(const Transitions& t, int64_t task) {
  const torch::Tensor joined =
      torch::cat({t.observations[task], t.actions[task], t.rewards[task].unsqueeze(1),
                  t.dense_rewards[task].unsqueeze(1), t.next_observations[task],
                  t.terminated[task].unsqueeze(1)},
                 1)
          .contiguous();
  std::vector<std::vector<float>> rows;
  for (int64_t b = 0; b < t.batch_size(); ++b) {
    const float* row = joined.const_data_ptr<float>() + b * joined.size(1);
    rows.emplace_back(row, row + joined.size(1));
  }
  return rows;
}

using Set = std::set<std::vector<float>>;
Set SetOf(const std::vector<std::vector<float>>& rows) { return {rows.begin(), rows.end()}; }

TEST(Replay, GivesBackWhatWasRecorded) {
  for (const char* name : {"point-nav@maml", "sparse-point-robot@pearl"}) {
    const auto family = MakeFamily(name, 6);
    Replay replay(family->spec(), 3, 100, "agent.replay");
    const Rollouts rollouts = Numbered(family->spec(), 2, 4, 0);
    replay.Add(2, rollouts, 0);
    replay.Add(0, rollouts, 1);
    EXPECT_EQ(replay.size(0), 3 + 4 + 5 + 6);
    EXPECT_EQ(replay.size(1), 0);
    EXPECT_EQ(replay.size(2), 2 + 3 + 4 + 5);
    const int64_t tasks[] = {2, 0};
    const Transitions drawn = replay.Sample(tasks, 500, Rng(1));
    EXPECT_EQ(SetOf(Drawn(drawn, 0)), SetOf(Expected(rollouts, 0, 100))) << name;
    EXPECT_EQ(SetOf(Drawn(drawn, 1)), SetOf(Expected(rollouts, 1, 100))) << name;
  }
}

// Without a replay in between.
TEST(Replay, GivesTheStepsOfRollouts) {
  for (const char* name : {"point-nav@maml", "sparse-point-robot@pearl"}) {
    const auto family = MakeFamily(name, 6);
    const Rollouts rollouts = Numbered(family->spec(), 2, 4, 0);
    const Transitions all = TransitionsOf(rollouts);
    for (int64_t task = 0; task < 2; ++task) {
      std::vector<std::vector<float>> present;
      const auto rows = Drawn(all, task);
      const torch::Tensor mask = rollouts.mask[task].contiguous();
      for (size_t i = 0; i < rows.size(); ++i) {
        if (mask.const_data_ptr<float>()[i] != 0) present.push_back(rows[i]);
      }
      EXPECT_EQ(present, Expected(rollouts, task, 100)) << name;
    }
  }
}

TEST(Replay, KeepsTheLatest) {
  const auto family = MakeFamily("point-nav@maml", 6);
  Replay replay(family->spec(), 1, 7, "agent.replay");
  const Rollouts first = Numbered(family->spec(), 1, 4, 0),
                 second = Numbered(family->spec(), 1, 1, 900);
  replay.Add(0, first, 0);
  EXPECT_EQ(replay.size(0), 7);
  const int64_t task[] = {0};
  EXPECT_EQ(SetOf(Drawn(replay.Sample(task, 300, Rng(1)), 0)), SetOf(Expected(first, 0, 7)));
  replay.Add(0, second, 0);
  Set expected = SetOf(Expected(first, 0, 5));
  expected.merge(SetOf(Expected(second, 0, 2)));
  EXPECT_EQ(SetOf(Drawn(replay.Sample(task, 300, Rng(1)), 0)), expected);
}

// Against lists of episodes kept by hand.
TEST(ReplayEpisodes, AreTheLatestThatWereAddedWhileTheReplayHasThem) {
  const auto family = MakeFamily("point-nav@maml", 9);
  Replay replay(family->spec(), 2, 25, "agent.replay");
  ReplayEpisodes part(replay, 4);
  std::vector<AddedEpisode> expected;
  int64_t added = 0;
  Rng rng(1);
  for (int round = 0; round < 300; ++round) {
    const auto length = static_cast<int>(rng.Below(10));  // also none
    const Rollouts rollouts =
        BlankRollouts({{length}}, 9, family->spec().observation_size, family->spec().action_size);
    const std::vector<AddedEpisode> episodes = replay.Add(1, rollouts, 0);
    ASSERT_EQ(episodes.size(), 1u);
    ASSERT_EQ(episodes[0].first, added);
    ASSERT_EQ(episodes[0].end, added + length);
    if (rng.Below(10) == 0) {
      part.Clear(1);
      expected.clear();
    }
    if (rng.Below(2) == 0) {
      part.Add(1, episodes);
      if (length > 0) expected.push_back(episodes[0]);
      if (expected.size() > 4) expected.erase(expected.begin());
    }
    added += length;
    std::erase_if(expected, [&](const AddedEpisode& e) { return e.first < added - 25; });
    std::vector<int64_t> numbers;
    for (const AddedEpisode& e : expected) {
      for (int64_t number = e.first; number < e.end; ++number) numbers.push_back(number);
    }

    // and after a checkpoint
    TensorFile file;
    part.Save(file);
    const ReplayEpisodes loaded = ReplayEpisodes(replay, 4).Loaded(file);
    for (const ReplayEpisodes* each : {&std::as_const(part), &loaded}) {
      ASSERT_EQ(each->count(0), 0);
      ASSERT_EQ(each->transitions(0), 0);
      ASSERT_EQ(each->count(1), static_cast<int64_t>(expected.size()));
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(each->Get(1, static_cast<int64_t>(i)).first, expected[i].first);
        ASSERT_EQ(each->Get(1, static_cast<int64_t>(i)).end, expected[i].end);
      }
      ASSERT_EQ(each->transitions(1), static_cast<int64_t>(numbers.size()));
      for (size_t i = 0; i < numbers.size(); ++i) {
        ASSERT_EQ(each->Number(1, static_cast<int64_t>(i)), numbers[i]);
      }
    }
    EXPECT_THROW(ReplayEpisodes(replay, 5).Loaded(file), Error);
  }
}

TEST(ReplayEpisodes, OfADamagedCheckpointAreRefused) {
  const auto family = MakeFamily("point-nav@maml", 9);
  Replay replay(family->spec(), 1, 25, "agent.replay");
  ReplayEpisodes part(replay, 4);
  for (const int64_t episodes : {-1, 2}) {
    TensorFile file;
    file.Add<int64_t>("counts", {1}, std::vector<int64_t>{episodes});
    file.Add<int64_t>("episodes", {1, 4, 3},
                      std::vector<int64_t>{0, 5, 5, 3, 6, 8, 0, 0, 0, 0, 0, 0});
    EXPECT_THROW(part.Loaded(file), Error);
  }
  EXPECT_EQ(part.count(0), 0);
}

TEST(ReplayEpisodes, AreDrawnFromUniformly) {
  const auto family = MakeFamily("point-nav@maml", 6);
  Replay replay(family->spec(), 1, 100, "agent.replay");
  ReplayEpisodes part(replay, 50);
  replay.Add(0, Numbered(family->spec(), 1, 4, 0), 0);
  const Rollouts chosen = Numbered(family->spec(), 1, 4, 500);
  part.Add(0, replay.Add(0, chosen, 0));
  replay.Add(0, Numbered(family->spec(), 1, 4, 900), 0);
  const int64_t task[] = {0};
  const auto chi_squared = [](const torch::Tensor& rewards, double expected, size_t cells) {
    std::map<float, int> counts;
    for (int64_t i = 0; i < rewards.numel(); ++i) ++counts[rewards[i].item<float>()];
    EXPECT_EQ(counts.size(), cells);
    double chi = 0;
    for (const auto& [reward, count] : counts) {
      chi += (count - expected) * (count - expected) / expected;
    }
    return chi;
  };
  const Transitions drawn = replay.Sample(task, 14'000, Rng(1), &part);
  EXPECT_EQ(SetOf(Drawn(drawn, 0)), SetOf(Expected(chosen, 0, 50)));
  // 13 degrees of freedom: once in 7,000 seeds
  EXPECT_LT(chi_squared(drawn.rewards[0], 1000, 14), 40);

  // from all of the episodes when as many are asked for, or more; from one each as often as the
  // others
  for (const int64_t number : {4, 9}) {
    const int64_t all[] = {number};
    const Transitions from_all = replay.SampleFromSome(task, all, 14'000, Rng(1), part);
    EXPECT_EQ(SetOf(Drawn(from_all, 0)), SetOf(Expected(chosen, 0, 50)));
    EXPECT_LT(chi_squared(from_all.rewards[0], 1000, 14), 40);
  }
  const std::vector<int64_t> tasks(4000, 0), ones(4000, 1), twos(4000, 2);
  const Transitions single = replay.SampleFromSome(tasks, ones, 60, Rng(2), part);
  const Transitions pairs = replay.SampleFromSome(tasks, twos, 60, Rng(3), part);
  std::map<int64_t, int> lengths, of_pairs;
  for (size_t i = 0; i < 4000; ++i) {
    ++lengths[static_cast<int64_t>(SetOf(Drawn(single, static_cast<int64_t>(i))).size())];
    ++of_pairs[static_cast<int64_t>(SetOf(Drawn(pairs, static_cast<int64_t>(i))).size())];
  }
  // episodes of 2, 3, 4 and 5 steps, of which sixty draws miss next to nothing; pairs have 5 to 9
  double chi = 0;
  for (const int64_t length : {2, 3, 4, 5}) {
    chi += (lengths[length] - 1000.0) * (lengths[length] - 1000.0) / 1000.0;
  }
  EXPECT_LT(chi, 25);  // 3 degrees of freedom, and what is missed
  EXPECT_NEAR(of_pairs[7], 4000 / 3.0, 150);
  EXPECT_EQ(of_pairs.begin()->first, 5);
  EXPECT_EQ(of_pairs.rbegin()->first, 9);
}

// Every transition as often as any other: chi-squared over 40 of them, 20,000 draws.
TEST(Replay, DrawsUniformlyFromTheSeedAlone) {
  const auto family = MakeFamily("point-nav@maml", 50);
  Replay replay(family->spec(), 2, 40, "agent.replay");
  Rollouts rollouts = Numbered(family->spec(), 1, 1, 0);
  rollouts.mask.fill_(1);
  replay.Add(0, rollouts, 0);
  replay.Add(1, rollouts, 0);
  const int64_t tasks[] = {0, 1}, task[] = {0};
  const Transitions drawn = replay.Sample(tasks, 20'000, Rng(5));
  std::map<float, int> counts;
  const torch::Tensor rewards = drawn.rewards[0].contiguous();
  for (int64_t i = 0; i < rewards.numel(); ++i) ++counts[rewards.const_data_ptr<float>()[i]];
  ASSERT_EQ(counts.size(), 40u);
  double chi = 0;
  for (const auto& [reward, count] : counts) chi += (count - 500.0) * (count - 500.0) / 500.0;
  EXPECT_LT(chi, 76);  // 39 degrees of freedom: once in 3,000 seeds
  EXPECT_GT(chi, 15);
  // another position is another stream; the same one, whatever else is asked for, is the same
  EXPECT_FALSE(torch::equal(drawn.rewards[0], drawn.rewards[1]));
  EXPECT_TRUE(torch::equal(replay.Sample(task, 20'000, Rng(5)).rewards[0], drawn.rewards[0]));
}

// A batch of one task holds nothing of another.
TEST(Replay, KeepsTasksApart) {
  const auto family = MakeFamily("point-nav@maml", 6);
  Replay replay(family->spec(), 3, 50, "agent.replay");
  const Rollouts sound = Numbered(family->spec(), 1, 4, 0);
  Rollouts poison = Numbered(family->spec(), 1, 4, 0);
  for (torch::Tensor* t :
       {&poison.observations, &poison.actions, &poison.rewards, &poison.final_observations}) {
    t->fill_(std::numeric_limits<float>::quiet_NaN());
  }
  replay.Add(0, poison, 0);
  replay.Add(1, sound, 0);
  replay.Add(2, poison, 0);
  const int64_t task[] = {1};
  for (const auto& row : Drawn(replay.Sample(task, 500, Rng(3)), 0)) {
    for (const float value : row) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST(Replay, IsSavedWithAllThatItHolds) {
  const auto family = MakeFamily("sparse-point-robot@pearl", 6);
  for (const int64_t capacity : {100, 7}) {
    Replay replay(family->spec(), 2, capacity, "agent.replay");
    const Rollouts rollouts = Numbered(family->spec(), 2, 4, 0);
    replay.Add(0, rollouts, 0);
    replay.Add(1, rollouts, 1);
    TensorFile file;
    replay.Save(CheckpointWriter(file).Scope("replay"));
    // slots that hold nothing are not written
    EXPECT_EQ(file.At("replay.rows").shape[0], std::min<int64_t>(capacity, 18));

    Replay loaded(family->spec(), 2, capacity, "agent.replay");
    loaded.Add(0, Numbered(family->spec(), 1, 4, 500), 0);
    loaded.Load(CheckpointReader(file).Scope("replay"));
    const int64_t tasks[] = {1, 0};
    const auto same = [&] {
      const Transitions a = replay.Sample(tasks, 64, Rng(9)), b = loaded.Sample(tasks, 64, Rng(9));
      return torch::equal(a.observations, b.observations) && torch::equal(a.rewards, b.rewards) &&
             torch::equal(a.dense_rewards, b.dense_rewards) &&
             torch::equal(a.terminated, b.terminated);
    };
    EXPECT_TRUE(same());
    // and they go on alike
    for (Replay* each : {&replay, &loaded}) each->Add(0, Numbered(family->spec(), 1, 2, 77), 0);
    EXPECT_TRUE(same());

    Replay other(family->spec(), 3, capacity, "agent.replay");
    EXPECT_THROW(other.Load(CheckpointReader(file).Scope("replay")), Error);
    Replay another(MakeFamily("point-nav@maml", 6)->spec(), 2, capacity, "agent.replay");
    EXPECT_THROW(another.Load(CheckpointReader(file).Scope("replay")), Error);
    EXPECT_EQ(another.size(0), 0);
  }
}

TEST(Replay, OfATaskWithoutTransitionsSaysSo) {
  const auto family = MakeFamily("point-nav@maml", 6);
  Replay replay(family->spec(), 2, 8, "agent.replay");
  EXPECT_TRUE(replay.empty());
  ReplayEpisodes part(replay, 3);
  part.Add(0, replay.Add(0, Numbered(family->spec(), 1, 4, 0), 0));
  EXPECT_FALSE(replay.empty());
  const int64_t without[] = {1}, with[] = {0}, one[] = {1};
  EXPECT_THROW(replay.Sample(without, 3, Rng(1)), Error);
  EXPECT_THROW(replay.SampleFromSome(without, one, 3, Rng(1), part), Error);
  // and of one whose episodes were pushed out
  replay.Add(0, Numbered(family->spec(), 1, 4, 0), 0);
  EXPECT_NO_THROW(replay.Sample(with, 3, Rng(1)));
  EXPECT_THROW(replay.Sample(with, 3, Rng(1), &part), Error);
}

TEST(Replay, ThatDoesNotFitIsRefusedWithFigures) {
  const auto family = MakeFamily("point-nav@maml", 6);
  try {
    Replay replay(family->spec(), 1000, 1'000'000'000'000, "agent.replay_size");
    FAIL() << "it fits";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("agent.replay_size"), std::string::npos) << message;
    EXPECT_NE(message.find("a replay"), std::string::npos) << message;
  }
  EXPECT_EQ(Replay::Bytes(family->spec(), 2, 10), 4 * 20 * (2 * 2 + 2 + 2));
}

// What the sampler gives goes in and comes out.
TEST(Replay, HoldsWhatASamplerGives) {
  const auto family = MakeFamily("sparse-point-robot@pearl", 20);
  const auto pool = MakePool(2);
  MlpOptions options;
  options.hidden = {8};
  const auto policy = MakeMlpPolicy(family->spec(), options);
  const Parameters row = policy->InitialParameters(Rng(1));
  const std::vector<Task> tasks = family->Sample(Split::kTrain, 2, Rng(2));
  Rollouts plans[2];
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    Sampler sampler(*family, *pool, plan);
    plans[plan == SamplingPlan::kLockstep] =
        sampler.Collect(*policy, row, tasks, {.episodes = 3}, Rng(3));
  }
  const Rollouts& r = plans[0];
  EXPECT_LT(Distance(r.dense_rewards, plans[1].dense_rewards), 1e-4);
  // the dense reward is minus the distance, and the other follows from it
  for (int64_t t = 0; t < 2; ++t) {
    const torch::Tensor goal = torch::tensor(tasks[static_cast<size_t>(t)].values, torch::kFloat32);
    const torch::Tensor next =
        torch::cat({r.observations[t].narrow(1, 1, 19), r.final_observations[t].unsqueeze(1)}, 1);
    const torch::Tensor distance = (next - goal).norm(2, -1);
    EXPECT_LT(Distance(r.dense_rewards[t], -distance), 1e-5);
    EXPECT_LT(Distance(r.rewards[t],
                       torch::where(distance <= 0.2, 1 - distance, torch::zeros_like(distance))),
              1e-5);
  }
  Replay replay(family->spec(), 2, 60, "agent.replay");
  for (int64_t t = 0; t < 2; ++t) replay.Add(t, r, t);
  const int64_t both[] = {0, 1};
  const Transitions drawn = replay.Sample(both, 1000, Rng(4));
  EXPECT_EQ(SetOf(Drawn(drawn, 0)), SetOf(Expected(r, 0, 60)));
}

}  // namespace
}  // namespace fewstep

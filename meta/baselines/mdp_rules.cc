#include "meta/baselines/mdp_rules.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "meta/baselines/variates.h"

namespace fewstep {

MdpPosterior::MdpPosterior(const TabularFamily& family)
    : prior_(family.prior),
      states_(family.states),
      actions_(family.actions),
      rewards_(static_cast<size_t>(states_ * actions_)),
      concentration_(rewards_.size() * static_cast<size_t>(states_), 1.0) {}

void MdpPosterior::Observe(int state, int action, double reward, int next_state) {
  const auto pair = static_cast<size_t>(state * actions_ + action);
  ++rewards_[pair].count;
  rewards_[pair].sum += reward;
  ++concentration_[pair * static_cast<size_t>(states_) + static_cast<size_t>(next_state)];
}

void MdpPosterior::Mean(TabularMdp& mdp) const {
  mdp.states = states_;
  mdp.actions = actions_;
  mdp.rewards.resize(rewards_.size());
  mdp.transitions.resize(concentration_.size());
  const auto row = static_cast<size_t>(states_);
  for (size_t pair = 0; pair < rewards_.size(); ++pair) {
    mdp.rewards[pair] = PosteriorMean(prior_, rewards_[pair]);
    const double total = rewards_[pair].count + static_cast<double>(states_);
    for (size_t i = pair * row; i < (pair + 1) * row; ++i) {
      mdp.transitions[i] = concentration_[i] / total;
    }
  }
}

void MdpPosterior::Sample(Rng& rng, TabularMdp& mdp) const {
  mdp.states = states_;
  mdp.actions = actions_;
  mdp.rewards.resize(rewards_.size());
  mdp.transitions.resize(concentration_.size());
  const auto row = static_cast<size_t>(states_);
  for (size_t pair = 0; pair < rewards_.size(); ++pair) {
    mdp.rewards[pair] = SamplePosterior(prior_, rewards_[pair], rng);
    SampleDirichlet(std::span(concentration_).subspan(pair * row, row), rng,
                    std::span(mdp.transitions).subspan(pair * row, row));
  }
}

namespace {

// What the learners share: a posterior, and the process that they plan in.
class MdpLearner : public TabularLearner {
 public:
  explicit MdpLearner(const TabularFamily& family) : family_(family), posterior_(family) {}

  void Observe(int state, int action, double reward, int next_state) override {
    posterior_.Observe(state, action, reward, next_state);
    ++steps_;
  }

 protected:
  TabularFamily family_;
  MdpPosterior posterior_;
  int64_t steps_ = 0;
};

class GreedyLearner final : public MdpLearner {
 public:
  GreedyLearner(const TabularFamily& family, double epsilon)
      : MdpLearner(family), epsilon_(static_cast<float>(epsilon)) {}

  void Choose(Rng&, std::span<float> table) override {
    posterior_.Mean(mdp_);
    Plan(mdp_, family_.horizon, table);
    const auto actions = static_cast<float>(family_.actions);
    for (float& p : table) p = (1 - epsilon_) * p + epsilon_ / actions;
  }

 private:
  float epsilon_;
  TabularMdp mdp_;
};

class PosteriorSampling final : public MdpLearner {
 public:
  PosteriorSampling(const TabularFamily& family, int samples)
      : MdpLearner(family), samples_(samples) {}

  void Choose(Rng& rng, std::span<float> table) override {
    posterior_.Sample(rng, mdp_);
    double best = Plan(mdp_, family_.horizon, table);
    for (int i = 1; i < samples_; ++i) {
      posterior_.Sample(rng, mdp_);
      candidate_.resize(table.size());
      const double value = Plan(mdp_, family_.horizon, candidate_);
      if (value <= best) continue;
      best = value;
      std::ranges::copy(candidate_, table.begin());
    }
  }

 private:
  int samples_;
  TabularMdp mdp_;
  std::vector<float> candidate_;  // [H, S, A]
};

class Ucrl2 final : public MdpLearner {
 public:
  Ucrl2(const TabularFamily& family, double scale) : MdpLearner(family), scale_(scale) {
    const auto pairs = static_cast<size_t>(family.states * family.actions);
    set_.reward_radius.resize(pairs);
    set_.transition_radius.resize(pairs);
  }

  void Choose(Rng&, std::span<float> table) override {
    constexpr double kDelta = 0.05;
    const double states = family_.states, actions = family_.actions;
    const double t = static_cast<double>(steps_ + 1);
    posterior_.Mean(set_.centre);
    for (size_t pair = 0; pair < set_.reward_radius.size(); ++pair) {
      const double count = std::max(1.0, posterior_.seen(pair).count);
      set_.reward_radius[pair] =
          scale_ * std::sqrt(7 * std::log(2 * states * actions * t / kDelta) / (2 * count));
      set_.transition_radius[pair] =
          scale_ * std::sqrt(14 * states * std::log(2 * actions * t / kDelta) / count);
    }
    PlanOptimistically(set_, family_.horizon, table);
  }

 private:
  double scale_;
  ConfidenceSet set_;
};

class Oracle final : public TabularLearner {
 public:
  explicit Oracle(const TabularFamily& family) : family_(family) {}

  void BeginTask(const Task& task) override { values_ = task.values; }
  void Observe(int, int, double, int) override {}

  void Choose(Rng&, std::span<float> table) override {
    FEWSTEP_CHECK(!values_.empty(), "no task has begun");
    if (family_.bandit) {
      SpreadOverBest(values_, table);
    } else {
      ReadTask(values_, mdp_);
      Plan(mdp_, family_.horizon, table);
    }
  }

 private:
  TabularFamily family_;
  std::vector<double> values_;  // of the task
  TabularMdp mdp_;
};

}  // namespace

std::unique_ptr<TabularLearner> MakeGreedyMdpLearner(const TabularFamily& family, double epsilon) {
  return std::make_unique<GreedyLearner>(family, epsilon);
}

std::unique_ptr<TabularLearner> MakePosteriorSampling(const TabularFamily& family, int samples) {
  return std::make_unique<PosteriorSampling>(family, samples);
}

std::unique_ptr<TabularLearner> MakeUcrl2(const TabularFamily& family, double scale) {
  return std::make_unique<Ucrl2>(family, scale);
}

std::unique_ptr<TabularLearner> MakeOracle(const TabularFamily& family) {
  return std::make_unique<Oracle>(family);
}

}  // namespace fewstep

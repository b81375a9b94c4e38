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

void MdpPosterior::Mode(TabularMdp& mdp) const {
  Frequencies(mdp);
  for (size_t pair = 0; pair < rewards_.size(); ++pair) {
    mdp.rewards[pair] = PosteriorMean(prior_, rewards_[pair]);
  }
}

void MdpPosterior::Frequencies(TabularMdp& mdp) const {
  Mean(mdp);
  const auto row = static_cast<size_t>(states_);
  for (size_t pair = 0; pair < rewards_.size(); ++pair) {
    const RewardStatistics& seen = rewards_[pair];
    if (seen.count == 0) continue;  // the means of the prior
    mdp.rewards[pair] = seen.sum / seen.count;
    for (size_t i = pair * row; i < (pair + 1) * row; ++i) {
      mdp.transitions[i] = (concentration_[i] - 1) / seen.count;
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
  void Believe(MdpModel model, TabularMdp& mdp) const {
    switch (model) {
      case MdpModel::kMean:
        return posterior_.Mean(mdp);
      case MdpModel::kMode:
        return posterior_.Mode(mdp);
      case MdpModel::kFrequencies:
        return posterior_.Frequencies(mdp);
    }
  }

  TabularFamily family_;
  MdpPosterior posterior_;
  int64_t steps_ = 0;
};

class GreedyLearner final : public MdpLearner {
 public:
  GreedyLearner(const TabularFamily& family, const GreedyMdpChoice& choice)
      : MdpLearner(family), choice_(choice) {}

  void Choose(Rng&, std::span<float> table) override {
    Believe(choice_.model, mdp_);
    Plan(mdp_, family_.horizon, table, 1, choice_.ties);
    const auto actions = static_cast<float>(family_.actions);
    const auto epsilon = static_cast<float>(choice_.epsilon);
    for (float& p : table) p = (1 - epsilon) * p + epsilon / actions;
  }

 private:
  GreedyMdpChoice choice_;
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

// Plans in several processes at once.
class JointSampling final : public MdpLearner {
 public:
  using Planner = decltype(&PlanEnvelope);
  JointSampling(const TabularFamily& family, int samples, Planner plan)
      : MdpLearner(family), plan_(plan), mdps_(static_cast<size_t>(samples)) {}

  void Choose(Rng& rng, std::span<float> table) override {
    for (TabularMdp& mdp : mdps_) posterior_.Sample(rng, mdp);
    plan_(mdps_, family_.horizon, table);
  }

 private:
  Planner plan_;
  std::vector<TabularMdp> mdps_;
};

class Ucrl2 final : public MdpLearner {
 public:
  Ucrl2(const TabularFamily& family, double scale, MdpModel centre)
      : MdpLearner(family), scale_(scale), centre_(centre) {
    const auto pairs = static_cast<size_t>(family.states * family.actions);
    set_.reward_radius.resize(pairs);
    set_.transition_radius.resize(pairs);
  }

  void Choose(Rng&, std::span<float> table) override {
    constexpr double kDelta = 0.05;
    const double states = family_.states, actions = family_.actions;
    const double t = static_cast<double>(steps_ + 1);
    Believe(centre_, set_.centre);
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
  MdpModel centre_;
  ConfidenceSet set_;
};

class Oracle final : public TabularLearner {
 public:
  Oracle(const TabularFamily& family, const Task& task) : family_(family), values_(task.values) {}

  void Observe(int, int, double, int) override {}

  void Choose(Rng&, std::span<float> table) override {
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

std::unique_ptr<TabularLearner> MakeGreedyMdpLearner(const TabularFamily& family,
                                                     const GreedyMdpChoice& choice) {
  return std::make_unique<GreedyLearner>(family, choice);
}

std::unique_ptr<TabularLearner> MakePosteriorSampling(const TabularFamily& family, int samples,
                                                      Optimism optimism) {
  switch (optimism) {
    case Optimism::kBestSample:
      break;
    case Optimism::kEnvelope:
      return std::make_unique<JointSampling>(family, samples, &PlanEnvelope);
    case Optimism::kLargestValue:
      return std::make_unique<JointSampling>(family, samples, &PlanLargestValue);
  }
  return std::make_unique<PosteriorSampling>(family, samples);
}

std::unique_ptr<TabularLearner> MakeUcrl2(const TabularFamily& family, double scale,
                                          MdpModel centre) {
  return std::make_unique<Ucrl2>(family, scale, centre);
}

std::unique_ptr<TabularLearner> MakeOracle(const TabularFamily& family, const Task& task) {
  return std::make_unique<Oracle>(family, task);
}

}  // namespace fewstep

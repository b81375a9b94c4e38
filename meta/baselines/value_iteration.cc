#include "meta/baselines/value_iteration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace fewstep {
namespace {

// Backwards over the steps; `q(state, action, next values)` is the value of an action.
template <typename ActionValue>
double PlanBackwards(int states, int actions, int horizon, std::span<float> table,
                     const ActionValue& q, Ties ties = Ties::kEven) {
  const auto num_states = static_cast<size_t>(states), num_actions = static_cast<size_t>(actions);
  FEWSTEP_CHECK(
      table.empty() || table.size() == static_cast<size_t>(horizon) * num_states * num_actions,
      "a table of {}", table.size());
  std::vector<double> next(num_states), present(num_states), values(num_actions);
  for (int step = horizon - 1; step >= 0; --step) {
    q.Prepare(next);
    for (size_t s = 0; s < num_states; ++s) {
      for (size_t a = 0; a < num_actions; ++a) {
        values[a] = q(static_cast<int>(s), static_cast<int>(a), next);
      }
      present[s] = *std::ranges::max_element(values);
      if (table.empty()) continue;
      const size_t row = (static_cast<size_t>(step) * num_states + s) * num_actions;
      SpreadOverBest(values, table.subspan(row, num_actions), ties);
    }
    next.swap(present);
  }
  return next[0];
}

double Expectation(std::span<const double> probabilities, std::span<const double> values) {
  return std::inner_product(probabilities.begin(), probabilities.end(), values.begin(), 0.0);
}

struct KnownValue {
  const TabularMdp& mdp;
  double discount;
  void Prepare(const std::vector<double>&) const {}
  double operator()(int s, int a, const std::vector<double>& next) const {
    return mdp.Reward(s, a) + discount * Expectation(mdp.Next(s, a), next);
  }
};

struct EnvelopeValue {
  std::span<const TabularMdp> mdps;
  void Prepare(const std::vector<double>&) const {}
  double operator()(int s, int a, const std::vector<double>& next) const {
    double largest = -INFINITY;
    for (const TabularMdp& mdp : mdps) {
      largest = std::max(largest, KnownValue{mdp, 1}(s, a, next));
    }
    return largest;
  }
};

// The largest of the values that each process gives by itself; `nexts` and `presents` are those
// processes' values at the next and the present step.
struct LargestValue {
  std::span<const TabularMdp> mdps;
  mutable std::vector<std::vector<double>> nexts{}, presents{};  // [processes][S]

  void Prepare(const std::vector<double>& next) const {
    if (nexts.empty()) {  // the last step
      nexts.assign(mdps.size(), std::vector<double>(next.size()));
    } else {
      nexts.swap(presents);
    }
    presents.assign(mdps.size(), std::vector<double>(next.size(), -INFINITY));
  }
  double operator()(int s, int a, const std::vector<double>&) const {
    double largest = -INFINITY;
    for (size_t i = 0; i < mdps.size(); ++i) {
      const double value = KnownValue{mdps[i], 1}(s, a, nexts[i]);
      double& present = presents[i][static_cast<size_t>(s)];
      present = std::max(present, value);
      largest = std::max(largest, value);
    }
    return largest;
  }
};

struct OptimisticValue {
  const ConfidenceSet& set;
  mutable std::vector<int> descending{};
  void Prepare(const std::vector<double>& next) const {
    descending.resize(next.size());
    std::iota(descending.begin(), descending.end(), 0);
    std::ranges::stable_sort(descending, [&](int a, int b) {
      return next[static_cast<size_t>(a)] > next[static_cast<size_t>(b)];
    });
  }
  double operator()(int s, int a, const std::vector<double>& next) const {
    const size_t pair = set.centre.Pair(s, a);
    return set.centre.rewards[pair] + set.reward_radius[pair] +
           LargestExpectation(set.centre.Next(s, a), set.transition_radius[pair], next, descending);
  }
};

}  // namespace

double Plan(const TabularMdp& mdp, int horizon, std::span<float> table, double discount,
            Ties ties) {
  return PlanBackwards(mdp.states, mdp.actions, horizon, table, KnownValue{mdp, discount}, ties);
}

double PlanEnvelope(std::span<const TabularMdp> mdps, int horizon, std::span<float> table) {
  FEWSTEP_CHECK(!mdps.empty(), "an envelope of nothing");
  return PlanBackwards(mdps[0].states, mdps[0].actions, horizon, table, EnvelopeValue{mdps});
}

double PlanLargestValue(std::span<const TabularMdp> mdps, int horizon, std::span<float> table) {
  FEWSTEP_CHECK(!mdps.empty(), "the largest of nothing");
  return PlanBackwards(mdps[0].states, mdps[0].actions, horizon, table, LargestValue{mdps});
}

double PolicyReturn(const TabularMdp& mdp, int horizon, std::span<const float> table) {
  const auto states = static_cast<size_t>(mdp.states), actions = static_cast<size_t>(mdp.actions);
  std::vector<double> next(states), present(states);
  for (int step = horizon - 1; step >= 0; --step) {
    for (size_t s = 0; s < states; ++s) {
      present[s] = 0;
      for (size_t a = 0; a < actions; ++a) {
        const double p = table[(static_cast<size_t>(step) * states + s) * actions + a];
        present[s] += p * KnownValue{mdp, 1}(static_cast<int>(s), static_cast<int>(a), next);
      }
    }
    next.swap(present);
  }
  return next[0];
}

double PlanOptimistically(const ConfidenceSet& set, int horizon, std::span<float> table) {
  return PlanBackwards(set.centre.states, set.centre.actions, horizon, table, OptimisticValue{set});
}

double LargestExpectation(std::span<const double> centre, double radius,
                          std::span<const double> values, std::span<const int> descending) {
  // half the radius is added to the best, and taken from the worst
  const auto at = [](int i) { return static_cast<size_t>(i); };
  const size_t best = at(descending.front());
  double excess = std::min(radius / 2, 1 - centre[best]);
  double expectation = Expectation(centre, values) + excess * values[best];
  for (size_t i = descending.size(); i-- > 0 && excess > 0;) {
    const size_t worst = at(descending[i]);
    const double taken = std::min(excess, centre[worst]);
    expectation -= taken * values[worst];
    excess -= taken;
  }
  return expectation;
}

}  // namespace fewstep

#include "meta/verification/exact_gradient.h"

#include <algorithm>
#include <cmath>

#include "meta/inner_loop.h"

namespace fewstep {
namespace {

// pi(a | s) [S, A].
std::vector<double> Softmax(const EnumerableMdp& mdp, std::span<const double> logits) {
  const auto actions = static_cast<size_t>(mdp.options().actions);
  std::vector<double> probabilities(logits.begin(), logits.end());
  for (size_t row = 0; row < probabilities.size(); row += actions) {
    const std::span<double> choices(probabilities.data() + row, actions);
    const double top = *std::ranges::max_element(choices);
    double total = 0;
    for (double& choice : choices) total += choice = std::exp(choice - top);
    for (double& choice : choices) choice /= total;
  }
  return probabilities;
}

// Values of the steps 0 .. H - 1, by recursion from the end.
struct Values {
  std::vector<std::vector<double>> q;  // [H][S * A]
  std::vector<std::vector<double>> v;  // [H][S]
};

Values Evaluate(const EnumerableMdp& mdp, const std::vector<double>& policy) {
  const TabularMdp& tables = mdp.tables();
  const auto horizon = static_cast<size_t>(mdp.options().horizon);
  const size_t states = tables.start.size();
  Values values{.q = std::vector(horizon, std::vector<double>(policy.size())),
                .v = std::vector(horizon, std::vector<double>(states))};
  for (size_t t = horizon; t-- > 0;) {
    for (int s = 0; s < tables.states; ++s) {
      for (int a = 0; a < tables.actions; ++a) {
        double q = tables.Reward(s, a);
        for (size_t next = 0; t + 1 < horizon && next < states; ++next) {
          q += tables.Next(s, a)[next] * values.v[t + 1][next];
        }
        const size_t cell = tables.Pair(s, a);
        values.q[t][cell] = q;
        values.v[t][static_cast<size_t>(s)] += policy[cell] * q;
      }
    }
  }
  return values;
}

}  // namespace

FiniteDifferences Differentiate(const std::function<double(std::span<const double>)>& function,
                                std::span<const double> point) {
  constexpr int kHalvings = 12;
  FiniteDifferences gradient{.values = std::vector<double>(point.size())};
  for (size_t i = 0; i < point.size(); ++i) {
    const auto at = [&](double offset) {
      std::vector<double> moved(point.begin(), point.end());
      moved[i] += offset;
      return function(moved);
    };
    double previous = 0, least = INFINITY, h = 0.1;
    for (int k = 0; k <= kHalvings; ++k, h /= 2) {
      const double slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      if (k > 0 && std::abs(slope - previous) < least) {
        least = std::abs(slope - previous);
        gradient.values[i] = slope;
      }
      previous = slope;
    }
    gradient.uncertainty = std::max(gradient.uncertainty, least);
  }
  return gradient;
}

double ExpectedReturn(const EnumerableMdp& mdp, std::span<const double> logits) {
  const Values values = Evaluate(mdp, Softmax(mdp, logits));
  double expected = 0;
  for (size_t s = 0; s < values.v[0].size(); ++s) {
    expected += mdp.tables().start[s] * values.v[0][s];
  }
  return expected;
}

std::vector<double> PolicyGradient(const EnumerableMdp& mdp, std::span<const double> logits) {
  const TabularMdp& tables = mdp.tables();
  const std::vector<double> policy = Softmax(mdp, logits);
  const Values values = Evaluate(mdp, policy);
  std::vector<double> gradient(policy.size()), occupancy = tables.start;
  std::vector<double> next(occupancy.size());

  for (size_t t = 0; t < values.q.size(); ++t) {
    std::ranges::fill(next, 0.0);
    for (int s = 0; s < tables.states; ++s) {
      for (int a = 0; a < tables.actions; ++a) {
        const size_t cell = tables.Pair(s, a), state = static_cast<size_t>(s);
        const double visits = occupancy[state] * policy[cell];
        gradient[cell] += visits * (values.q[t][cell] - values.v[t][state]);
        for (size_t to = 0; to < next.size(); ++to) next[to] += visits * tables.Next(s, a)[to];
      }
    }
    std::swap(occupancy, next);
  }
  return gradient;
}

FiniteDifferences TrueMetaGradient(const EnumerableMdp& mdp) {
  const MdpOptions& o = mdp.options();
  const InnerLoopOptions moments;  // their coefficients
  return Differentiate(
      [&](std::span<const double> theta) {
        std::vector<double> adapted(theta.begin(), theta.end());
        std::vector<double> first(theta.size()), second(theta.size());
        for (int64_t k = 1; k <= o.inner_steps; ++k) {
          const std::vector<double> gradient = PolicyGradient(mdp, adapted);
          const double steps = static_cast<double>(k);
          for (size_t i = 0; i < adapted.size(); ++i) {
            const double g = gradient[i], beta1 = moments.momentum;
            const double beta2 = moments.second_momentum, epsilon = moments.epsilon;
            double direction = g;
            if (o.inner_optimizer == InnerOptimizer::kMomentum) {
              direction = first[i] = beta1 * first[i] + g;
            }
            if (o.inner_optimizer == InnerOptimizer::kAdam) {
              first[i] = beta1 * first[i] + (1 - beta1) * g;
              second[i] = beta2 * second[i] + (1 - beta2) * g * g;
              const double variance = second[i] / (1 - std::pow(beta2, steps));
              direction =
                  first[i] / (1 - std::pow(beta1, steps)) / std::sqrt(variance + epsilon * epsilon);
            }
            adapted[i] += o.inner_learning_rate * direction;
          }
        }
        return ExpectedReturn(mdp, adapted);
      },
      o.policy.values);
}

FiniteDifferences TrueSampledMetaGradient(const EnumerableMdp& mdp, int episodes) {
  const MdpOptions& o = mdp.options();
  const Trajectories& all = mdp.trajectories();
  const int64_t size = all.size(), actions = o.actions;

  return Differentiate(
      [&](std::span<const double> theta) {
        // of every trajectory: its probability, and its estimate of the policy gradient
        const std::vector<double> policy = Softmax(mdp, theta);
        std::vector<double> probability = all.probabilities;
        std::vector<std::vector<double>> estimate(static_cast<size_t>(size),
                                                  std::vector<double>(theta.size()));
        for (int64_t m = 0; m < size; ++m) {
          std::vector<double>& row = estimate[static_cast<size_t>(m)];
          for (int64_t step = m * o.horizon; step < (m + 1) * o.horizon; ++step) {
            const auto t = static_cast<size_t>(step);
            const int64_t first = all.states[t] * actions;
            for (int64_t a = 0; a < actions; ++a) {
              const double chosen = a == all.actions[t] ? 1 : 0;
              const auto cell = static_cast<size_t>(first + a);
              row[cell] += (chosen - policy[cell]) * all.returns_to_go[t];
            }
            probability[static_cast<size_t>(m)] *=
                policy[static_cast<size_t>(first + all.actions[t])];
          }
        }

        // every way to draw the episodes
        double expected = 0;
        const auto draw = [&](const auto& self, int drawn, double weight,
                              const std::vector<double>& logits) -> void {
          if (drawn == episodes) {
            expected += weight * ExpectedReturn(mdp, logits);
            return;
          }
          for (size_t m = 0; m < estimate.size(); ++m) {
            std::vector<double> moved = logits;
            for (size_t i = 0; i < moved.size(); ++i) {
              moved[i] += o.inner_learning_rate / episodes * estimate[m][i];
            }
            self(self, drawn + 1, weight * probability[m], moved);
          }
        };
        draw(draw, 0, 1, std::vector<double>(theta.begin(), theta.end()));
        return expected;
      },
      o.policy.values);
}

}  // namespace fewstep

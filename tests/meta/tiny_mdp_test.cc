// The three inner surrogates on an MDP small enough to enumerate: 2 states, 2 actions, horizon 3.
// Every trajectory is fed to the production code with its probability as weight, so what comes out
// is the exact expectation of the meta-gradient estimator, and the truth is known from finite
// differences of the exact objective.
//
// Figures: relative errors and cosines of DiCE, likelihood ratio, log-likelihood (the H2 term only)
// and first order, and how the log-likelihood form moves with a constant added to the reward.
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "agents/policy.h"
#include "meta/inner_loop.h"
#include "meta/surrogates.h"

namespace fewstep {
namespace {

constexpr int kStates = 2, kActions = 2, kHorizon = 3;
constexpr double kRate = 0.5;
constexpr double kTransition[2][2][2] = {{{.9, .1}, {.2, .8}}, {{.7, .3}, {.4, .6}}};
constexpr double kReward[2][2] = {{0, 1}, {2, -1}};
const std::vector<double> kTheta = {.1, -.2, .3, .4};  // softmax logits, one pair a state

using Vector = std::array<double, 4>;

double ActionProbability(const std::vector<double>& theta, int state, int action) {
  const double a = std::exp(theta[2 * state]), b = std::exp(theta[2 * state + 1]);
  return (action == 0 ? a : b) / (a + b);
}

// The exact expected return, by dynamic programming: independent of the code under test.
double ExpectedReturn(const std::vector<double>& theta, double constant) {
  std::array<double, kStates> value = {0, 0};
  for (int step = 0; step < kHorizon; ++step) {
    std::array<double, kStates> next = {0, 0};
    for (int s = 0; s < kStates; ++s) {
      for (int a = 0; a < kActions; ++a) {
        double q = kReward[s][a] + constant;
        for (int t = 0; t < kStates; ++t) q += kTransition[s][a][t] * value[t];
        next[s] += ActionProbability(theta, s, a) * q;
      }
    }
    value = next;
  }
  return value[0];
}

std::vector<double> NumericGradient(const std::vector<double>& theta, double constant, int steps) {
  // J after `steps` exact gradient steps of the inner loop
  const auto objective = [&](std::vector<double> point) {
    for (int k = 0; k < steps; ++k) {
      const std::vector<double> gradient = NumericGradient(point, constant, 0);
      for (size_t i = 0; i < 4; ++i) point[i] += kRate * gradient[i];
    }
    return ExpectedReturn(point, constant);
  };
  // fourth-order central differences; wider where the objective holds differences itself
  const double h = steps == 0 ? 1e-3 : 1e-2;
  std::vector<double> gradient(4);
  for (size_t i = 0; i < 4; ++i) {
    const auto at = [&](double offset) {
      std::vector<double> point = theta;
      point[i] += offset;
      return objective(point);
    };
    gradient[i] = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  }
  return gradient;
}

// A softmax table is the MLP without hidden layers and biases on one-hot states.
std::unique_ptr<Policy> TablePolicy() {
  FamilySpec spec;
  spec.observation_size = kStates;
  spec.action_size = kActions;
  spec.action_kind = ActionKind::kDiscrete;
  MlpOptions options;
  options.hidden = {};
  options.bias = false;
  return MakeMlpPolicy(spec, options);
}

// All 2^6 sequences of actions and states as episodes of one task; the last transition is left out.
// The weights are the probabilities under `theta`; advantages are undiscounted returns to go.
PolicyBatch Enumerate(const Policy& policy, const Parameters& rows, double constant) {
  std::vector<double> theta(4);
  for (int i = 0; i < 4; ++i) theta[static_cast<size_t>(i)] = rows.flat[0][i].item<double>();
  std::vector<double> observations, actions, advantages, weights;
  for (int code = 0; code < (1 << (2 * kHorizon - 1)); ++code) {
    int bits = code, state = 0;
    double probability = 1;
    std::array<double, kHorizon> rewards{};
    for (int t = 0; t < kHorizon; ++t) {
      const int action = bits & 1;
      bits >>= 1;
      observations.insert(observations.end(), {state == 0 ? 1.0 : 0.0, state == 1 ? 1.0 : 0.0});
      actions.push_back(action);
      rewards[static_cast<size_t>(t)] = kReward[state][action] + constant;
      probability *= ActionProbability(theta, state, action);
      if (t + 1 == kHorizon) break;
      const int next = bits & 1;
      bits >>= 1;
      probability *= kTransition[state][action][next];
      state = next;
    }
    for (int t = 0; t < kHorizon; ++t) {
      double to_go = 0;
      for (int s = t; s < kHorizon; ++s) to_go += rewards[static_cast<size_t>(s)];
      advantages.push_back(to_go);
      weights.push_back(probability);
    }
  }
  const auto tensor = [](std::vector<double>& values, std::vector<int64_t> shape) {
    return torch::from_blob(values.data(), shape, torch::kFloat64).clone();
  };
  const int64_t steps = static_cast<int64_t>(actions.size());
  PolicyBatch batch;
  batch.observations = tensor(observations, {1, steps, kStates});
  batch.actions = tensor(actions, {1, steps, 1});
  batch.advantages = tensor(advantages, {1, steps});
  batch.weights = tensor(weights, {1, steps});
  batch.horizon = kHorizon;
  batch.old_distribution = policy.Forward(rows, batch.observations).Detach();
  batch.old_log_probs = batch.old_distribution.LogProb(batch.actions);
  return batch;
}

// The exact expectation of the meta-gradient: inner data from theta_k, outer data from theta_K.
std::vector<double> MetaGradient(Surrogate surrogate, GradientOrder order, int steps,
                                 double constant, double rate = kRate) {
  const auto policy = TablePolicy();
  const Parameters theta{torch::tensor(kTheta, torch::kFloat64).view({1, 4}).requires_grad_(true),
                         policy->layout()};
  const auto loss = [&](const Parameters& rows, int64_t) {
    const PolicyBatch batch = Enumerate(*policy, rows, constant);
    const auto distribution = policy->Forward(rows, batch.observations);
    return -SurrogateObjective(surrogate, distribution.LogProb(batch.actions), batch);
  };
  const Parameters adapted =
      Adapt(theta, loss, {.steps = steps, .learning_rate = rate, .order = order});
  // the outer objective is differentiated once, so any surrogate gives its gradient
  const PolicyBatch outer = Enumerate(*policy, adapted, constant);
  const torch::Tensor objective = SurrogateObjective(
      Surrogate::kLikelihoodRatio,
      policy->Forward(adapted, outer.observations).LogProb(outer.actions), outer);
  const torch::Tensor gradient = torch::autograd::grad({objective.sum()}, {theta.flat})[0];
  return {gradient.data_ptr<double>(), gradient.data_ptr<double>() + 4};
}

double RelativeError(const std::vector<double>& estimate, const std::vector<double>& truth) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < 4; ++i) {
    error += (estimate[i] - truth[i]) * (estimate[i] - truth[i]);
    norm += truth[i] * truth[i];
  }
  return std::sqrt(error / norm);
}

double Cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < 4; ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

TEST(TinyMdp, TheTruthIsThePublishedOne) {
  const std::vector<double> truth = NumericGradient(kTheta, 0, 1);
  const Vector published = {-.6945, .6945, .7714, -.7714};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(truth[i], published[i], 5e-5);
}

TEST(TinyMdp, WeightsOfTheEnumerationSumToOne) {
  const auto policy = TablePolicy();
  const Parameters rows{torch::tensor(kTheta, torch::kFloat64).view({1, 4}), policy->layout()};
  const PolicyBatch batch = Enumerate(*policy, rows, 0);
  EXPECT_NEAR(batch.weights.sum().item<double>(), kHorizon, 1e-12);
}

TEST(TinyMdp, DiceIsExact) {
  const std::vector<double> truth = NumericGradient(kTheta, 0, 1);
  const auto dice = MetaGradient(Surrogate::kDice, GradientOrder::kSecond, 1, 0);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(dice[i], truth[i], 1e-6);
}

TEST(TinyMdp, DiceIsExactThroughTwoAndThreeInnerSteps) {
  for (const int steps : {2, 3}) {
    // a coarser numeric truth would do for three nested differences; two are checked to 1e-6
    const std::vector<double> truth = NumericGradient(kTheta, 0, steps);
    const auto dice = MetaGradient(Surrogate::kDice, GradientOrder::kSecond, steps, 0);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(dice[i], truth[i], 1e-6) << steps << " steps";
  }
}

struct Row {
  Surrogate surrogate;
  GradientOrder order;
  double relative_error, cosine;
};

TEST(TinyMdp, TheTableOfEstimators) {
  const std::vector<double> truth = NumericGradient(kTheta, 0, 1);
  const Row rows[] = {{Surrogate::kLikelihoodRatio, GradientOrder::kSecond, .113, .9997},
                      {Surrogate::kLogLikelihood, GradientOrder::kSecond, .433, .968},
                      {Surrogate::kLikelihoodRatio, GradientOrder::kFirst, .156, 1.0000}};
  for (const Row& row : rows) {
    const auto estimate = MetaGradient(row.surrogate, row.order, 1, 0);
    EXPECT_NEAR(RelativeError(estimate, truth), row.relative_error, 5e-4);
    EXPECT_NEAR(Cosine(estimate, truth), row.cosine, 5e-4);
  }
}

TEST(TinyMdp, AConstantAddedToTheRewardMovesTheLogLikelihoodFormOnly) {
  const std::vector<double> truth = NumericGradient(kTheta, 0, 1);
  // log-likelihood: the published errors and cosines
  for (const auto& [constant, error, cosine] :
       {std::array{1.0, 1.115, .025}, std::array{5.0, 3.861, -.762}}) {
    const auto estimate =
        MetaGradient(Surrogate::kLogLikelihood, GradientOrder::kSecond, 1, constant);
    EXPECT_NEAR(RelativeError(estimate, truth), error, 5e-4);
    EXPECT_NEAR(Cosine(estimate, truth), cosine, 5e-4);
  }
  // the others and the truth stay
  for (const double constant : {1.0, 5.0}) {
    const std::vector<double> moved = NumericGradient(kTheta, constant, 1);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(moved[i], truth[i], 1e-7);
    for (const Surrogate surrogate : {Surrogate::kLikelihoodRatio, Surrogate::kDice}) {
      const auto before = MetaGradient(surrogate, GradientOrder::kSecond, 1, 0);
      const auto after = MetaGradient(surrogate, GradientOrder::kSecond, 1, constant);
      for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(after[i], before[i], 1e-10);
    }
    const auto before = MetaGradient(Surrogate::kLogLikelihood, GradientOrder::kFirst, 1, 0);
    const auto after = MetaGradient(Surrogate::kLogLikelihood, GradientOrder::kFirst, 1, constant);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(after[i], before[i], 1e-10);
  }
}

TEST(TinyMdp, WithInnerRateZeroTheMetaGradientIsThePolicyGradient) {
  const std::vector<double> gradient = NumericGradient(kTheta, 0, 0);
  for (const Surrogate surrogate :
       {Surrogate::kLogLikelihood, Surrogate::kLikelihoodRatio, Surrogate::kDice}) {
    const auto estimate = MetaGradient(surrogate, GradientOrder::kSecond, 2, 0, /*rate=*/0);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(estimate[i], gradient[i], 1e-9);
  }
}

}  // namespace
}  // namespace fewstep

#include "agents/advantages.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/LU>

#include "core/error.h"

namespace fewstep {

// The normal equations, accumulated step by step: F is small, so the steps need not be kept.
struct LinearBaseline::Normal {
  bool with_time;
  Eigen::MatrixXd gram;          // [F, F]
  Eigen::VectorXd moments;       // [F]
  Eigen::MatrixXd values;        // [F, F]: moments of the values in targets, by coefficients
  Eigen::VectorXd coefficients;  // [F]
  Eigen::VectorXd latest;        // [F], features appended last
  mutable Eigen::VectorXd features;

  void Features(std::span<const float> observation, int step) const {
    const auto size = static_cast<Eigen::Index>(observation.size());
    for (Eigen::Index i = 0; i < size; ++i) {
      const double value = std::clamp(double{observation[static_cast<size_t>(i)]}, -10.0, 10.0);
      features[i] = value;
      features[size + i] = value * value;
    }
    features.tail<1>()[0] = 1.0;
    if (!with_time) return;
    const double time = step / 100.0;
    features.tail<4>() << time, time * time, time * time * time, 1.0;
  }
};

LinearBaseline::LinearBaseline(int observation_size, bool with_time)
    : normal_(std::make_unique<Normal>()) {
  const Eigen::Index size = 2 * observation_size + (with_time ? 4 : 1);
  normal_->with_time = with_time;
  normal_->gram = Eigen::MatrixXd::Zero(size, size);
  normal_->moments = Eigen::VectorXd::Zero(size);
  normal_->coefficients = Eigen::VectorXd::Zero(size);
  normal_->features = Eigen::VectorXd::Zero(size);
}

LinearBaseline::~LinearBaseline() = default;

void LinearBaseline::Append(std::span<const float> observation, int step, double target) {
  normal_->Features(observation, step);
  normal_->gram.selfadjointView<Eigen::Lower>().rankUpdate(normal_->features);
  normal_->moments += target * normal_->features;
}

void LinearBaseline::AddValue(std::span<const float> next, int step, double weight) {
  Normal& normal = *normal_;
  if (normal.values.size() == 0)
    normal.values = Eigen::MatrixXd::Zero(normal.gram.rows(), normal.gram.cols());
  normal.latest = normal.features;
  normal.Features(next, step);
  normal.values.noalias() += (weight * normal.latest) * normal.features.transpose();
}

void LinearBaseline::Fit(double ridge) {
  for (int attempt = 0; attempt < 5; ++attempt, ridge *= 10) {
    Eigen::MatrixXd regularised = normal_->gram.selfadjointView<Eigen::Lower>();
    regularised.diagonal().array() += ridge;
    // (gram + ridge) w = moments + values w, which is symmetric only without values
    if (normal_->values.size() == 0) {
      normal_->coefficients = regularised.ldlt().solve(normal_->moments);
    } else {
      regularised -= normal_->values;
      normal_->coefficients = regularised.partialPivLu().solve(normal_->moments);
    }
    if (normal_->coefficients.allFinite()) return;
  }
  normal_->coefficients.setZero();
}

double LinearBaseline::Predict(std::span<const float> observation, int step) const {
  normal_->Features(observation, step);
  return normal_->features.dot(normal_->coefficients);
}

void DiscountedSums(std::span<const double> values, double discount, std::span<double> out) {
  double sum = 0;
  for (size_t t = values.size(); t-- > 0;) out[t] = sum = values[t] + discount * sum;
}

void AdvantageOptions::Visit(FieldVisitor& v) {
  v.Field("discount", discount,
          {.help = "Discount of rewards a control step.", .min = 0, .max = 1});
  v.Field("gae_lambda", gae_lambda,
          {.help = "Lambda of generalised advantage estimation; 1 gives returns minus baseline.",
           .min = 0,
           .max = 1});
  v.Choice("baseline", baseline,
           {{"linear", ReturnBaseline::kLinear},
            {"constant", ReturnBaseline::kConstant},
            {"none", ReturnBaseline::kNone}},
           {.help = "What returns are compared with: a linear function of observation and time, "
                    "fitted anew to each task's episodes, or the constant baseline_value at every "
                    "step, or nothing."});
  v.Field("baseline_ridge", baseline_ridge,
          {.help = "Ridge coefficient of the linear baseline.", .min = 0});
  v.Field("baseline_value", baseline_value,
          {.help = "The constant baseline: the value of every state that is not terminal."});
  v.Field("normalize_advantages", normalize,
          {.help = "Whether advantages are normalised over each task's steps."});
  v.Field("bootstrap_at_horizon", bootstrap_at_horizon,
          {.help = "Whether the baseline's value follows the last reward of an episode cut off by "
                   "the time limit (the published codes do not). A linear baseline then knows no "
                   "time and is fitted to targets that hold its own value beyond the limit."});
}

void AdvantageOptions::Check() const {
  if (!bootstrap_at_horizon) return;
  if (baseline == ReturnBaseline::kNone) {
    throw Error(ErrorKind::kUsage, "there is no value that could follow the time limit",
                {.key = "agent.bootstrap_at_horizon",
                 .remedy = "Set agent.baseline = \"linear\" or \"constant\""});
  }
  if (baseline == ReturnBaseline::kLinear && discount >= 1) {
    throw Error(ErrorKind::kUsage, "without a discount what follows the time limit has no bound",
                {.key = "agent.bootstrap_at_horizon", .remedy = "Set agent.discount below 1"});
  }
}

namespace {

struct TaskView {
  int64_t episodes, horizon, observation_size;
  const float* observations;        // [E, H, O]
  const float* rewards;             // [E, H]
  const float* mask;                // [E, H]
  const float* final_observations;  // [E, O]
  const float* terminated;          // [E]
  float* advantages;                // [E, H]
  double* returns;                  // [E]
  double* scale;                    // of this task

  std::span<const float> Observation(int64_t e, int64_t t) const {
    return {observations + (e * horizon + t) * observation_size,
            static_cast<size_t>(observation_size)};
  }
  std::span<const float> Final(int64_t e) const {
    return {final_observations + e * observation_size, static_cast<size_t>(observation_size)};
  }
  int64_t Length(int64_t e) const {
    return std::count(mask + e * horizon, mask + (e + 1) * horizon, 1.0f);
  }
};

// Fills one task's advantages; returns the explained variance of its baseline.
double TaskAdvantages(const TaskView& task, const AdvantageOptions& options) {
  const bool linear = options.baseline == ReturnBaseline::kLinear;
  const bool bootstrap = options.bootstrap_at_horizon;
  LinearBaseline baseline(static_cast<int>(task.observation_size), /*with_time=*/!bootstrap);
  std::vector<double> rewards, returns, values, advantages;

  // fit the baseline to discounted returns
  double count = 0, least = INFINITY, most = -INFINITY;
  for (int64_t e = 0; e < task.episodes; ++e) {
    const int64_t length = task.Length(e);
    rewards.assign(task.rewards + e * task.horizon, task.rewards + e * task.horizon + length);
    returns.resize(rewards.size());
    DiscountedSums(rewards, options.discount, returns);
    task.returns[e] = length > 0 ? returns[0] : 0.0;
    for (int64_t t = 0; t < length; ++t) {
      const double target = returns[static_cast<size_t>(t)];
      least = std::min(least, rewards[static_cast<size_t>(t)]);
      most = std::max(most, rewards[static_cast<size_t>(t)]);
      if (linear) baseline.Append(task.Observation(e, t), static_cast<int>(t), target);
      if (linear && bootstrap && task.terminated[e] == 0.0f) {
        baseline.AddValue(task.Final(e), static_cast<int>(length),
                          std::pow(options.discount, static_cast<double>(length - t)));
      }
      ++count;
    }
  }
  if (linear) baseline.Fit(options.baseline_ridge);
  // with its own values in the targets a fit may have no sense; a value lies within these bounds
  const double longest = 1 / (1 - options.discount);
  const double low = std::min(0.0, least) * longest, high = std::max(0.0, most) * longest;
  const auto predict = [&](std::span<const float> observation, int64_t t) {
    const double value = baseline.Predict(observation, static_cast<int>(t));
    return bootstrap ? std::clamp(value, low, high) : value;
  };

  // temporal differences, then their discounted sums
  double sum = 0, squares = 0, residuals = 0;
  double advantage_sum = 0, advantage_squares = 0;
  for (int64_t e = 0; e < task.episodes; ++e) {
    const int64_t length = task.Length(e);
    if (length == 0) continue;
    rewards.assign(task.rewards + e * task.horizon, task.rewards + e * task.horizon + length);
    values.assign(static_cast<size_t>(length) + 1, 0.0);
    if (options.baseline == ReturnBaseline::kConstant) {
      std::fill_n(values.begin(), length, options.baseline_value);
      if (bootstrap && task.terminated[e] == 0.0f) values.back() = options.baseline_value;
    }
    if (linear) {
      for (int64_t t = 0; t < length; ++t) {
        values[static_cast<size_t>(t)] = predict(task.Observation(e, t), t);
      }
      if (bootstrap && task.terminated[e] == 0.0f) {
        values.back() = predict(task.Final(e), length);
      }
      returns.resize(rewards.size());
      DiscountedSums(rewards, options.discount, returns);
      double beyond = values.back();  // what follows the limit, discounted to step t
      for (size_t t = returns.size(); t-- > 0;) returns[t] += beyond *= options.discount;
      for (size_t t = 0; t < returns.size(); ++t) {
        sum += returns[t];
        squares += returns[t] * returns[t];
        residuals += (returns[t] - values[t]) * (returns[t] - values[t]);
      }
    }
    for (size_t t = 0; t < rewards.size(); ++t) {
      rewards[t] += options.discount * values[t + 1] - values[t];
    }
    advantages.resize(rewards.size());
    DiscountedSums(rewards, options.discount * options.gae_lambda, advantages);
    for (int64_t t = 0; t < length; ++t) {
      const double advantage = advantages[static_cast<size_t>(t)];
      task.advantages[e * task.horizon + t] = static_cast<float>(advantage);
      advantage_sum += advantage;
      advantage_squares += advantage * advantage;
    }
  }

  *task.scale = 1;
  if (options.normalize && count > 0) {
    const double mean = advantage_sum / count;
    const double deviation = std::sqrt(std::max(0.0, advantage_squares / count - mean * mean));
    *task.scale = 1 / (deviation + 1e-8);
    for (int64_t i = 0; i < task.episodes * task.horizon; ++i) {
      if (task.mask[i] == 0.0f) continue;
      task.advantages[i] =
          static_cast<float>((double{task.advantages[i]} - mean) / (deviation + 1e-8));
    }
  }
  const double variance = count > 0 ? squares - sum * sum / count : 0;
  return linear && variance > 0 ? 1 - residuals / variance : 0;
}

}  // namespace

Advantages ComputeAdvantages(const Rollouts& rollouts, const AdvantageOptions& options,
                             WorkerPool& pool) {
  const int64_t tasks = rollouts.num_tasks(), episodes = rollouts.episodes();
  const int64_t horizon = rollouts.horizon(), observation_size = rollouts.observations.size(3);
  Advantages out{.advantages = torch::zeros({tasks, episodes, horizon}),
                 .returns = torch::zeros({tasks, episodes}, torch::kFloat64),
                 .scales = torch::ones({tasks}, torch::kFloat64)};
  double* scales = out.scales.mutable_data_ptr<double>();
  double* returns = out.returns.mutable_data_ptr<double>();
  float* advantages = out.advantages.mutable_data_ptr<float>();
  const float* observations = rollouts.observations.const_data_ptr<float>();
  const float* rewards = rollouts.rewards.const_data_ptr<float>();
  const float* mask = rollouts.mask.const_data_ptr<float>();
  const float* finals = rollouts.final_observations.const_data_ptr<float>();
  const float* terminated = rollouts.terminated.const_data_ptr<float>();

  std::vector<double> explained(static_cast<size_t>(tasks));
  pool.Run(static_cast<int>(tasks), [&](int task, int) {
    const int64_t steps = episodes * horizon;
    explained[static_cast<size_t>(task)] =
        TaskAdvantages({.episodes = episodes,
                        .horizon = horizon,
                        .observation_size = observation_size,
                        .observations = observations + task * steps * observation_size,
                        .rewards = rewards + task * steps,
                        .mask = mask + task * steps,
                        .final_observations = finals + task * episodes * observation_size,
                        .terminated = terminated + task * episodes,
                        .advantages = advantages + task * steps,
                        .returns = returns + task * episodes,
                        .scale = scales + task},
                       options);
  });
  for (const double value : explained) out.explained_variance += value / static_cast<double>(tasks);
  return out;
}

}  // namespace fewstep

#include "agents/trial_advantages.h"

#include <cmath>
#include <vector>

#include "agents/advantages.h"
#include "core/error.h"

namespace fewstep {
namespace {

// The steps of one trial that were taken, backwards, with whether each is the last of what it is
// credited with. function(step, last).
template <typename Function>
void Backwards(const float* mask, int64_t steps, int64_t horizon, Credit credit,
               const Function& function) {
  int64_t following = -1;  // the episode of the step after
  for (int64_t step = steps; step-- > 0;) {
    if (mask[step] == 0) continue;
    const int64_t episode = step / horizon;
    const bool last = following < 0 || (credit == Credit::kEpisode && following != episode);
    function(step, last);
    following = episode;
  }
}

// Discounted returns of one trial's steps; `beyond` [E], or null for 0, is what follows an
// episode's last step where nothing else does.
void DiscountedReturns(const float* rewards, const float* mask, const float* beyond, int64_t steps,
                       int64_t horizon, const TrialAdvantageOptions& options, double* returns) {
  double following = 0;
  Backwards(mask, steps, horizon, options.credit, [&](int64_t step, bool last) {
    if (last) following = beyond != nullptr ? beyond[step / horizon] : 0.0;
    following = rewards[step] + options.discount * following;
    returns[step] = following;
  });
}

}  // namespace

void TrialAdvantageOptions::Visit(FieldVisitor& v) {
  v.Choice("credit", credit, kCreditNames,
           {.help = "The rewards that an action is credited with: those that follow in its trial, "
                    "or in its episode only."});
  v.Field("discount", discount,
          {.help = "Discount of rewards a control step.", .min = 0, .max = 1});
  v.Field("gae_lambda", gae_lambda,
          {.help = "Lambda of generalised advantage estimation; 1 gives returns minus values.",
           .min = 0,
           .max = 1});
  v.Field("normalize_advantages", normalize,
          {.help = "Whether advantages are normalised over all steps of an iteration."});
  v.Field("bootstrap_at_horizon", bootstrap_at_horizon,
          {.help = "Whether the value of the last observation follows the last reward of what a "
                   "time limit cuts off: of the trial, or with credit = \"episode\" of each "
                   "episode."});
}

TrialAdvantages ComputeTrialAdvantages(const torch::Tensor& rewards, const torch::Tensor& values,
                                       const torch::Tensor& mask, const torch::Tensor& final_values,
                                       int64_t horizon, const TrialAdvantageOptions& options,
                                       WorkerPool& pool) {
  const int64_t trials = rewards.size(0), steps = rewards.size(1), episodes = steps / horizon;
  const torch::Tensor r = rewards.contiguous(), v = values.contiguous(), m = mask.contiguous();
  const torch::Tensor f = final_values.defined() ? final_values.contiguous() : torch::Tensor();
  const float* reward = r.const_data_ptr<float>();
  const float* value = v.const_data_ptr<float>();
  const float* present = m.const_data_ptr<float>();
  const float* beyond = f.defined() ? f.const_data_ptr<float>() : nullptr;
  TrialAdvantages out{.advantages = torch::zeros({trials, steps}),
                      .targets = torch::zeros({trials, steps})};
  float* advantages = out.advantages.mutable_data_ptr<float>();
  float* targets = out.targets.mutable_data_ptr<float>();

  struct Sums {
    double count = 0, sum = 0, squares = 0;      // of advantages
    double returns = 0, return_squares = 0;      // of discounted returns
    double residuals = 0, residual_squares = 0;  // of returns less values
  };
  std::vector<Sums> of_trials(static_cast<size_t>(trials));
  pool.Run(static_cast<int>(trials), [&](int trial, int) {
    Sums& sums = of_trials[static_cast<size_t>(trial)];
    const int64_t first = trial * steps;
    std::vector<double> returns(static_cast<size_t>(steps));
    DiscountedReturns(reward + first, present + first,
                      beyond != nullptr ? beyond + trial * episodes : nullptr, steps, horizon,
                      options, returns.data());
    double next_value = 0, trace = 0;
    Backwards(present + first, steps, horizon, options.credit, [&](int64_t step, bool last) {
      const int64_t at = first + step;
      if (last) {
        trace = 0;
        next_value = beyond != nullptr ? beyond[trial * episodes + step / horizon] : 0.0;
      }
      const double difference = reward[at] + options.discount * next_value - value[at];
      trace = difference + options.discount * options.gae_lambda * trace;
      next_value = value[at];
      advantages[at] = static_cast<float>(trace);
      targets[at] = static_cast<float>(trace + value[at]);

      const double gain = returns[static_cast<size_t>(step)], residual = gain - value[at];
      sums.count += 1;
      sums.sum += trace;
      sums.squares += trace * trace;
      sums.returns += gain;
      sums.return_squares += gain * gain;
      sums.residuals += residual;
      sums.residual_squares += residual * residual;
    });
  });

  Sums all;  // in the order of the trials
  for (const Sums& sums : of_trials) {
    all.count += sums.count;
    all.sum += sums.sum;
    all.squares += sums.squares;
    all.returns += sums.returns;
    all.return_squares += sums.return_squares;
    all.residuals += sums.residuals;
    all.residual_squares += sums.residual_squares;
  }
  if (all.count == 0) return out;
  const auto variance = [&](double sum, double squares) {
    return std::max(0.0, squares / all.count - sum / all.count * (sum / all.count));
  };
  const double of_returns = variance(all.returns, all.return_squares);
  if (of_returns > 0) {
    out.explained_variance = 1 - variance(all.residuals, all.residual_squares) / of_returns;
  }
  if (options.normalize) {
    const double mean = all.sum / all.count;
    const double scale = 1 / (std::sqrt(variance(all.sum, all.squares)) + 1e-8);
    for (int64_t i = 0; i < trials * steps; ++i) {
      if (present[i] != 0) advantages[i] = static_cast<float>((advantages[i] - mean) * scale);
    }
  }
  return out;
}

torch::Tensor FitLinearValues(const torch::Tensor& observations, const torch::Tensor& rewards,
                              const torch::Tensor& mask, int64_t horizon,
                              const TrialAdvantageOptions& options) {
  constexpr double kRidge = 1e-5;
  const int64_t trials = rewards.size(0), steps = rewards.size(1), size = observations.size(2);
  const torch::Tensor o = observations.contiguous(), r = rewards.contiguous(),
                      m = mask.contiguous();
  const float* observation = o.const_data_ptr<float>();
  const float* present = m.const_data_ptr<float>();
  // what is credited with the trial knows the trial's time, else the episode's
  const auto time = [&](int64_t step) {
    return static_cast<int>(options.credit == Credit::kTrial ? step : step % horizon);
  };
  const auto seen = [&](int64_t at) {
    return std::span<const float>(observation + at * size, static_cast<size_t>(size));
  };
  LinearBaseline baseline(static_cast<int>(size));
  std::vector<double> returns(static_cast<size_t>(steps));
  for (int64_t trial = 0; trial < trials; ++trial) {
    const int64_t first = trial * steps;
    DiscountedReturns(r.const_data_ptr<float>() + first, m.const_data_ptr<float>() + first, nullptr,
                      steps, horizon, options, returns.data());
    for (int64_t step = 0; step < steps; ++step) {
      if (present[first + step] == 0) continue;
      baseline.Append(seen(first + step), time(step), returns[static_cast<size_t>(step)]);
    }
  }
  baseline.Fit(kRidge);
  torch::Tensor values = torch::zeros({trials, steps});
  float* value = values.mutable_data_ptr<float>();
  for (int64_t at = 0; at < trials * steps; ++at) {
    if (present[at] == 0) continue;
    value[at] = static_cast<float>(baseline.Predict(seen(at), time(at % steps)));
  }
  return values;
}

}  // namespace fewstep

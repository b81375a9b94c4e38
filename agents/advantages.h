// From episodes to what a policy gradient needs: returns, baselines, advantages.
#pragma once

#include <span>

#include "agents/sampler.h"
#include "core/config.h"
#include "core/worker_pool.h"

namespace fewstep {

// What returns are compared with.
enum class ReturnBaseline { kLinear, kConstant, kNone };

struct AdvantageOptions : Options {
  double discount = 0.99;
  double gae_lambda = 1.0;
  ReturnBaseline baseline = ReturnBaseline::kLinear;
  double baseline_ridge = 1e-5;
  double baseline_value = 0;
  bool normalize = true;
  bool bootstrap_at_horizon = false;
  void Visit(FieldVisitor& visitor) override;

  // Throws Error(kUsage) when bootstrap_at_horizon is set without a baseline, or with the linear
  // one and a discount of 1.
  void Check() const;
};

struct Advantages {
  torch::Tensor advantages;       // [T, E, H] float32, 0 past the end of an episode
  torch::Tensor returns;          // [T, E] float64, discounted from each episode's start
  torch::Tensor scales;           // [T] float64, what normalisation multiplied advantages by
  double explained_variance = 0;  // of discounted returns by the baseline, mean over tasks
};

// Generalised advantage estimation (Schulman et al. 2016, eq. 16) with a baseline fitted to each
// task's own episodes, normalised to mean 0 and standard deviation 1 over each task's steps. A time
// limit is not a terminal state: with bootstrap_at_horizon the baseline's value of the final
// observation follows the last reward of a truncated episode; without, nothing does, as in the
// published codes. With the bootstrap the linear baseline estimates the return without a time
// limit: it has no features of time, the targets of a truncated episode contain its own value at
// the last observation, and its values are clamped to
// [min(0, least reward), max(0, largest reward)] / (1 - discount). Tasks are independent of one
// another and are spread over `pool`.
Advantages ComputeAdvantages(const Rollouts& rollouts, const AdvantageOptions& options,
                             WorkerPool& pool);

// Discounted sums from each index on: out[t] = values[t] + discount * out[t + 1].
void DiscountedSums(std::span<const double> values, double discount, std::span<double> out);

// The linear baseline of Duan et al. (2016) with the features of ProMP's code: clipped observation,
// its square, time/100 and its square and cube (unless without time), and 1; ridge regression.
class LinearBaseline {
 public:
  explicit LinearBaseline(int observation_size, bool with_time = true);
  ~LinearBaseline();
  LinearBaseline(const LinearBaseline&) = delete;
  LinearBaseline& operator=(const LinearBaseline&) = delete;

  void Append(std::span<const float> observation, int step, double target);
  // Adds weight * V(next) to the target of the last Append, V being the baseline that is fitted.
  void AddValue(std::span<const float> next, int step, double weight);
  // Least squares on what was appended. Where the solution is not finite the ridge is multiplied by
  // ten, at most four times; after that the coefficients are 0. With AddValue the solution w
  // satisfies (gram + ridge) w = moments + values w.
  void Fit(double ridge);
  double Predict(std::span<const float> observation, int step) const;

 private:
  struct Normal;
  std::unique_ptr<Normal> normal_;
};

}  // namespace fewstep

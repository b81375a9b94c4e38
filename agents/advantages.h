// From episodes to what a policy gradient needs: returns, baselines, advantages.
#pragma once

#include <span>

#include "agents/sampler.h"
#include "core/config.h"
#include "core/worker_pool.h"

namespace fewstep {

// What returns are compared with.
enum class Baseline { kLinear, kConstant, kNone };

struct AdvantageOptions : Options {
  double discount = 0.99;
  double gae_lambda = 1.0;
  Baseline baseline = Baseline::kLinear;
  double baseline_ridge = 1e-5;
  double baseline_value = 0;
  bool normalize = true;
  bool bootstrap_at_horizon = false;
  void Visit(FieldVisitor& visitor) override;

  // Throws Error(kUsage) on a bootstrap without a value to follow, or with one that has no bound.
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
// published codes. The linear baseline is then one of the returns that would follow without the
// limit: without features of time, fitted to targets that hold its own value beyond the horizon,
// and kept within the sums of rewards that the least and the largest one allow. Tasks are
// independent of one another and are spread over `pool`.
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
  // The target appended last is to hold `weight` times the baseline's own value of `next`, too.
  void AddValue(std::span<const float> next, int step, double weight);
  // Least squares on what was appended; the ridge is multiplied by ten until the solution is
  // finite. With values in the targets the solution is the one that reproduces itself.
  void Fit(double ridge);
  double Predict(std::span<const float> observation, int step) const;

 private:
  struct Normal;
  std::unique_ptr<Normal> normal_;
};

}  // namespace fewstep

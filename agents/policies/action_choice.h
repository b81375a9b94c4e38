// From a network's outputs on one percept to an action, without LibTorch: what SampleActions and
// ActionDistribution do on a batch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/rng.h"
#include "envs/task_family.h"

namespace fewstep {

// What the outputs are: means of a Gaussian whose log standard deviations are parameters, or
// logits.
struct ActionOutputs {
  int64_t size = 0;
  bool gaussian = true;
  double min_log_std = 0;

  static ActionOutputs Of(const FamilySpec& spec, double min_std) {
    return {spec.action_size, spec.action_kind == ActionKind::kContinuous, std::log(min_std)};
  }

  // Writes the action, a sample or the mode, and returns its log-probability. `log_std` [size] is
  // not read for logits.
  template <typename Scalar>
  float Choose(const Scalar* outputs, const Scalar* log_std, Rng& rng, bool deterministic,
               float* action) const {
    if (!gaussian) {
      action[0] = static_cast<float>(ChooseIndex(outputs, rng, deterministic));
    } else {
      for (int64_t i = 0; i < size; ++i) {
        const Scalar noise =
            deterministic ? Scalar{0}
                          : static_cast<Scalar>(rng.Normal()) * std::exp(Bounded(log_std[i]));
        action[i] = static_cast<float>(outputs[i] + noise);
      }
    }
    return static_cast<float>(LogProb(outputs, log_std, action));
  }

  // log pi(action), in double.
  template <typename Scalar>
  double LogProb(const Scalar* outputs, const Scalar* log_std, const float* action) const {
    if (!gaussian) {
      const double best = *std::max_element(outputs, outputs + size);
      double total = 0;
      for (int64_t i = 0; i < size; ++i) total += std::exp(outputs[i] - best);
      return outputs[static_cast<int64_t>(*action)] - best - std::log(total);
    }
    double sum = -0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) {
      const double bounded = Bounded(log_std[i]);
      const double z = (action[i] - outputs[i]) * std::exp(-bounded);
      sum -= z * z / 2 + bounded;
    }
    return sum;
  }

 private:
  template <typename Scalar>
  Scalar Bounded(Scalar log_std) const {
    return std::max(log_std, static_cast<Scalar>(min_log_std));
  }

  // In double, as SampleActions.
  template <typename Scalar>
  int64_t ChooseIndex(const Scalar* logits, Rng& rng, bool deterministic) const {
    const Scalar* best = std::max_element(logits, logits + size);
    if (deterministic) return best - logits;
    const auto weight = [&](int64_t i) { return std::exp(double{logits[i]} - *best); };
    double total = 0;
    for (int64_t i = 0; i < size; ++i) total += weight(i);
    return InvertCumulative(rng.Uniform() * total, size, weight);
  }
};

}  // namespace fewstep

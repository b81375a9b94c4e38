// Means and standard deviations over everything seen so far, in double.
#pragma once

#include <vector>

#include "agents/checkpoint.h"

namespace fewstep {

// Of each of Q numbers. Merges batches by Chan et al. (1979), so that nothing cancels.
class RunningMoments {
 public:
  explicit RunningMoments(int64_t size);

  // Rows [n, Q] float32, those where `present` [n] is not 0.
  void Add(const torch::Tensor& rows, const torch::Tensor& present);

  const std::vector<double>& mean() const { return mean_; }  // 0 before anything was seen
  // 1 / the standard deviation; 1 before anything was seen and for what has never varied.
  std::vector<double> scale() const;

  // As "count", "mean" and "squares". Loaded throws Error(kData).
  void Save(CheckpointWriter checkpoint) const;
  RunningMoments Loaded(CheckpointReader checkpoint) const;

 private:
  double count_ = 0;
  std::vector<double> mean_, squares_;  // sums of squared distances from the mean
};

}  // namespace fewstep

// Running statistics of a network's batch normalisations, which predictions can be made with that
// depend on no other example.
#pragma once

#include <string>
#include <vector>

#include "agents/checkpoint.h"
#include "agents/networks/normalization.h"

namespace fewstep {

// A value type.
class RunningNorm {
 public:
  RunningNorm() = default;
  // Of normalisations with so many channels; mean 0 and variance 1 before any training.
  RunningNorm(const std::vector<int64_t>& channels, torch::Device device);

  // Goes `way` of the way to the mean over the tasks of an iteration, whose shards' statistics
  // follow one another.
  void Follow(const std::vector<NormStatistics>& shards, double way);

  const NormStatistics& statistics() const { return running_; }  // [1, C] each

  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);  // throws Error(kData); then as before

 private:
  NormStatistics running_;
};

// The mean of several: of the statistics of every step, one for all of them.
NormStatistics MeanOf(const std::vector<RunningNorm>& of);

}  // namespace fewstep

// Which episodes a few-shot learner is trained on: those that it is judged on, unless told
// otherwise.
#pragma once

#include "core/config.h"
#include "meta/fewshot/episode_source.h"

namespace fewstep {

struct TrainingEpisodes : Options {
  int64_t meta_batch_size = 1;
  int64_t ways = 0, shots = 0, queries = 0;  // 0: those of the episodes that it is judged on
  bool fixed_ways = false;                   // the network has an output for each of their ways
  void Visit(FieldVisitor& visitor) override;

  // Throws Error(kUsage) where the source has no such episodes, or where some of different sizes
  // would have to go through the network together.
  EpisodeOptions From(EpisodeOptions judged, const EpisodeSource& source) const;
};

}  // namespace fewstep

// Episodes of few-shot learning as scenes, and what a learner predicts of them.
#pragma once

#include <memory>
#include <vector>

#include "data/few_shot_scene.h"
#include "meta/fewshot/learner.h"

namespace fewstep {

// What T episodes are judged by, [T]: the part of right answers, or the mean squared error.
// `predicted` as of FewShotLearner::Predict, on the CPU.
torch::Tensor EpisodeScores(const torch::Tensor& predicted, const torch::Tensor& y,
                            bool classifies);

// An episode: as tensors of one task, and as the picture that belongs to them.
struct DrawnScene {
  EpisodeBatch batch;
  std::shared_ptr<const FewShotScene> scene;
};

// Episode `index` of the split's stream, the same that evaluations have. Throws Error(kUsage) where
// there are no episodes of this size.
DrawnScene DrawScene(const EpisodeSource& source, DataSplit split, uint64_t seed, uint64_t index,
                     const EpisodeOptions& options);

// After 0, 1, ..., `units` units. Queries are predicted as in evaluations: by themselves, without
// the points of a grid beside them.
std::vector<FewShotPrediction> PredictScene(const FewShotLearner& learner, const DrawnScene& drawn,
                                            NormMode mode, int64_t units);

// "batch normalisation by batch statistics (transductive)"; "" where a learner has none.
std::string NormNote(const FewShotLearner& learner, NormMode mode);

}  // namespace fewstep

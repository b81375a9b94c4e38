// A few-shot learner on data, as something to train.
#pragma once

#include <memory>

#include "experiments/running/evaluation.h"
#include "experiments/running/run_config.h"
#include "experiments/running/trainable.h"
#include "meta/fewshot/learner.h"

namespace fewstep {

// What a recipe of few-shot learning names, built. The constructor reads the data; it throws Error
// when they are not there, or cannot give the episodes that are asked for.
struct FewShotBench {
  // `begins`: it is about to be trained, from pretrained weights where the recipe names some.
  FewShotBench(const RunConfig& config, const Catalog& catalog, bool begins = false);

  std::unique_ptr<EpisodeSource> source;
  std::string hash;  // of the data and how they are cut up: equal ones give the same episodes
  WorkerPool pool;
  torch::Device device;
  std::unique_ptr<FewShotLearner> learner;
};

struct FewShotEvaluation {
  DataSplit split = DataSplit::kTest;
  int64_t episodes = 1000;
  int64_t units = -1;  // of adaptation; -1: as many as in training
  uint64_t seed = 0;   // of the episodes: the same number gives the same ones, whatever the learner
  bool all_modes = true;  // of batch normalisation; false: the first alone
  EpisodeOptions shape;   // of the episodes
  // Other data than it was trained on, of the same form; null: the bench's.
  const EpisodeSource* source = nullptr;
  std::string data_name;  // of the data that it is judged on
};
// The data set or functions of a recipe's [data] table. Throws Error when they are not there.
std::unique_ptr<EpisodeSource> MakeEpisodeSource(const std::string& name,
                                                 const DataOptions& options,
                                                 const Catalog& catalog);

// As the recipe asks; of the validation classes, after as many units as in training.
FewShotEvaluation FewShotValidationOf(const RunConfig& config);
// As the recipe asks.
FewShotEvaluation FewShotEvaluationOf(const RunConfig& config);

// Scores of held-out episodes after 0, 1, 2, ... units, with each of the learner's modes of batch
// normalisation. The same at any number of threads.
// Throws Error(kUsage) when the learner cannot predict such episodes.
AdaptationCurve Evaluate(FewShotBench& bench, const RunConfig& config,
                         const FewShotEvaluation& options);

// Loads a checkpoint; throws Error(kData) when it is of other data or another learner.
void LoadLearner(const TensorFile& file, const FewShotBench& bench, const RunConfig& config);

// Both must outlive it.
std::unique_ptr<Trainable> MakeFewShotTrainable(const RunConfig& config, const Catalog& catalog,
                                                bool begins);

}  // namespace fewstep

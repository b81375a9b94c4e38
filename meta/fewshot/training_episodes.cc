#include "meta/fewshot/training_episodes.h"

#include "core/error.h"

namespace fewstep {

void TrainingEpisodes::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  v.Field("meta_batch_size", meta_batch_size,
          {.help = "Episodes of an iteration.", .unit = "episodes", .min = 1, .max = kMany});
  if (!fixed_ways) {
    v.Field("training_ways", ways,
            {.help = "Ways of training episodes, 0 for those of data.episodes.",
             .unit = "classes",
             .min = 0,
             .max = kMany});
  }
  v.Field("training_shots", shots,
          {.help = "Shots of training episodes, 0 for those of data.episodes.",
           .unit = "examples",
           .min = 0,
           .max = kMany});
  v.Field("training_queries", queries,
          {.help = "Queries of training episodes, 0 for those of data.episodes.",
           .unit = "examples",
           .min = 0,
           .max = kMany});
}

EpisodeOptions TrainingEpisodes::From(EpisodeOptions judged, const EpisodeSource& source) const {
  if (ways > 0) judged.ways = ways;
  if (shots > 0) judged.shots = shots;
  if (queries > 0) judged.queries = queries;
  if (judged.size != EpisodeSize::kFixed && meta_batch_size > 1) {
    throw Error(ErrorKind::kUsage,
                "episodes of different sizes do not go through the network together",
                {.key = "meta_batch_size", .remedy = "Set learner.meta_batch_size = 1"});
  }
  source.Check(DataSplit::kTrain, judged);
  return judged;
}

}  // namespace fewstep

// Episodes of few-shot learning as what is watched.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/few_shot_scene.h"
#include "viewer/pane.h"

namespace fewstep {

// Which held-out episode, and how large.
struct EpisodeChoice {
  uint64_t index = 0;
  int64_t ways = 0, shots = 0;
};

// A learner after some units of adaptation to an episode.
class AdaptedLearner final : public Adapted {
 public:
  std::shared_ptr<const FewShotScene> scene;
  FewShotPrediction prediction;
};

// Adapts a learner to one episode after another. One caller at a time, on any thread.
class EpisodeAdaptation {
 public:
  virtual ~EpisodeAdaptation() = default;

  // The learner before adapting to an episode; `units` say how often Advance follows at most.
  // Throws Error where there is no such episode.
  virtual std::shared_ptr<const AdaptedLearner> Begin(const EpisodeChoice& choice, int units) = 0;
  // One more unit; null when it was asked to stop.
  virtual std::shared_ptr<const AdaptedLearner> Advance(std::stop_token stop) = 0;
};

struct FewShotSubjectOptions {
  std::string unit;                // "gradient step"
  bool adapts = true;              // false: it has one unit alone
  std::string score = "accuracy";  // "error" of functions
  int64_t episodes = 1;            // that are held out: 0 to episodes - 1
  // What the first episode has, and the range of what may be asked for; low and high the same: no
  // slider. Functions have no ways.
  EpisodeChoice first;
  Range ways, shots;
  int most_units = 0;              // as Subject::most_units
  std::vector<std::string> notes;  // as Subject::notes
  // A pane for each of the units that are asked for; else one, whose steps are the units.
  bool side_by_side = false;
};

// Its controls are the episode and, where there are sliders for them, its ways and shots.
std::unique_ptr<Subject> MakeFewShotSubject(std::string name,
                                            std::unique_ptr<EpisodeAdaptation> adaptation,
                                            FewShotSubjectOptions options);

}  // namespace fewstep

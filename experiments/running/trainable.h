// What the training loop trains. The loop knows neither tasks nor episodes nor names of columns: it
// iterates, logs, evaluates and saves.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/metrics.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "experiments/reports/learning_curve.h"
#include "experiments/running/evaluation.h"

namespace fewstep {

// The memory that a phase of a run needs and the recipe keys that lower it. `items` is a count that
// must fit an int, `item_name` what is counted.
struct Footprint {
  std::string purpose, keys;  // "an iteration", "agent.meta_batch_size, agent.episodes"
  double bytes = 0;
  double items = 0;
  std::string item_name;  // "episodes"
};

// Throws Error(kUsage) when it is more memory than there is, or `items` does not fit an int.
void CheckFootprint(const Footprint& footprint);

class Trainable {
 public:
  virtual ~Trainable() = default;

  // "promp on half-cheetah-vel@promp (0123456789abcdef), 160000 steps an iteration".
  virtual std::string description() const = 0;
  // By which a checkpoint is known again, beside the recipe: names and values of its metadata.
  virtual std::vector<std::pair<std::string, std::string>> identity() const = 0;
  // What build.json says of what it is trained on, beside identity(): names and texts.
  virtual std::vector<std::pair<std::string, std::string>> origin() const = 0;
  // Writes a definition that came from outside into a folder; null for what is compiled in.
  virtual std::function<void(const std::string& folder)> definition() const { return nullptr; }
  // False for an agent that is not trained: it is saved once and evaluated as it is.
  virtual bool trained() const = 0;
  virtual std::vector<Footprint> footprints() const = 0;

  // The columns of metrics.csv, known before the first iteration: of Iterate, then those that
  // evaluations add.
  virtual std::vector<std::string> columns() const = 0;
  // Which of them a learning curve shows.
  virtual LearningCurve learning_curve() const = 0;

  // One iteration, at most some ten seconds long. Everything random comes from `rng`. Throws
  // Error(kRuntime) when the update is not finite, and is then as before the call.
  virtual Metrics Iterate(const Rng& rng) = 0;
  // Clock values of the iteration that gave `metrics` and took `seconds`.
  virtual Metrics Timing(const Metrics& metrics, double seconds) = 0;
  // As the recipe asks.
  virtual AdaptationCurve Evaluate() = 0;
  // What the best checkpoint is chosen by, where the recipe asks for it: a column, its value on
  // tasks that are neither trained nor judged on, and how much it is worth.
  struct Validation {
    std::string column;
    double value = 0;
    bool larger_is_better = true;
  };
  virtual Validation Validate() { return {}; }

  // Everything that the next iteration depends on. Load throws Error(kData) when something is
  // missing, of another shape, or of another identity; all is then as before the call, but for a
  // replay. What has a replay can be saved without: the next iterations then fill it anew.
  virtual bool has_replay() const { return false; }
  virtual void Save(TensorFile& file, bool with_replay) const = 0;
  virtual void Load(const TensorFile& file, bool with_replay) = 0;
};

}  // namespace fewstep

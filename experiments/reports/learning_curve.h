// Learning curves from the metrics that runs wrote: a score against the effort of training.
#pragma once

#include <string>
#include <vector>

#include "core/metrics.h"

namespace fewstep {

// What a learning curve shows, by columns of the metrics.
struct LearningCurve {
  std::string effort;                     // summed over iterations: "environment_steps"
  std::string effort_label, effort_unit;  // of an axis, of a rate: "environment steps", "steps"
  std::string score;                      // "return"
  struct Line {
    std::string column, name;
  };
  std::vector<Line> lines;  // what it is about first; then what that is compared with
};

// "return -1.4 -> 191.2": the last line's value, then the first's; one line alone is shown alone.
std::string Summary(const LearningCurve& curve, const Metrics& metrics);

// An SVG of one run, or of several seeds of one recipe: the mean over runs with the range from the
// lowest to the highest run as a band. `run_paths` are run directories; runs of different lengths
// are drawn as far as all of them reach. Throws Error when a metrics file cannot be read.
std::string LearningCurveSvg(const std::vector<std::string>& run_paths, const std::string& title,
                             const LearningCurve& curve);

}  // namespace fewstep

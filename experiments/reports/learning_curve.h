// Learning curves from the metrics that runs wrote: return before and after adaptation against
// environment steps.
#pragma once

#include <string>
#include <vector>

namespace fewstep {

// An SVG of one run, or of several seeds of one recipe: the mean over runs with the range from the
// lowest to the highest run as a band. `run_paths` are run directories; runs of different lengths
// are drawn as far as all of them reach. Throws Error when a metrics file cannot be read.
std::string LearningCurveSvg(const std::vector<std::string>& run_paths, const std::string& title);

}  // namespace fewstep

// Pictures of functions that a few-shot learner fits.
#pragma once

#include <string>

#include "experiments/running/evaluation.h"

namespace fewstep {

// A plot a function: the truth, the points that were learned from, and the fit before adapting,
// after one unit and after the last. The curve has fits.
std::string FitsSvg(const AdaptationCurve& curve, const std::string& title);

}  // namespace fewstep

// Pictures of what an agent believes of its tasks while it adapts.
#pragma once

#include <string>

#include "experiments/running/evaluation.h"

namespace fewstep {

// Numbers of the latent variable (the first eight), mean and one standard deviation, against the
// true values of parameters (the first three): a point a task (the first hundred), after the first
// unit of adaptation and after the last. The curve has beliefs.
std::string PosteriorSvg(const AdaptationCurve& curve, const std::string& title);

// Where the agent would walk to and the true goal: a row a task, a column a number of units, at
// most four. The curve has believed goals.
std::string GoalsSvg(const AdaptationCurve& curve, const std::string& title);

}  // namespace fewstep

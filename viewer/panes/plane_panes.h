// Families without physics that have a useful picture in two dimensions: a point in the plane with
// its goal, states with visits and values, or, for any family, its numbers over time.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "viewer/pane.h"
#include "viewer/performance.h"

namespace fewstep {

// A point in the plane (DrawingHints::position), where it was, and its goal; `goals` are places
// that the agent takes for it. `family` must outlive it, as of those below.
std::unique_ptr<Pane> MakePlanePane(const TaskFamily& family, std::unique_ptr<Performer> performer,
                                    const Task& task, std::vector<std::array<double, 2>> goals);

// The states of a decision process (DrawingHints::states) on a circle: how often each was visited,
// which ways were taken, and what it is worth to who knows the task.
std::unique_ptr<Pane> MakeStatesPane(const TaskFamily& family, std::unique_ptr<Performer> performer,
                                     const Task& task);

// The numbers of the observation over time.
std::unique_ptr<Pane> MakeSignalsPane(const TaskFamily& family,
                                      std::unique_ptr<Performer> performer, const Task& task);

// Optimal expected returns from each state over `horizon` steps, [S]: dynamic programming on the
// mean rewards and weights that `task` holds as `states` says.
std::vector<double> StateValues(const DrawingHints::States& states, std::span<const double> task,
                                int horizon);

}  // namespace fewstep

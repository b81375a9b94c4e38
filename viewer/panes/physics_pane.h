// A simulation of MuJoCo's: its scene, what the task asks for, and where the robot has been.
#pragma once

#include <memory>

#include "viewer/pane.h"
#include "viewer/performance.h"

namespace fewstep {

// `family` has physics and must outlive it.
std::unique_ptr<Pane> MakePhysicsPane(const TaskFamily& family,
                                      std::unique_ptr<Performer> performer, const Task& task);

}  // namespace fewstep

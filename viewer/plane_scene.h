// What is drawn beside the physics: a goal; of families without physics a point in the plane, where
// it was, and its goal.
#pragma once

#include "envs/mujoco/mujoco_model.h"
#include "viewer/playback.h"

namespace fewstep {

// The ground to draw on. Throws Error(kUsage) unless the family has a position in the plane
// (FamilySpec::drawing).
ModelPtr MakePlane(const FamilySpec& spec);

// How far from the origin goals lie: the largest bound of the goal's coordinates, or 1 without a
// goal.
double PlaneExtent(const FamilySpec& spec);

// Adds the point, its trail and its goal to a scene of the plane.
void AddPoint(const Playback& playback, mjvScene& scene);

// Adds the goal of a family with physics to its scene, as a ball, where it has one.
void AddGoal(const Playback& playback, mjvScene& scene);

}  // namespace fewstep

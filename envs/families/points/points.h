// Points in the plane, each published definition in a file of its name.
#pragma once

#include "envs/worlds/world_family.h"

namespace fewstep {

WorldDefinition PointCornerPromp();
WorldDefinition PointNavMaml();
WorldDefinition PointRobotPearl();
WorldDefinition SparsePointRobotPearl();

}  // namespace fewstep

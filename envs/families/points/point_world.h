// A point in the plane, whose task is a goal (x, y) and whose state and observation are its
// position.
#pragma once

#include <algorithm>
#include <span>

#include "envs/worlds/world_family.h"

namespace fewstep {

class PointWorld : public World {
 public:
  void Begin(std::span<const double> task) final { std::copy_n(task.begin(), 2, goal_); }

  void GetState(double* state) const noexcept final { std::copy_n(position_, 2, state); }

  void SetState(const double* state, double* observation) noexcept final {
    std::copy_n(state, 2, position_);
    std::copy_n(state, 2, observation);
  }

 protected:
  double goal_[2] = {};
  double position_[2] = {};
};

}  // namespace fewstep

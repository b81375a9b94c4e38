// What there is to look at in a model: which body the camera follows, what leaves a trail, and how
// a task's model differs from the nominal one.
#pragma once

#include <array>
#include <vector>

#include <mujoco/mujoco.h>

namespace fewstep {

// The first body that moves; the world's first one where none does.
int FollowedBody(const mjModel& model);

// How far what moves reaches from the centre of mass of `body` in the model's initial state. `data`
// is scratch.
double MovingRadius(const mjModel* model, mjData* data, int body);

// What leaves a trail: the followed body where it can move away, or else, as an arm that is bolted
// down, its first site or its last body.
struct Tip {
  bool is_site = false;
  int id = 0;
};
Tip FindTip(const mjModel& model);
std::array<double, 3> PlaceOf(const mjData& data, const Tip& tip);

// By what each body differs from that of the nominal model: the factor, farthest from 1, on its
// mass, its inertia, the friction of its geoms, the damping, stiffness or inertia of its joints, or
// the strength of motors at them; 1 where nothing differs, NaN where a sign does. [nbody]
std::vector<double> BodyFactors(const mjModel& nominal, const mjModel& model);

}  // namespace fewstep

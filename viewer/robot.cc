#include "viewer/robot.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fewstep {
namespace {

bool Moves(const mjModel& model, int body) { return model.body_weldid[body] != 0; }

// Whether the body that `body` hangs on can move away from where it is, not only turn.
bool MovesAway(const mjModel& model, int body) {
  for (int joint = 0; joint < model.njnt; ++joint) {
    if (model.jnt_bodyid[joint] != body) continue;
    if (model.jnt_type[joint] == mjJNT_FREE || model.jnt_type[joint] == mjJNT_SLIDE) return true;
  }
  return false;
}

// Keeps the factor that is farther from 1.
void Note(double nominal, double present, double& factor) {
  if (nominal == present || std::isnan(factor)) return;
  constexpr double kLeast = 1e-3, kMost = 1e3;
  double ratio = 0;
  if (nominal * present < 0) {
    ratio = std::numeric_limits<double>::quiet_NaN();
  } else if (nominal == 0) {
    ratio = kMost;
  } else {
    ratio = std::clamp(present / nominal, kLeast, kMost);
  }
  if (std::isnan(ratio) || std::abs(std::log(ratio)) > std::abs(std::log(factor))) factor = ratio;
}

// The body that an actuator moves; 0 when it is none alone.
int BodyOfActuator(const mjModel& model, int actuator) {
  const int id = model.actuator_trnid[2 * actuator];
  switch (model.actuator_trntype[actuator]) {
    case mjTRN_JOINT:
    case mjTRN_JOINTINPARENT:
      return model.jnt_bodyid[id];
    case mjTRN_SITE:
      return model.site_bodyid[id];
    case mjTRN_BODY:
      return id;
    default:
      return 0;
  }
}

}  // namespace

int FollowedBody(const mjModel& model) {
  for (int body = 1; body < model.nbody; ++body) {
    if (Moves(model, body)) return body;
  }
  return std::min<int>(1, static_cast<int>(model.nbody) - 1);
}

double MovingRadius(const mjModel* model, mjData* data, int body) {
  mj_resetData(model, data);
  mj_forward(model, data);
  double radius = 0.1;
  for (int geom = 0; geom < model->ngeom; ++geom) {
    if (!Moves(*model, model->geom_bodyid[geom])) continue;
    const double distance = mju_dist3(data->geom_xpos + 3 * geom, data->subtree_com + 3 * body);
    radius = std::max(radius, distance + model->geom_rbound[geom]);
  }
  return radius;
}

Tip FindTip(const mjModel& model) {
  const int body = FollowedBody(model);
  if (MovesAway(model, body)) return {.is_site = false, .id = body};
  for (int site = 0; site < model.nsite; ++site) {
    if (Moves(model, model.site_bodyid[site])) return {.is_site = true, .id = site};
  }
  int last = body;
  for (int other = body; other < model.nbody; ++other) {
    if (Moves(model, other)) last = other;
  }
  return {.is_site = false, .id = last};
}

std::array<double, 3> PlaceOf(const mjData& data, const Tip& tip) {
  const mjtNum* place = (tip.is_site ? data.site_xpos : data.xpos) + 3 * tip.id;
  return {place[0], place[1], place[2]};
}

std::vector<double> BodyFactors(const mjModel& nominal, const mjModel& model) {
  std::vector<double> factors(static_cast<size_t>(model.nbody), 1.0);
  const auto factor = [&](int body) -> double& { return factors[static_cast<size_t>(body)]; };
  for (int body = 1; body < model.nbody; ++body) {
    Note(nominal.body_mass[body], model.body_mass[body], factor(body));
    for (int i = 3 * body; i < 3 * body + 3; ++i) {
      Note(nominal.body_inertia[i], model.body_inertia[i], factor(body));
    }
  }
  for (int geom = 0; geom < model.ngeom; ++geom) {
    Note(nominal.geom_friction[3 * geom], model.geom_friction[3 * geom],
         factor(model.geom_bodyid[geom]));
  }
  for (int dof = 0; dof < model.nv; ++dof) {
    double& of_body = factor(model.dof_bodyid[dof]);
    Note(nominal.dof_damping[dof], model.dof_damping[dof], of_body);
    Note(nominal.dof_armature[dof], model.dof_armature[dof], of_body);
    Note(nominal.dof_frictionloss[dof], model.dof_frictionloss[dof], of_body);
  }
  for (int joint = 0; joint < model.njnt; ++joint) {
    Note(nominal.jnt_stiffness[joint], model.jnt_stiffness[joint], factor(model.jnt_bodyid[joint]));
  }
  for (int actuator = 0; actuator < model.nu; ++actuator) {
    const int body = BodyOfActuator(model, actuator);
    Note(nominal.actuator_gear[6 * actuator], model.actuator_gear[6 * actuator], factor(body));
    Note(nominal.actuator_gainprm[mjNGAIN * actuator], model.actuator_gainprm[mjNGAIN * actuator],
         factor(body));
  }
  factors[0] = 1;
  return factors;
}

}  // namespace fewstep

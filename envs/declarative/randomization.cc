#include "envs/declarative/randomization.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "envs/declarative/signals.h"
#include "envs/mujoco/mujoco_model.h"

namespace fewstep::declarative {
namespace {

double Changed(double value, How how, double number) noexcept {
  switch (how) {
    case How::kMultiply:
      return value * number;
    case How::kSet:
      return number;
    case How::kAdd:
      return value + number;
  }
  return value;
}

// Changes `size` numbers, each by one of its own, or all by one.
void ChangeAll(double* values, int size, How how, const double* numbers, int stride) noexcept {
  for (int i = 0; i < size; ++i) values[i] = Changed(values[i], how, numbers[i * stride]);
}

bool AllAtLeast(const double* values, int size, double least) noexcept {
  return std::all_of(values, values + size,
                     [least](double value) { return std::isfinite(value) && value >= least; });
}

// The mass, and the inertia in proportion: the same body of another density.
bool ApplyMass(mjModel* model, int id, How how, const double* numbers) noexcept {
  const double before = model->body_mass[id];
  const double mass = Changed(before, how, *numbers);
  if (!(before > 0) || !(mass >= mjMINVAL) || !std::isfinite(mass)) return false;
  model->body_mass[id] = mass;
  const double factor = how == How::kMultiply ? *numbers : mass / before;
  for (int i = 0; i < 3; ++i) model->body_inertia[3 * id + i] *= factor;
  return IsInertia(model->body_inertia + 3 * id);
}

// The second moments of the mass along the principal axes, of which the moments of inertia are sums
// of two: any positive ones are those of a body.
bool ApplyInertia(mjModel* model, int id, How how, const double* numbers) noexcept {
  double* inertia = model->body_inertia + 3 * id;
  if (how != How::kMultiply || !AllAtLeast(numbers, 3, 1e-12)) return false;
  if (numbers[0] == numbers[1] && numbers[1] == numbers[2]) {
    mju_scl(inertia, inertia, numbers[0], 3);
    return IsInertia(inertia);
  }
  const double half = (inertia[0] + inertia[1] + inertia[2]) / 2;
  double second[3];
  for (int i = 0; i < 3; ++i) second[i] = std::max(0.0, half - inertia[i]) * numbers[i];
  for (int i = 0; i < 3; ++i) inertia[i] = second[(i + 1) % 3] + second[(i + 2) % 3];
  return IsInertia(inertia);
}

bool ApplyInertialPosition(mjModel* model, int id, How how, const double* numbers) noexcept {
  ChangeAll(model->body_ipos + 3 * id, 3, how, numbers, 1);
  return true;
}

bool ApplyBodyPosition(mjModel* model, int id, How how, const double* numbers) noexcept {
  ChangeAll(model->body_pos + 3 * id, 3, how, numbers, 1);
  return true;
}

bool ApplySitePosition(mjModel* model, int id, How how, const double* numbers) noexcept {
  ChangeAll(model->site_pos + 3 * id, 3, how, numbers, 1);
  return true;
}

bool ApplyFriction(mjModel* model, int id, How how, const double* numbers) noexcept {
  double* friction = model->geom_friction + 3 * id;
  ChangeAll(friction, 3, how, numbers, 1);
  return AllAtLeast(friction, 3, 0);
}

// Fields of a joint that stand once for each of its degrees of freedom: all by one number.
template <mjtNum* mjModel::*field>
bool ApplyToDofs(mjModel* model, int id, How how, const double* number) noexcept {
  const Quantity::Field dofs = {
      model->*field + model->jnt_dofadr[id],
      (id + 1 < model->njnt ? model->jnt_dofadr[id + 1] : static_cast<int>(model->nv)) -
          model->jnt_dofadr[id]};
  ChangeAll(dofs.first, dofs.size, how, number, 0);
  return AllAtLeast(dofs.first, dofs.size, 0);
}
template <mjtNum* mjModel::*field>
Quantity::Fields DofFields(mjModel* model, int id) noexcept {
  const int first = model->jnt_dofadr[id];
  const int next = id + 1 < model->njnt ? model->jnt_dofadr[id + 1] : static_cast<int>(model->nv);
  return {{{model->*field + first, next - first}, {}}};
}

bool ApplyStiffness(mjModel* model, int id, How how, const double* number) noexcept {
  ChangeAll(model->jnt_stiffness + id, 1, how, number, 0);
  return AllAtLeast(model->jnt_stiffness + id, 1, 0);
}

// Only as a factor: what a gear of six numbers would be set to is another actuator.
bool ApplyGear(mjModel* model, int id, How how, const double* number) noexcept {
  if (how != How::kMultiply) return false;
  mju_scl(model->actuator_gear + 6 * id, model->actuator_gear + 6 * id, *number, 6);
  return std::isfinite(*number);
}

// The gain of a servo, and the bias that holds it at its set point.
bool ApplyServoGain(mjModel* model, int id, How how, const double* number) noexcept {
  double* gain = model->actuator_gainprm + mjNGAIN * id;
  double* bias = model->actuator_biasprm + mjNBIAS * id;
  // <position>: force = kp ctrl - kp length - kv velocity
  if (bias[1] != -gain[0]) return false;
  gain[0] = Changed(gain[0], how, *number);
  bias[1] = -gain[0];
  return AllAtLeast(gain, 1, 0);
}

bool ApplyGravity(mjModel* model, int, How how, const double* numbers) noexcept {
  ChangeAll(model->opt.gravity, 3, how, numbers, 1);
  return true;
}

bool ApplyWind(mjModel* model, int, How how, const double* numbers) noexcept {
  ChangeAll(model->opt.wind, 3, how, numbers, 1);
  return true;
}

bool ApplyDensity(mjModel* model, int, How how, const double* number) noexcept {
  ChangeAll(&model->opt.density, 1, how, number, 0);
  return AllAtLeast(&model->opt.density, 1, 0);
}

bool ApplyViscosity(mjModel* model, int, How how, const double* number) noexcept {
  ChangeAll(&model->opt.viscosity, 1, how, number, 0);
  return AllAtLeast(&model->opt.viscosity, 1, 0);
}

using Fields = Quantity::Fields;

constexpr Quantity kQuantities[] = {
    {"body_mass", mjOBJ_BODY, 1, "kg", "body_mass, body_inertia",
     "positive; the inertia keeps its proportion to the mass",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->body_mass + id, 1}, {m->body_inertia + 3 * id, 3}}};
     },
     ApplyMass},
    {"body_inertia", mjOBJ_BODY, 3, "", "body_inertia",
     "how far the mass reaches along each principal axis, squared: only multiplied, so that the "
     "moments remain those of a body",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->body_inertia + 3 * id, 3}, {}}};
     },
     ApplyInertia},
    {"body_com", mjOBJ_BODY, 3, "m", "body_ipos",
     "centre of mass in the body's frame; a body that MuJoCo treats as simple must say "
     "simple=\"false\"",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->body_ipos + 3 * id, 3}, {}}};
     },
     ApplyInertialPosition},
    {"body_pos", mjOBJ_BODY, 3, "m", "body_pos", "in the frame of its parent",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->body_pos + 3 * id, 3}, {}}};
     },
     ApplyBodyPosition},
    {"site_pos", mjOBJ_SITE, 3, "m", "site_pos", "in the frame of its body",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->site_pos + 3 * id, 3}, {}}};
     },
     ApplySitePosition},
    {"geom_friction", mjOBJ_GEOM, 3, "", "geom_friction",
     "sliding, torsional, rolling; not negative",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->geom_friction + 3 * id, 3}, {}}};
     },
     ApplyFriction},
    {"joint_damping", mjOBJ_JOINT, 1, "", "dof_damping", "not negative",
     DofFields<&mjModel::dof_damping>, ApplyToDofs<&mjModel::dof_damping>},
    {"joint_armature", mjOBJ_JOINT, 1, "", "dof_armature", "not negative",
     DofFields<&mjModel::dof_armature>, ApplyToDofs<&mjModel::dof_armature>},
    {"joint_frictionloss", mjOBJ_JOINT, 1, "", "dof_frictionloss", "not negative",
     DofFields<&mjModel::dof_frictionloss>, ApplyToDofs<&mjModel::dof_frictionloss>},
    {"joint_stiffness", mjOBJ_JOINT, 1, "", "jnt_stiffness", "not negative",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->jnt_stiffness + id, 1}, {}}};
     },
     ApplyStiffness},
    {"actuator_gear", mjOBJ_ACTUATOR, 1, "", "actuator_gear",
     "only multiplied; 0 is an actuator that does nothing",
     [](mjModel* m, int id) noexcept {
       return Fields{{{m->actuator_gear + 6 * id, 6}, {}}};
     },
     ApplyGear},
    {"servo_gain", mjOBJ_ACTUATOR, 1, "", "actuator_gainprm, actuator_biasprm",
     "of a position servo: kp, and the bias -kp that belongs to it; not negative",
     [](mjModel* m, int id) noexcept {
       return Fields{
           {{m->actuator_gainprm + mjNGAIN * id, 1}, {m->actuator_biasprm + mjNBIAS * id, 2}}};
     },
     ApplyServoGain},
    {"gravity", mjOBJ_UNKNOWN, 3, "m/s^2", "opt.gravity", "",
     [](mjModel* m, int) noexcept {
       return Fields{{{m->opt.gravity, 3}, {}}};
     },
     ApplyGravity},
    {"wind", mjOBJ_UNKNOWN, 3, "m/s", "opt.wind", "",
     [](mjModel* m, int) noexcept {
       return Fields{{{m->opt.wind, 3}, {}}};
     },
     ApplyWind},
    {"density", mjOBJ_UNKNOWN, 1, "kg/m^3", "opt.density", "of the medium; not negative",
     [](mjModel* m, int) noexcept {
       return Fields{{{&m->opt.density, 1}, {}}};
     },
     ApplyDensity},
    {"viscosity", mjOBJ_UNKNOWN, 1, "Pa s", "opt.viscosity", "of the medium; not negative",
     [](mjModel* m, int) noexcept {
       return Fields{{{&m->opt.viscosity, 1}, {}}};
     },
     ApplyViscosity},
};

[[noreturn]] void Fail(const std::string& message, const WhereFunction& where, std::string_view key,
                       std::string remedy = "") {
  ErrorContext at = where(key);
  at.remedy = std::move(remedy);
  throw Error(ErrorKind::kUsage, message, at);
}

// Restores the fields of every object.
void Restore(const Randomization& r, const mjModel* nominal, mjModel* model) noexcept {
  for (const int id : r.objects) {
    const Fields to = r.quantity->fields(model, id);
    // read only; rows are written once for both
    const Fields from = r.quantity->fields(const_cast<mjModel*>(nominal), id);
    for (int i = 0; i < 2; ++i) mju_copy(to.of[i].first, from.of[i].first, to.of[i].size);
  }
}

bool Apply(const Randomization& r, mjModel* model, const double* task) noexcept {
  constexpr int kMostNumbers = 3;
  double before = 0;
  for (const int id : r.objects) before += r.keep_total ? model->body_mass[id] : 0;
  for (size_t i = 0; i < r.objects.size(); ++i) {
    double numbers[kMostNumbers];
    for (int j = 0; j < r.quantity->width; ++j) {
      numbers[j] = task[r.first + static_cast<int>(i) * r.object_stride + j * r.number_stride];
    }
    if (!r.quantity->apply(model, r.objects[i], r.how, numbers)) return false;
  }
  if (!r.keep_total) return true;
  double after = 0;
  for (const int id : r.objects) after += model->body_mass[id];
  const double factor = before / after;
  for (const int id : r.objects) {
    if (!ApplyMass(model, id, How::kMultiply, &factor)) return false;
  }
  return true;
}

}  // namespace

std::span<const Quantity> Quantities() { return kQuantities; }

std::vector<std::string> QuantityNames() {
  std::vector<std::string> names;
  for (const Quantity& quantity : kQuantities) names.emplace_back(quantity.name);
  return names;
}

bool IsInertia(const double* moments) noexcept {
  const double sum = moments[0] + moments[1] + moments[2];
  for (int i = 0; i < 3; ++i) {
    if (!(moments[i] > 0) || !std::isfinite(moments[i])) return false;
    // of a flat body one moment is the sum of the others
    if (2 * moments[i] > sum * (1 + 1e-12)) return false;
  }
  return true;
}

Randomization MakeRandomization(const RandomizationOptions& options, const mjModel* model,
                                const std::vector<ParameterPlace>& parameters,
                                const WhereFunction& where) {
  Randomization r;
  const auto quantity = std::ranges::find(kQuantities, options.quantity, &Quantity::name);
  if (quantity == std::end(kQuantities)) {
    Fail("a randomization needs a quantity", where, "quantity",
         fmt::format("One of {}", fmt::join(QuantityNames(), ", ")));
  }
  r.quantity = &*quantity;
  r.how = options.how;
  r.keep_total = options.keep_total;

  // the objects
  if (quantity->object == mjOBJ_UNKNOWN) {
    if (!options.objects.empty()) {
      Fail(fmt::format("{} is the model's and has no objects", quantity->name), where, "objects");
    }
    r.objects = {0};
  } else {
    if (options.objects.empty()) {
      Fail(fmt::format("{} needs the names of {} objects", quantity->name,
                       ObjectNoun(quantity->object)),
           where, "objects", "\"*\" names all of them");
    }
    r.objects = FindObjects(model, quantity->object, options.objects, where("objects"));
  }
  // the world has neither mass nor place of its own
  if (quantity->object == mjOBJ_BODY) std::erase(r.objects, 0);
  if (r.objects.empty()) Fail("it names the world alone", where, "objects");
  if (quantity->name == "body_mass" || quantity->name == "body_inertia") {
    std::erase_if(r.objects, [&](int id) { return !(model->body_mass[id] > 0); });
    if (r.objects.empty()) Fail("none of them has a mass", where, "objects");
  }
  if (quantity->name == "body_pos") {
    for (const int id : r.objects) {
      const bool free =
          model->body_jntnum[id] > 0 && model->jnt_type[model->body_jntadr[id]] == mjJNT_FREE;
      if (!free && model->body_mocapid[id] < 0) continue;
      Fail(fmt::format("the body '{}' is where its {} says, whatever its place in the model",
                       mj_id2name(model, mjOBJ_BODY, id), free ? "free joint" : "mocap data"),
           where, "objects");
    }
  }
  if (r.how == How::kMultiply) {
    const bool nothing = std::ranges::all_of(r.objects, [&](int id) {
      const Quantity::Field first = quantity->fields(const_cast<mjModel*>(model), id).of[0];
      return std::all_of(first.first, first.first + first.size,
                         [](double value) { return value == 0; });
    });
    if (nothing) {
      Fail(fmt::format("{} is 0 in the model, and a factor leaves it there", quantity->name), where,
           "how", "Use how = \"set\" or \"add\"");
    }
  }
  if (quantity->name == "body_com") {
    for (const int id : r.objects) {
      if (model->body_simple[id] == 0) continue;
      Fail(fmt::format("MuJoCo takes a short way for the body '{}', whose centre of mass must stay",
                       mj_id2name(model, mjOBJ_BODY, id)),
           where, "objects", "Give the body the attribute simple=\"false\" in the model");
    }
  }
  if (r.keep_total && quantity->name != "body_mass") {
    Fail("only masses have a total", where, "keep_total");
  }

  // the numbers
  std::vector<std::string> names;
  for (const ParameterPlace& parameter : parameters) names.push_back(parameter.name);
  const auto parameter = std::ranges::find(parameters, options.parameter, &ParameterPlace::name);
  if (parameter == parameters.end()) {
    Fail(options.parameter.empty() ? "a randomization needs a parameter"
                                   : fmt::format("there is no parameter '{}'{}", options.parameter,
                                                 DidYouMean(options.parameter, names)),
         where, "parameter", fmt::format("Parameters: {}", fmt::join(names, ", ")));
  }
  const int width = quantity->width, count = static_cast<int>(r.objects.size());
  r.first = parameter->first;
  if (width > 1 && count == width && parameter->size == width && r.how == How::kMultiply) {
    Fail(fmt::format("{} numbers could be one for each axis or one for each of the {} objects",
                     width, count),
         where, "parameter",
         fmt::format("Give it {} numbers, or one [[randomization]] to each object", count * width));
  }
  if (parameter->size == count * width && count > 1) {
    r.object_stride = width;
    r.number_stride = 1;
  } else if (parameter->size == width) {
    r.number_stride = 1;
  } else if (parameter->size == count && width > 1 && r.how == How::kMultiply) {
    r.object_stride = 1;
  } else if (parameter->size == 1 && r.how == How::kMultiply) {
    // one factor for all
  } else {
    Fail(fmt::format("'{}' has {} numbers, and {} of {} objects has {}", parameter->name,
                     parameter->size, quantity->name, count, count * width),
         where, "parameter",
         fmt::format("Give it {} numbers for all objects alike{}{}", width,
                     count > 1 ? fmt::format(", or {} for each its own", count * width) : "",
                     r.how == How::kMultiply ? ", or one factor" : ""));
  }
  return r;
}

bool ApplyRandomizations(std::span<const Randomization> randomizations, const mjModel* nominal,
                         mjModel* model, const double* task) noexcept {
  for (const Randomization& r : randomizations) Restore(r, nominal, model);
  for (const Randomization& r : randomizations) {
    if (!Apply(r, model, task)) return false;
  }
  return true;
}

void CheckRandomization(const Randomization& randomization, const mjModel* nominal,
                        std::span<const Range> valid, const WhereFunction& where) {
  const ModelPtr model = CopyModel(nominal);
  for (const bool high : {false, true}) {
    std::vector<double> task;
    for (const Range& range : valid) task.push_back(high ? range.high : range.low);
    if (ApplyRandomizations({&randomization, 1}, nominal, model.get(), task.data())) continue;
    const Quantity& quantity = *randomization.quantity;
    Fail(fmt::format("at the {} end of its parameter, {} makes no sense: {}", high ? "high" : "low",
                     quantity.name, quantity.invariant),
         where, "", "Change the parameter's range, or how it is used");
  }
}

void CheckTogether(std::span<const Randomization> randomizations, const mjModel* nominal,
                   std::span<const Range> valid, const WhereFunction& where) {
  if (randomizations.size() < 2) return;
  const ModelPtr model = CopyModel(nominal);
  // all corners where they are few, else as many that are drawn
  constexpr uint64_t kMostCorners = 4096;
  const bool few = valid.size() <= 12;
  Rng rng(0);
  for (uint64_t corner = 0; corner < (few ? uint64_t{1} << valid.size() : kMostCorners); ++corner) {
    std::vector<double> task;
    for (size_t i = 0; i < valid.size(); ++i) {
      const bool high = few ? (corner >> i & 1) != 0 : rng.Below(2) == 1;
      task.push_back(high ? valid[i].high : valid[i].low);
    }
    if (ApplyRandomizations(randomizations, nominal, model.get(), task.data())) continue;
    Fail(fmt::format("together the randomizations make no sense for the task {}",
                     fmt::join(task, ", ")),
         where, "", "Two of them change one quantity: narrow the ranges of their parameters");
  }
}

}  // namespace fewstep::declarative

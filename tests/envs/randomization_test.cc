// Typed randomisation: nominal values come back, inertias are those of bodies, and what follows
// from a change is what a fresh compilation gives.
#include "envs/declarative/randomization.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include <gmock/gmock.h>

#include "envs/mujoco/mujoco_model.h"
#include "tests/envs/family_testing.h"

namespace fewstep::declarative {
namespace {

using ::testing::HasSubstr;

// A tree with a free body, hinges, a slide, a flat body, motors and a servo. The numbers that tasks
// change stand at %s.
struct Numbers {
  double mass[3] = {0.8, 1.5, 0.4};
  double inertia[3] = {0.004, 0.006, 0.009};
  double com[3] = {0.02, -0.01, 0.05};
  double pos[3] = {0.1, 0, -0.3};
  double site[3] = {0, 0, -0.2};
  double friction[3] = {0.9, 0.01, 0.002};
  double damping = 0.3, armature = 0.05, frictionloss = 0.02, stiffness = 1.5;
  double gear = 20, kp = 35;
  double gravity[3] = {0, 0, -9.81}, wind[3] = {0.5, 0.1, 0.2};
  double density = 1.2, viscosity = 0.002;
};

std::string Mjcf(const Numbers& n) {
  const auto three = [](const double* v) { return fmt::format("{} {} {}", v[0], v[1], v[2]); };
  return fmt::format(R"(
<mujoco>
  <option timestep="0.005" gravity="{gravity}" wind="{wind}" density="{density}" viscosity="{viscosity}"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 1"/>
    <body name="base" pos="0 0 1">
      <freejoint name="base"/>
      <inertial pos="0 0 0" mass="{mass0}" diaginertia="0.01 0.012 0.015"/>
      <geom name="base" type="sphere" size="0.1"/>
      <body name="thigh" pos="{pos}">
        <joint name="hip" axis="0 1 0" damping="{damping}" armature="{armature}"
               frictionloss="{frictionloss}" stiffness="{stiffness}"/>
        <inertial pos="{com}" mass="{mass1}" diaginertia="{inertia}"/>
        <geom name="thigh" type="capsule" fromto="0 0 0 0 0 -0.3" size="0.04" friction="{friction}"/>
        <body name="shin" pos="0 0 -0.3">
          <joint name="knee" axis="0 1 0" range="-90 0" limited="true"/>
          <inertial pos="0 0 -0.1" quat="0.8 0.6 0 0" mass="{mass2}" diaginertia="0.001 0.003 0.004"/>
          <geom name="shin" type="capsule" fromto="0 0 0 0 0 -0.25" size="0.03"/>
          <site name="foot" pos="{site}"/>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="hip" joint="hip" gear="{gear}"/>
    <position name="knee" joint="knee" kp="{kp}" kv="2"/>
  </actuator>
</mujoco>)",
                     fmt::arg("gravity", three(n.gravity)), fmt::arg("wind", three(n.wind)),
                     fmt::arg("density", n.density), fmt::arg("viscosity", n.viscosity),
                     fmt::arg("mass0", n.mass[0]), fmt::arg("mass1", n.mass[1]),
                     fmt::arg("mass2", n.mass[2]), fmt::arg("inertia", three(n.inertia)),
                     fmt::arg("com", three(n.com)), fmt::arg("pos", three(n.pos)),
                     fmt::arg("site", three(n.site)), fmt::arg("friction", three(n.friction)),
                     fmt::arg("damping", n.damping), fmt::arg("armature", n.armature),
                     fmt::arg("frictionloss", n.frictionloss), fmt::arg("stiffness", n.stiffness),
                     fmt::arg("gear", n.gear), fmt::arg("kp", n.kp));
}

ModelPtr Compile(const Numbers& numbers = {}) {
  return CompileModel(Mjcf(numbers), {}, "tree.xml", Textures::kDrop);
}

ErrorContext Where(std::string_view key) {
  return {.file = "family.toml", .key = fmt::format("randomization[0].{}", key)};
}

// One randomisation of objects of the tree by a parameter of `size` numbers.
Randomization Make(const mjModel* model, const std::string& quantity,
                   const std::vector<std::string>& objects, int size, How how = How::kMultiply,
                   bool keep_total = false) {
  RandomizationOptions options;
  options.quantity = quantity;
  options.objects = objects;
  options.parameter = "p";
  options.how = how;
  options.keep_total = keep_total;
  return MakeRandomization(options, model, {{"p", 0, size}}, Where);
}

// The model of a task, from nominal.
ModelPtr Edited(const mjModel* nominal, const Randomization& r, const std::vector<double>& task) {
  ModelPtr model = CopyModel(nominal);
  const DataPtr data = MakeData(nominal);
  EXPECT_TRUE(ApplyRandomizations({&r, 1}, nominal, model.get(), task.data()));
  RefreshConstants(nominal, model.get(), data.get());
  return model;
}

// Every array of the model, the options and the statistics, to a relative 1e-12.
void ExpectSameModel(const mjModel* a, const mjModel* b, const std::string& what) {
  const auto near = [&](const double* x, const double* y, size_t size, const char* field) {
    for (size_t i = 0; i < size; ++i) {
      ASSERT_NEAR(x[i], y[i], 1e-12 * (1 + std::abs(y[i]))) << what << ": " << field << " " << i;
    }
  };
  near(a->opt.gravity, b->opt.gravity, 3, "gravity");
  near(a->opt.wind, b->opt.wind, 3, "wind");
  near(&a->opt.density, &b->opt.density, 1, "density");
  near(&a->opt.viscosity, &b->opt.viscosity, 1, "viscosity");
  near(&a->stat.meaninertia, &b->stat.meaninertia, 1, "meaninertia");
  near(&a->stat.meanmass, &b->stat.meanmass, 1, "meanmass");
  const auto bodies = static_cast<size_t>(a->nbody), dofs = static_cast<size_t>(a->nv);
  near(a->body_mass, b->body_mass, bodies, "body_mass");
  near(a->body_subtreemass, b->body_subtreemass, bodies, "body_subtreemass");
  near(a->body_inertia, b->body_inertia, 3 * bodies, "body_inertia");
  near(a->body_ipos, b->body_ipos, 3 * bodies, "body_ipos");
  near(a->body_pos, b->body_pos, 3 * bodies, "body_pos");
  near(a->body_invweight0, b->body_invweight0, 2 * bodies, "body_invweight0");
  near(a->dof_M0, b->dof_M0, dofs, "dof_M0");
  near(a->dof_invweight0, b->dof_invweight0, dofs, "dof_invweight0");
  near(a->dof_damping, b->dof_damping, dofs, "dof_damping");
  near(a->dof_armature, b->dof_armature, dofs, "dof_armature");
  near(a->dof_frictionloss, b->dof_frictionloss, dofs, "dof_frictionloss");
  near(a->jnt_stiffness, b->jnt_stiffness, static_cast<size_t>(a->njnt), "jnt_stiffness");
  near(a->geom_friction, b->geom_friction, 3 * static_cast<size_t>(a->ngeom), "geom_friction");
  near(a->site_pos, b->site_pos, 3 * static_cast<size_t>(a->nsite), "site_pos");
  near(a->actuator_gear, b->actuator_gear, 6 * static_cast<size_t>(a->nu), "actuator_gear");
  near(a->actuator_acc0, b->actuator_acc0, static_cast<size_t>(a->nu), "actuator_acc0");
  near(a->actuator_gainprm, b->actuator_gainprm, mjNGAIN * static_cast<size_t>(a->nu), "gain");
  near(a->actuator_biasprm, b->actuator_biasprm, mjNBIAS * static_cast<size_t>(a->nu), "bias");
  for (size_t i = 0; i < bodies; ++i) {
    ASSERT_EQ(a->body_sameframe[i], b->body_sameframe[i]) << what << ": body_sameframe " << i;
    ASSERT_EQ(a->body_simple[i], b->body_simple[i]) << what << ": body_simple " << i;
  }
  for (size_t i = 0; i < static_cast<size_t>(a->ngeom); ++i) {
    ASSERT_EQ(a->geom_sameframe[i], b->geom_sameframe[i]) << what << ": geom_sameframe " << i;
  }
  for (size_t i = 0; i < static_cast<size_t>(a->nsite); ++i) {
    ASSERT_EQ(a->site_sameframe[i], b->site_sameframe[i]) << what << ": site_sameframe " << i;
  }
}

bool SameBytes(const mjModel* a, const mjModel* b) {
  return std::memcmp(a->buffer, b->buffer, static_cast<size_t>(a->nbuffer)) == 0 &&
         std::memcmp(&a->opt, &b->opt, sizeof(mjOption)) == 0 &&
         std::memcmp(&a->stat, &b->stat, sizeof(mjStatistic)) == 0;
}

// All quantities at once, as many numbers as they take.
std::vector<Randomization> AllQuantities(const mjModel* model, int& size) {
  const std::string parameter = "p";
  std::vector<Randomization> all;
  size = 0;
  for (const Quantity& quantity : Quantities()) {
    RandomizationOptions options;
    options.quantity = quantity.name;
    const bool vector = quantity.width > 1;
    const std::vector<const char*> names =
        quantity.object == mjOBJ_UNKNOWN    ? std::vector<const char*>{}
        : quantity.name == "servo_gain"     ? std::vector<const char*>{"knee"}
        : quantity.object == mjOBJ_ACTUATOR ? std::vector<const char*>{"hip"}
        : quantity.object == mjOBJ_SITE     ? std::vector<const char*>{"foot"}
        : quantity.object == mjOBJ_JOINT    ? std::vector<const char*>{"hip", "knee"}
        : vector                            ? std::vector<const char*>{"thigh", "shin"}
                                            : std::vector<const char*>{"*"};
    options.objects.assign(names.begin(), names.end());
    options.parameter = parameter;
    all.push_back(MakeRandomization(options, model, {{"p", size, quantity.width}}, Where));
    size += quantity.width;
  }
  return all;
}

TEST(Randomization, AThousandTasksLaterTheNominalModelIsTheSameToTheBit) {
  const ModelPtr nominal = Compile(), model = CopyModel(nominal.get());
  const DataPtr data = MakeData(nominal.get());
  int size = 0;
  const std::vector<Randomization> all = AllQuantities(nominal.get(), size);
  ASSERT_EQ(all.size(), Quantities().size());
  Rng rng(1);
  std::vector<double> task(static_cast<size_t>(size));
  for (int i = 0; i < 1000; ++i) {
    for (double& value : task) value = rng.Uniform(0.5, 2);
    ASSERT_TRUE(ApplyRandomizations(all, nominal.get(), model.get(), task.data()));
    RefreshConstants(nominal.get(), model.get(), data.get());
    EXPECT_FALSE(SameBytes(model.get(), nominal.get()));
  }
  std::ranges::fill(task, 1);
  ASSERT_TRUE(ApplyRandomizations(all, nominal.get(), model.get(), task.data()));
  RefreshConstants(nominal.get(), model.get(), data.get());
  EXPECT_TRUE(SameBytes(model.get(), nominal.get()));

  // and a task after a thousand others is what it is after none
  for (double& value : task) value = rng.Uniform(0.5, 2);
  const ModelPtr fresh = CopyModel(nominal.get());
  for (mjModel* to : {model.get(), fresh.get()}) {
    ASSERT_TRUE(ApplyRandomizations(all, nominal.get(), to, task.data()));
    RefreshConstants(nominal.get(), to, data.get());
  }
  EXPECT_TRUE(SameBytes(model.get(), fresh.get()));
}

// A million draws over two decades of every factor: no inertia that no body has.
TEST(Randomization, EveryInertiaIsThatOfABody) {
  const ModelPtr nominal = Compile(), model = CopyModel(nominal.get());
  const std::vector<Randomization> all = {Make(nominal.get(), "body_mass", {"*"}, 3),
                                          Make(nominal.get(), "body_inertia", {"thigh"}, 3),
                                          Make(nominal.get(), "body_inertia", {"base", "shin"}, 3)};
  Rng rng(2);
  int64_t invalid = 0;
  for (int draw = 0; draw < 1'000'000; ++draw) {
    double task[3];
    for (double& value : task) value = std::exp(rng.Uniform(std::log(0.1), std::log(10)));
    invalid += ApplyRandomizations(all, nominal.get(), model.get(), task) ? 0 : 1;
    for (int body = 1; body < nominal->nbody; ++body) {
      invalid += IsInertia(model->body_inertia + 3 * body) && model->body_mass[body] > 0 ? 0 : 1;
    }
  }
  EXPECT_EQ(invalid, 0);

  // what is not one is seen
  const double bad[] = {0.1, 0.2, 0.31}, good[] = {0.1, 0.2, 0.3}, none[] = {0.1, 0, 0.1};
  EXPECT_FALSE(IsInertia(bad));
  EXPECT_TRUE(IsInertia(good));
  EXPECT_FALSE(IsInertia(none));
}

// A body stretched along one principal axis: as the inertia of its points, each moved.
TEST(Randomization, AStretchedBodyHasTheInertiaOfItsPoints) {
  const ModelPtr nominal = Compile();
  const double factors[] = {1.5, 0.7, 2.0};
  const ModelPtr model =
      Edited(nominal.get(), Make(nominal.get(), "body_inertia", {"thigh"}, 3), {1.5, 0.7, 2.0});
  const double* before = nominal->body_inertia + 6;
  double second[3], expected[3];  // sums of m x_i^2
  for (int i = 0; i < 3; ++i) {
    second[i] = (before[(i + 1) % 3] + before[(i + 2) % 3] - before[i]) / 2 * factors[i];
  }
  for (int i = 0; i < 3; ++i) expected[i] = second[(i + 1) % 3] + second[(i + 2) % 3];
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(model->body_inertia[6 + i], expected[i], 1e-15);
}

TEST(Randomization, WhatFollowsIsWhatAFreshCompilationGives) {
  const Numbers plain;
  const ModelPtr nominal = Compile(plain);
  const auto check = [&](const std::string& quantity, const std::vector<std::string>& objects,
                         const std::vector<double>& task, How how, const Numbers& numbers) {
    const Randomization r =
        Make(nominal.get(), quantity, objects, static_cast<int>(task.size()), how);
    ExpectSameModel(Edited(nominal.get(), r, task).get(), Compile(numbers).get(), quantity);
  };
  Numbers n = plain;
  n.mass[1] *= 1.7;
  for (double& value : n.inertia) value *= 1.7;
  check("body_mass", {"thigh"}, {1.7}, How::kMultiply, n);
  check("body_mass", {"thigh"}, {1.7 * plain.mass[1]}, How::kSet, n);
  check("body_mass", {"thigh"}, {0.7 * plain.mass[1]}, How::kAdd, n);
  n = plain;
  for (double& value : n.inertia) value *= 0.6;
  check("body_inertia", {"thigh"}, {0.6}, How::kMultiply, n);
  n = plain;
  n.com[0] += 0.03;
  n.com[2] -= 0.01;
  check("body_com", {"thigh"}, {0.03, 0, -0.01}, How::kAdd, n);
  n = plain;
  std::fill(n.com, n.com + 3, 0.0);
  check("body_com", {"thigh"}, {0, 0, 0}, How::kSet, n);
  n = plain;
  n.pos[2] = -0.25;
  check("body_pos", {"thigh"}, {0.1, 0, -0.25}, How::kSet, n);
  n = plain;
  std::fill(n.site, n.site + 3, 0.0);
  check("site_pos", {"foot"}, {0, 0, 0}, How::kSet, n);
  n = plain;
  for (double& value : n.friction) value *= 0.5;
  check("geom_friction", {"thigh"}, {0.5}, How::kMultiply, n);
  n = plain;
  n.damping = 1.1;
  check("joint_damping", {"hip"}, {1.1}, How::kSet, n);
  n = plain;
  n.armature *= 3;
  check("joint_armature", {"hip"}, {3}, How::kMultiply, n);
  n = plain;
  n.frictionloss += 0.4;
  check("joint_frictionloss", {"hip"}, {0.4}, How::kAdd, n);
  n = plain;
  n.stiffness = 0;
  check("joint_stiffness", {"hip"}, {0}, How::kMultiply, n);
  n = plain;
  n.gear *= -0.5;
  check("actuator_gear", {"hip"}, {-0.5}, How::kMultiply, n);
  n = plain;
  n.kp *= 2;
  check("servo_gain", {"knee"}, {2}, How::kMultiply, n);
  n = plain;
  n.gravity[0] = 1;
  n.gravity[2] = -3.7;
  check("gravity", {}, {1, 0, -3.7}, How::kSet, n);
  n = plain;
  n.wind[1] += 4;
  check("wind", {}, {0, 4, 0}, How::kAdd, n);
  n = plain;
  n.density = 1000;
  check("density", {}, {1000}, How::kSet, n);
  n = plain;
  n.viscosity *= 4;
  check("viscosity", {}, {4}, How::kMultiply, n);
}

TEST(Randomization, TheSumOfMassesCanStay) {
  const ModelPtr nominal = Compile();
  const Randomization r = Make(nominal.get(), "body_mass", {"*"}, 3, How::kMultiply, true);
  const ModelPtr model = Edited(nominal.get(), r, {0.5, 2, 3});
  EXPECT_NEAR(mj_getTotalmass(model.get()), mj_getTotalmass(nominal.get()), 1e-14);
  EXPECT_NEAR(model->body_mass[2] / model->body_mass[1],
              4 * nominal->body_mass[2] / nominal->body_mass[1], 1e-12);
  for (int body = 1; body < 4; ++body) {
    EXPECT_NEAR(model->body_inertia[3 * body] / model->body_mass[body],
                nominal->body_inertia[3 * body] / nominal->body_mass[body], 1e-15);
  }
}

TEST(Randomization, NumbersGoToAllObjectsOrToEachItsOwn) {
  const ModelPtr nominal = Compile();
  const ModelPtr alike = Edited(
      nominal.get(), Make(nominal.get(), "joint_damping", {"hip", "knee"}, 1, How::kSet), {3});
  EXPECT_EQ(alike->dof_damping[6], 3);
  EXPECT_EQ(alike->dof_damping[7], 3);
  const ModelPtr own = Edited(
      nominal.get(), Make(nominal.get(), "joint_damping", {"hip", "knee"}, 2, How::kSet), {3, 4});
  EXPECT_EQ(own->dof_damping[6], 3);
  EXPECT_EQ(own->dof_damping[7], 4);
  // six degrees of freedom of one joint
  const ModelPtr free =
      Edited(nominal.get(), Make(nominal.get(), "joint_armature", {"base"}, 1, How::kSet), {0.5});
  for (int dof = 0; dof < 6; ++dof) EXPECT_EQ(free->dof_armature[dof], 0.5);
  EXPECT_EQ(free->dof_armature[6], nominal->dof_armature[6]);
  const ModelPtr vectors =
      Edited(nominal.get(), Make(nominal.get(), "body_pos", {"thigh", "shin"}, 6, How::kAdd),
             {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(vectors->body_pos[6], nominal->body_pos[6] + 1);
  EXPECT_EQ(vectors->body_pos[11], nominal->body_pos[11] + 6);
}

TEST(Randomization, BadOnesAreRefused) {
  const ModelPtr nominal = Compile();
  const auto refuse = [&](const std::string& quantity, const std::vector<std::string>& objects,
                          int size, How how, const std::string& message,
                          std::vector<Range> valid = {}) {
    try {
      const Randomization r = Make(nominal.get(), quantity, objects, size, how);
      if (valid.empty()) valid.assign(static_cast<size_t>(size), {1, 1});
      CheckRandomization(r, nominal.get(), valid, Where);
      ADD_FAILURE() << quantity << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  };
  refuse("mass", {"thigh"}, 1, How::kMultiply, "needs a quantity");
  refuse("body_mass", {"tigh"}, 1, How::kMultiply, "did you mean 'thigh'?");
  refuse("body_mass", {}, 1, How::kMultiply, "needs the names of body objects");
  refuse("body_mass", {"world"}, 1, How::kMultiply, "world alone");
  refuse("gravity", {"thigh"}, 3, How::kSet, "has no objects");
  refuse("gravity", {}, 2, How::kSet, "has 2 numbers");
  refuse("geom_friction", {"thigh", "shin"}, 4, How::kSet, "or 6 for each its own");
  refuse("body_mass", {"thigh"}, 1, How::kMultiply, "at the low end", {{0, 1}});
  refuse("body_mass", {"thigh"}, 1, How::kSet, "at the low end", {{-1, 1}});
  refuse("body_mass", {"thigh"}, 1, How::kAdd, "at the low end", {{-1.5, 1}});
  refuse("body_inertia", {"thigh"}, 3, How::kSet, "makes no sense");
  refuse("actuator_gear", {"hip"}, 1, How::kSet, "only multiplied");
  refuse("servo_gain", {"hip"}, 1, How::kMultiply, "position servo");
  refuse("joint_damping", {"hip"}, 1, How::kAdd, "at the low end", {{-1, 1}});
  refuse("joint_damping", {"base"}, 1, How::kMultiply, "is 0 in the model");
  refuse("body_pos", {"base"}, 3, How::kSet, "free joint");
  refuse("geom_friction", {"base", "thigh", "shin"}, 3, How::kMultiply,
         "could be one for each axis");

  // each by itself is sound, both together are not
  const std::vector<Randomization> both = {
      Make(nominal.get(), "body_mass", {"thigh"}, 1, How::kAdd),
      Make(nominal.get(), "body_mass", {"thigh"}, 1, How::kAdd)};
  const std::vector<Range> valid = {{-1, 0}};
  CheckRandomization(both[0], nominal.get(), valid, Where);
  EXPECT_THROW(CheckTogether(both, nominal.get(), valid, Where), Error);
}

// A lone body whose inertia lies in its own frame is computed by a shorter way, which a moved
// centre of mass would break.
TEST(Randomization, ACentreOfMassThatMustStayIsToldSo) {
  const auto compile = [](const char* attribute) {
    return CompileModel(fmt::format(R"(<mujoco><worldbody><body name="ball" {}><freejoint/>
                                       <geom size="0.1"/></body></worldbody></mujoco>)",
                                    attribute),
                        {}, "ball.xml", Textures::kDrop);
  };
  try {
    Make(compile("").get(), "body_com", {"ball"}, 3, How::kAdd);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("simple=\"false\""));
  }
  const ModelPtr nominal = compile("simple=\"false\"");
  const ModelPtr model =
      Edited(nominal.get(), Make(nominal.get(), "body_com", {"ball"}, 3, How::kAdd), {0.01, 0, 0});
  EXPECT_EQ(model->body_ipos[3], 0.01);
  EXPECT_NE(model->body_sameframe[1], mjSAMEFRAME_BODY);
}

}  // namespace
}  // namespace fewstep::declarative

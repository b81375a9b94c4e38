#include "viewer/robot.h"

#include <cmath>

#include <gtest/gtest.h>

#include "envs/mujoco/mujoco_model.h"
#include "viewer/look.h"

namespace fewstep {
namespace {

constexpr const char* kBolted = R"(
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 1"/>
    <body name="stand" pos="0 0 1">
      <geom size="0.1"/>
      <body name="upper">
        <joint name="a" type="hinge" damping="1" stiffness="2"/>
        <geom type="capsule" size="0.02" fromto="0 0 0 0.3 0 0"/>
        <body name="lower" pos="0.3 0 0">
          <joint name="b" type="hinge" damping="1"/>
          <geom type="capsule" size="0.02" fromto="0 0 0 0.2 0 0"/>
          <site name="hand" pos="0.2 0 0"/>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="b" gear="3"/></actuator>
</mujoco>)";

ModelPtr Compile(const char* text) { return CompileModel(text, {}, "test.xml", Textures::kDrop); }

TEST(Robot, FollowsWhatMoves) {
  const ModelPtr model = Compile(kBolted);
  EXPECT_STREQ(mj_id2name(model.get(), mjOBJ_BODY, FollowedBody(*model)), "upper");
  const Tip tip = FindTip(*model);
  ASSERT_TRUE(tip.is_site);
  EXPECT_STREQ(mj_id2name(model.get(), mjOBJ_SITE, tip.id), "hand");
  const DataPtr data = MakeData(model.get());
  mj_forward(model.get(), data.get());
  EXPECT_NEAR(PlaceOf(*data, tip)[0], 0.5, 1e-12);
  EXPECT_NEAR(PlaceOf(*data, tip)[2], 1, 1e-12);
}

TEST(Robot, WhatCanMoveAwayLeavesTheTrailItself) {
  const ModelPtr model = Compile(
      "<mujoco><worldbody><body><freejoint/><geom size='1'/><site name='s'/></body></worldbody>"
      "</mujoco>");
  const Tip tip = FindTip(*model);
  EXPECT_FALSE(tip.is_site);
  EXPECT_EQ(tip.id, 1);
}

TEST(Robot, AModelOfNothingIsNoTrouble) {
  const ModelPtr model = Compile("<mujoco/>");
  EXPECT_EQ(FollowedBody(*model), 0);
  const DataPtr data = MakeData(model.get());
  EXPECT_GT(MovingRadius(model.get(), data.get(), 0), 0);
}

TEST(Robot, TellsByWhatFactorABodyDiffers) {
  const ModelPtr nominal = Compile(kBolted);
  const auto id = [&](mjtObj type, const char* name) {
    return mj_name2id(nominal.get(), type, name);
  };
  const auto factor = [&](const ModelPtr& model, const char* body) {
    return BodyFactors(*nominal, *model)[static_cast<size_t>(id(mjOBJ_BODY, body))];
  };
  ModelPtr model = CopyModel(nominal.get());
  for (const char* body : {"stand", "upper", "lower"}) EXPECT_EQ(factor(model, body), 1);

  model->body_mass[id(mjOBJ_BODY, "upper")] *= 2;
  EXPECT_DOUBLE_EQ(factor(model, "upper"), 2);
  EXPECT_EQ(factor(model, "lower"), 1);

  // the largest difference counts, up or down
  model->dof_damping[model->jnt_dofadr[id(mjOBJ_JOINT, "a")]] *= 0.1;
  EXPECT_DOUBLE_EQ(factor(model, "upper"), 0.1);
  model->jnt_stiffness[id(mjOBJ_JOINT, "a")] *= 20;
  EXPECT_DOUBLE_EQ(factor(model, "upper"), 20);

  // a motor that pulls the other way
  model->actuator_gear[0] *= -1;
  EXPECT_TRUE(std::isnan(factor(model, "lower")));

  model = CopyModel(nominal.get());
  model->geom_friction[3 * id(mjOBJ_GEOM, "floor")] *= 3;
  EXPECT_EQ(BodyFactors(*nominal, *model)[0], 1) << "the floor is not tinted";
}

TEST(Look, ObeysTheKeysOfSimulate) {
  Look look;
  EXPECT_EQ(look.option.flags[mjVIS_CONTACTPOINT], 0);
  EXPECT_TRUE(look.ToggleByKey('c'));
  EXPECT_EQ(look.option.flags[mjVIS_CONTACTPOINT], 1);
  EXPECT_TRUE(look.ToggleByKey('C'));
  EXPECT_EQ(look.option.flags[mjVIS_CONTACTPOINT], 0);
  const mjtByte shadow = look.flags[mjRND_SHADOW];
  EXPECT_TRUE(look.ToggleByKey('s'));
  EXPECT_NE(look.flags[mjRND_SHADOW], shadow);
  const mjtByte group = look.option.geomgroup[2];
  EXPECT_TRUE(look.ToggleByKey('2'));
  EXPECT_NE(look.option.geomgroup[2], group);
  EXPECT_FALSE(look.ToggleByKey('9'));
  EXPECT_FALSE(look.ToggleByKey(0));
}

TEST(Look, AimsOnceAndGoesThroughTheCameras) {
  const ModelPtr owned = Compile(
      "<mujoco><visual><global azimuth='30' elevation='-60'/></visual><worldbody>"
      "<camera name='side' pos='0 -2 1'/><camera name='top' pos='0 0 3'/>"
      "<body><freejoint/><geom size='0.2'/></body></worldbody></mujoco>");
  const std::shared_ptr<const mjModel> model(owned.get(), [](const mjModel*) {});
  const DataPtr data = MakeData(model.get());
  Look look;
  look.NextCamera(1);  // nothing to look at yet
  look.Aim(model, data.get());
  EXPECT_EQ(look.camera.type, mjCAMERA_TRACKING);
  EXPECT_EQ(look.camera.azimuth, 30);
  EXPECT_EQ(look.camera.elevation, -60);
  EXPECT_EQ(look.camera_name(), "follows");
  look.Turn(0.1, 0);
  const double turned = look.camera.azimuth;
  EXPECT_NE(turned, 30);
  look.Aim(model, data.get());
  EXPECT_EQ(look.camera.azimuth, turned);

  look.NextCamera(1);
  EXPECT_EQ(look.camera_name(), "side");
  look.NextCamera(1);
  EXPECT_EQ(look.camera_name(), "top");
  look.NextCamera(1);
  EXPECT_EQ(look.camera_name(), "follows");
  look.NextCamera(-1);
  EXPECT_EQ(look.camera_name(), "top");
  look.Follow();
  look.Shift(0.1, 0.1);
  EXPECT_EQ(look.camera_name(), "stands still");
}

}  // namespace
}  // namespace fewstep

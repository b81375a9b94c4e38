// What is put into the scene of a family without physics.
#include "viewer/plane_scene.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/family_catalog.h"
#include "tests/viewer/scripted_controller.h"

namespace fewstep {
namespace {

TEST(PlaneScene, HoldsThePointItsTrailAndItsGoal) {
  constexpr int kSteps = 9;
  const std::unique_ptr<TaskFamily> family = BuiltinFamilies().Make("point-nav@maml");
  ScriptedController script(1);
  script.Show(1);
  const Task task{"point-nav@maml", {0.25, -0.5}};
  Playback playback(*family, script, {task}, Rng(1));
  for (int step = 0; step < kSteps; ++step) playback.Step();

  const ModelPtr plane = MakePlane(family->spec());
  mjvScene scene;
  mjv_defaultScene(&scene);
  mjv_makeScene(plane.get(), &scene, 100);
  AddPoint(playback, scene);

  // a line a step from the origin on, then the point where the last line ends, then the goal
  ASSERT_EQ(scene.ngeom, kSteps + 2);
  const mjvGeom& point = scene.geoms[kSteps];
  const mjvGeom& goal = scene.geoms[kSteps + 1];
  EXPECT_FLOAT_EQ(point.pos[0], static_cast<float>(playback.visited()[2 * kSteps]));
  EXPECT_FLOAT_EQ(point.pos[1], static_cast<float>(playback.visited()[2 * kSteps + 1]));
  EXPECT_FLOAT_EQ(goal.pos[0], 0.25f);
  EXPECT_FLOAT_EQ(goal.pos[1], -0.5f);
  mjv_freeScene(&scene);

  // a full scene takes no more
  mjv_makeScene(plane.get(), &scene, kSteps + 1);
  AddPoint(playback, scene);
  EXPECT_EQ(scene.ngeom, kSteps + 1);
  mjv_freeScene(&scene);
}

TEST(PlaneScene, ReachesAsFarAsGoalsLie) {
  EXPECT_EQ(PlaneExtent(BuiltinFamilies().Make("point-nav@maml")->spec()), 0.5);
  EXPECT_EQ(PlaneExtent(BuiltinFamilies().Make("point-corner@promp")->spec()), 2);
}

TEST(PlaneScene, RefusesAFamilyWithoutAPosition) {
  FamilySpec spec{.name = "bandit", .state = {"last_arm"}};
  try {
    MakePlane(spec);
    FAIL() << "drew a bandit";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace fewstep

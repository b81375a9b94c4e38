// What the tests of task families share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "envs/contract/trajectory.h"
#include "envs/family_catalog.h"
#include "envs/mujoco/mujoco_family.h"
#include "envs/mujoco/mujoco_model.h"
#include "envs/task_family.h"

namespace fewstep {

// Calls of operator new since the start of the program, of every thread.
extern std::atomic<int64_t> allocation_count;

// A fixture in which any MuJoCo warning fails the test.
class NoWarningsTest : public ::testing::Test {
 protected:
  void SetUp() override { warnings_ = MujocoWarningCount(); }
  void TearDown() override { EXPECT_EQ(MujocoWarningCount(), warnings_) << LastMujocoWarning(); }

 private:
  int64_t warnings_ = 0;
};

// A pole on a hinge whose tasks change its length and mass, with noise in its reset and a terminal
// state: what the built-in families do not use of MujocoDefinition.
MujocoDefinition PendulumDefinition();
std::unique_ptr<TaskFamily> MakePendulum(const FamilyOptions& options);

// The same, whose mass and gravity drift every 7 control steps of a trial of three episodes.
std::unique_ptr<TaskFamily> MakeDriftingPendulum(const FamilyOptions& options);

// Three arms that pay 1 with the probabilities of the task: discrete choices and random rewards.
std::unique_ptr<TaskFamily> MakeBandit(const FamilyOptions& options);

// The same, drawn anew every 20 steps, of which its horizon of 50 is no multiple.
std::unique_ptr<TaskFamily> MakeChangingBandit(const FamilyOptions& options);

// A family's name as a test may be called: "point_nav_maml".
std::string FamilyTestName(const ::testing::TestParamInfo<std::string>& family);

}  // namespace fewstep

// The comparison of devices, between two ways to compute on the processor.
#include "experiments/studies/device_check.h"

#include <cmath>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

TEST(DeviceCheck, ADeviceAgreesWithItself) {
  const DeviceCheck check = CheckDevice(BuiltinCatalog(), {.updates = 1});
  EXPECT_TRUE(check.agrees());
  ASSERT_EQ(check.quantities.size(), 3u);
  for (const DeviceQuantity& q : check.quantities) EXPECT_EQ(q.distance, 0) << q.name;
  EXPECT_GT(check.processor_updates, 0);
  EXPECT_GT(check.device_updates, 0);
}

TEST(DeviceCheck, AnotherOrderOfSummationIsWithinTheTolerances) {
  for (const int64_t shards : {1, 3, 40}) {
    const DeviceCheck check = CheckDevice(BuiltinCatalog(), {.shards = shards, .updates = 1});
    for (const DeviceQuantity& q : check.quantities) {
      EXPECT_LE(q.distance, q.tolerance / 10) << q.name << ", " << shards << " shards";
    }
    // it is another one
    EXPECT_GT(check.quantities[1].distance, 0) << shards;
  }
}

TEST(DeviceCheck, WhatIsOffIsRefused) {
  DeviceCheck check{.quantities = {{"one", 0.5, 1}, {"two", 1, 1}}};
  EXPECT_TRUE(check.agrees());
  check.quantities[1].distance = 1.01;
  EXPECT_FALSE(check.agrees());
  check.quantities[1].distance = NAN;
  EXPECT_FALSE(check.agrees());
}

}  // namespace
}  // namespace fewstep

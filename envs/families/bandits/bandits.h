// Bandits: arms whose parameters are not told, one pull an episode, and an observation that says
// nothing.
#pragma once

#include "envs/family_catalog.h"

namespace fewstep {

// The most arms that a recipe may ask for.
inline constexpr int64_t kMaxArms = 10'000;

struct BanditOptions : FamilyOptions {
  int64_t arms = 0;  // 0: the published number
  void Visit(FieldVisitor& visitor) override;
};

}  // namespace fewstep

// The families that are compiled in: a folder a robot or world, which adds its published
// definitions.
#pragma once

#include "envs/family_catalog.h"

namespace fewstep {

void AddBandits(FamilyCatalog& catalog);
void AddHalfCheetah(FamilyCatalog& catalog);
void AddPoints(FamilyCatalog& catalog);
void AddTabularMdps(FamilyCatalog& catalog);

}  // namespace fewstep

#include "envs/families/points/points.h"

#include "envs/families/families.h"

namespace fewstep {

void AddPoints(FamilyCatalog& catalog) {
  for (WorldDefinition (*define)() :
       {PointCornerPromp, PointNavMaml, PointRobotPearl, SparsePointRobotPearl}) {
    catalog.Add(define().spec.name, EntryOf<FamilyOptions>([define](const FamilyOptions& options) {
                  return MakeWorldFamily(define(), options);
                }));
  }
}

}  // namespace fewstep

#include "experiments/running/trainable.h"

#include <limits>

#include <fmt/format.h>

#include "core/error.h"
#include "core/memory.h"

namespace fewstep {

void CheckFootprint(const Footprint& footprint) {
  RequireMemory(footprint.bytes, footprint.purpose, footprint.keys);
  if (footprint.items <= std::numeric_limits<int>::max()) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{} has more than 2^31 {}", footprint.purpose, footprint.item_name),
              {.key = footprint.keys, .remedy = "Lower one of them"});
}

}  // namespace fewstep

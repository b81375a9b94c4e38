// The one clock for durations.
#pragma once

#include <chrono>

namespace fewstep {

// Seconds from any origin, never backwards.
inline double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace fewstep

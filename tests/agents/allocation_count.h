// Counts what the calling thread takes from malloc, and so from operator new and from Eigen, which
// does not go through operator new. Under a sanitizer, which has a malloc of its own, nothing is
// counted.
#pragma once

#include <cstdint>

namespace fewstep {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kCountsAllocations = false;
#else
inline constexpr bool kCountsAllocations = true;
#endif

// Calls of malloc by this thread since it started.
int64_t AllocationsOfThisThread();

}  // namespace fewstep

#include "tests/agents/allocation_count.h"

#include <cstddef>

namespace {
thread_local int64_t calls = 0;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// glibc's own, under the name it keeps for those who take its place
extern "C" void* __libc_malloc(size_t size);
extern "C" void* malloc(size_t size) {
  ++calls;
  return __libc_malloc(size);
}
#endif

namespace fewstep {
int64_t AllocationsOfThisThread() { return calls; }
}  // namespace fewstep

// Counts calls of operator new; apart from that, memory comes from where it always does.
#include <cstdlib>
#include <new>

#include "tests/envs/family_testing.h"

namespace fewstep {
std::atomic<int64_t> allocation_count = 0;
}

void* operator new(size_t size) {
  fewstep::allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

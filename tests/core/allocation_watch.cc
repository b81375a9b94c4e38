#include "tests/core/allocation_watch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {
thread_local bool watching = false;
thread_local size_t largest_request = 0;
}  // namespace

void* operator new(size_t size, const std::nothrow_t&) noexcept {
  if (watching) largest_request = std::max(largest_request, size);
  return std::malloc(std::max<size_t>(size, 1));
}
void* operator new(size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace fewstep {

AllocationWatch::AllocationWatch() {
  largest_request = 0;
  watching = true;
}
AllocationWatch::~AllocationWatch() { watching = false; }
size_t AllocationWatch::largest() const { return largest_request; }

}  // namespace fewstep

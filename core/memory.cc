#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"

namespace fewstep {

double UsableMemory() {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  // a container's limit; no number is there when it has none
  for (const char* limit :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(limit);
    if (double value = 0; file >> value) bytes = std::min(bytes, value);
  }
  rlimit address_space{};
  if (getrlimit(RLIMIT_AS, &address_space) == 0 && address_space.rlim_cur != RLIM_INFINITY) {
    bytes = std::min(bytes, static_cast<double>(address_space.rlim_cur));
  }
  return bytes;
}

void RequireMemory(double bytes, std::string_view purpose, std::string keys) {
  constexpr double kGigabyte = 1e9;
  const double usable = UsableMemory();
  if (bytes <= usable) return;
  const std::string remedy = fmt::format("Lower {}", keys);
  throw Error(ErrorKind::kUsage,
              fmt::format("{} needs at least {:.4g} GB of memory, there are {:.4g} GB", purpose,
                          bytes / kGigabyte, usable / kGigabyte),
              {.key = std::move(keys), .remedy = remedy});
}

void KeepFreedMemory() {
  constexpr int kNever = -1, kAnySize = std::numeric_limits<int>::max();
  constexpr int kMostOfOldVersions = 32 << 20;
  constexpr int kHeap = 64 << 20;  // HEAP_MAX_SIZE: with so much padding none is unmapped
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_TOP_PAD, kHeap);
  if (mallopt(M_MMAP_THRESHOLD, kAnySize) == 0) mallopt(M_MMAP_THRESHOLD, kMostOfOldVersions);
}

}  // namespace fewstep

// Sizes that no machine has are refused before anything is allocated: the kernel promises memory
// that it does not have, and ends the program later without a word.
#pragma once

#include <string>
#include <string_view>

namespace fewstep {

// Bytes that this process may use: the machine's memory, or less in a container or under a limit of
// address space (ulimit -v).
double UsableMemory();

// Throws Error(kUsage) when `bytes`, a lower bound of what `purpose` needs, exceed UsableMemory().
// `keys` are the options to lower: "agent.episodes, family.horizon".
void RequireMemory(double bytes, std::string_view purpose, std::string keys);

// From now on memory that the calling thread frees stays with the process, and of other threads
// what is smaller than a heap of theirs (64 MiB). glibc otherwise gives tensors of some megabytes
// back to the kernel and gets them anew, every page of which costs a fault
// (docs/performance.md). Call it before there are threads.
void KeepFreedMemory();

}  // namespace fewstep

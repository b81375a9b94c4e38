// The largest resident set of this process, which Linux lets one forget.
#pragma once

#include <fstream>
#include <malloc.h>
#include <string>

namespace fewstep {

// Forgets the largest resident set so far.
inline void ResetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

inline double StatusMib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stod(line.substr(key.size())) / 1024;
  }
  return 0;
}

inline double PeakMib() { return StatusMib("VmHWM:"); }      // since ResetPeak
inline double ResidentMib() { return StatusMib("VmRSS:"); }  // now

}  // namespace fewstep

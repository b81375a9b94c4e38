// Wall-clock and processor time of one piece of work.
#pragma once

#include <chrono>
#include <ctime>

namespace fewstep {

struct Elapsed {
  double wall = 0;       // s
  double processor = 0;  // s, summed over all threads of the process
};

inline double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Work>
Elapsed Measure(const Work& work) {
  const double processor = ProcessorSeconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return {wall.count(), ProcessorSeconds() - processor};
}

}  // namespace fewstep

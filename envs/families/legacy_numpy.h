// The numbers that numpy.random gives after numpy.random.seed(n): what published lists of tasks
// were drawn with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace fewstep {

// numpy's legacy RandomState on MT19937 (numpy 2.4, numpy/random/mtrand.pyx and src/mt19937).
class LegacyNumpy {
 public:
  explicit LegacyNumpy(uint32_t seed) : engine_(seed) {}

  // numpy.random.uniform(low, high): 53 bits of two draws.
  double Uniform(double low, double high) {
    const uint32_t upper = Draw() >> 5, lower = Draw() >> 6;
    return low + (high - low) * ((upper * 67108864.0 + lower) / 9007199254740992.0);
  }

  // numpy.random.shuffle of the rows of an array.
  template <typename Row>
  void Shuffle(std::vector<Row>& rows) {
    for (size_t i = rows.size(); i-- > 1;) std::swap(rows[i], rows[UpTo(static_cast<uint32_t>(i))]);
  }

 private:
  uint32_t Draw() { return static_cast<uint32_t>(engine_()); }

  // 0 to `most`: draws below the next power of two until one is small enough.
  uint32_t UpTo(uint32_t most) {
    uint32_t mask = most;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    uint32_t value = Draw() & mask;
    while (value > most) value = Draw() & mask;
    return value;
  }

  std::mt19937 engine_;
};

}  // namespace fewstep

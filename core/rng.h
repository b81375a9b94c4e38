// Counter-based random streams: Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011). A stream is a key and a position. New streams are derived by name and
// index, never by sharing state, so results depend neither on thread count nor on call order.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace fewstep {

// One block of the generator: ten rounds over a 128-bit counter with a 64-bit key.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A value type: a copy continues independently from the same position. Not thread-safe.
class Rng {
 public:
  explicit Rng(uint64_t seed) : key_(seed) {}

  // A stream of its own for (name, index). Const: forking does not advance this stream, and the
  // result does not depend on how much of it was drawn.
  Rng Fork(std::string_view name, uint64_t index = 0) const;

  uint32_t NextU32();
  uint64_t NextU64();
  double Uniform();                         // [0, 1), 53 bits
  double Uniform(double low, double high);  // [low, high)
  double Normal();                          // mean 0, variance 1 (Box and Muller)
  uint64_t Below(uint64_t n);               // uniform on {0, ..., n - 1}, n > 0; unbiased
  void FillNormal(std::span<float> out);    // standard normal
  void Shuffle(std::span<int> values);      // Fisher-Yates

  uint64_t key() const { return key_; }

 private:
  uint64_t key_;
  uint64_t block_ = 0;               // next counter value
  std::array<uint32_t, 4> words_{};  // the current block
  int used_ = 4;                     // words of it already given out
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

// The inverse of a cumulative distribution: the index of `count` whose weight(i) >= 0, summed up to
// it, first exceeds `sum`, which lies between 0 and all of them. What rounding leaves over goes to
// the last index that has a weight.
template <typename Weight>
int64_t InvertCumulative(double sum, int64_t count, const Weight& weight) {
  int64_t last = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double part = weight(i);
    if (!(part > 0)) continue;
    last = i;
    if ((sum -= part) < 0) break;
  }
  return last;
}

}  // namespace fewstep

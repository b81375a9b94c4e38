#include "core/rng.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "core/error.h"

namespace fewstep {

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

namespace {

std::array<uint32_t, 2> Halves(uint64_t value) {
  return {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)};
}

// FNV-1a, 64 bits: only spreads stream names, Philox does the mixing.
uint64_t HashName(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

Rng Rng::Fork(std::string_view name, uint64_t index) const {
  // Two blocks: the first absorbs the name, the second the index. The last counter word marks the
  // block as a key derivation, so derived keys never coincide with a stream's own output.
  constexpr uint32_t kName = 0x4E414D45, kIndex = 0x494E4458;
  const auto [name_low, name_high] = Halves(HashName(name));
  const auto first = Philox4x32({name_low, name_high, 0, kName}, Halves(key_));
  const auto [index_low, index_high] = Halves(index);
  const auto second = Philox4x32({index_low, index_high, first[2], kIndex}, {first[0], first[1]});
  return Rng((static_cast<uint64_t>(second[1]) << 32) | second[0]);
}

uint32_t Rng::NextU32() {
  if (used_ == 4) {
    const auto [low, high] = Halves(block_++);
    words_ = Philox4x32({low, high, 0, 0}, Halves(key_));
    used_ = 0;
  }
  return words_[static_cast<size_t>(used_++)];
}

uint64_t Rng::NextU64() {
  const uint64_t low = NextU32();
  return (static_cast<uint64_t>(NextU32()) << 32) | low;
}

double Rng::Uniform() { return static_cast<double>(NextU64() >> 11) * 0x1.0p-53; }

double Rng::Uniform(double low, double high) { return low + (high - low) * Uniform(); }

double Rng::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  // 1 - u lies in (0, 1], so the logarithm is finite
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  const double angle = 2.0 * std::numbers::pi * Uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

uint64_t Rng::Below(uint64_t n) {
  FEWSTEP_CHECK(n > 0, "n = {}", n);
  // rejects the incomplete last interval
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  uint64_t draw = NextU64();
  while (draw >= limit) draw = NextU64();
  return draw % n;
}

void Rng::FillNormal(std::span<float> out) {
  for (float& value : out) value = static_cast<float>(Normal());
}

void Rng::Shuffle(std::span<int> values) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
}

}  // namespace fewstep

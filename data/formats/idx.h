// The IDX format of MNIST (Y. LeCun, "THE IDX FILE FORMAT"): a magic number that says the type and
// the number of dimensions, the dimensions as big-endian 32-bit numbers, and the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fewstep {

struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

// An array of bytes with `dimensions` dimensions. Throws Error(kData) with `name` for another type,
// another number of dimensions, or a length that is not what the dimensions say.
IdxArray ParseIdx(std::span<const std::byte> bytes, size_t dimensions, const std::string& name);

}  // namespace fewstep

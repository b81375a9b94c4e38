// The JSON header of a safetensors file, read strictly. Internal to safetensors.cc.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/safetensors.h"

namespace fewstep::internal {

// What the header says of one tensor; the offsets are bytes from the end of the header.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape{};
  std::array<uint64_t, 2> offsets{};  // begin, end
};

struct Header {
  std::vector<TensorInfo> tensors;  // as listed
  std::map<std::string, std::string, std::less<>> metadata;
};

// Reads `text`, which is the JSON object and spaces after it. Checks its form: known fields, each
// once; dtypes known; extents and offsets whole numbers that fit. Throws Error(kData).
Header ParseHeader(std::string_view text, const std::string& path);

// The dtype of this name. False when there is none.
bool DTypeFromName(std::string_view name, DType& dtype);

}  // namespace fewstep::internal

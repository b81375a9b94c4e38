#include "data/formats/idx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace fewstep {

IdxArray ParseIdx(std::span<const std::byte> bytes, size_t dimensions, const std::string& name) {
  const auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::kData, fmt::format("not the IDX file that is expected: {}", why),
                {.file = name});
  };
  const size_t header = 4 * (1 + dimensions);
  if (bytes.size() < header) fail(fmt::format("{} bytes are less than its header", bytes.size()));
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(bytes[at + i]);
    return value;
  };
  constexpr uint32_t kBytes = 0x08;
  const uint32_t expected = kBytes << 8 | static_cast<uint32_t>(dimensions), magic = number(0);
  if (magic != expected) {
    fail(fmt::format("it begins with {:#010x} instead of {:#010x}", magic, expected));
  }
  IdxArray array;
  // dimensions of 32 bits: what a file can hold is told before the product can overflow
  uint64_t size = 1;
  for (size_t i = 0; i < dimensions; ++i) {
    array.shape.push_back(number(4 * (1 + i)));
    const auto length = static_cast<uint64_t>(array.shape.back());
    if (length > 0 && size > bytes.size() / length) size = bytes.size() + 1;
    size = size > bytes.size() ? size : size * length;
  }
  const std::span<const std::byte> data = bytes.subspan(header);
  if (data.size() != size) {
    fail(fmt::format("it says {} and holds {} bytes", fmt::join(array.shape, " x "), data.size()));
  }
  const auto* first = reinterpret_cast<const uint8_t*>(data.data());
  array.values.assign(first, first + data.size());
  return array;
}

}  // namespace fewstep

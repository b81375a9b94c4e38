// A short hash of bytes, for telling definitions and data apart: XXH3 with 64 bits.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fewstep {

std::string HashOf(std::span<const std::byte> bytes);  // 16 hexadecimal digits
inline std::string HashOf(std::string_view text) { return HashOf(std::as_bytes(std::span(text))); }

}  // namespace fewstep

// What the fuzz targets share. A target hands bytes to a decoder: that answers with what they hold
// or with an Error; whatever else happens is a finding. A target repeats one: fuzz_png FILE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

// Called by libFuzzer with every input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fewstep {

// Tells the fuzzer that an input ended in this error. Libraries that are not compiled for it show
// in no other way how far they got.
void NoteError(const Error& error);

// Runs `decode`. Errors of a file, or of what was asked of it, are answers; all else goes through.
template <typename Function>
void Decode(Function decode) {
  try {
    decode();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData && error.kind() != ErrorKind::kUsage) throw;
    NoteError(error);
  }
}

// Writes the input to a file of this name in a folder of this process; its path.
std::string FileOf(std::string_view input, const std::string& name);

inline std::string_view Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}
inline std::span<const std::byte> Bytes(const uint8_t* data, size_t size) {
  return std::as_bytes(std::span(data, size));
}

}  // namespace fewstep

// Pictures as bytes: decoding PNG and JPEG, sizes and quarter turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"

namespace fewstep {

struct Image {
  int channels = 1, height = 0, width = 0;
  std::vector<uint8_t> pixels;  // [channels, height, width]
};

// Larger pictures are refused before memory is taken for them.
inline constexpr int64_t kMostPixels = int64_t{1} << 26;

// Whether `bytes` begin as a PNG or a JPEG does.
bool IsImage(std::span<const std::byte> bytes);

// A PNG or JPEG as 1 (grey) or 3 (red, green, blue) channels; what is transparent lies on white.
// Throws Error(kData) with `name` as its file. Any thread.
Image DecodeImage(std::span<const std::byte> bytes, int channels, const std::string& name);

enum class Resize {
  kNearest,  // the pixel in which the middle of the new one lies, as Pillow's NEAREST
  kSmooth,   // a triangle that is as wide as a new pixel, as Pillow's BILINEAR
};
inline constexpr ChoiceName<Resize> kResizeNames[] = {{"nearest", Resize::kNearest},
                                                      {"smooth", Resize::kSmooth}};

Image Resized(const Image& image, int height, int width, Resize method);

}  // namespace fewstep

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
inline constexpr int64_t kMostPixels = int64_t{1} << 25;

// Whether `bytes` begin as a PNG or a JPEG does.
bool IsImage(std::span<const std::byte> bytes);

// A PNG or JPEG as 1 (grey: the luma of ITU-R BT.601) or 3 (red, green, blue) channels; what is
// transparent lies on white, 16 bits become 8.
// Throws Error(kData) with `name` as its file. Any thread.
Image DecodeImage(std::span<const std::byte> bytes, int channels, const std::string& name);

enum class Resize {
  kNearest,  // the pixel in which the middle of the new one lies, as Pillow's NEAREST
  kSmooth,   // weights of a triangle that falls to 0 at the distance of a pixel, new or old,
             // whichever is larger; as Pillow's BILINEAR
};
inline constexpr ChoiceName<Resize> kResizeNames[] = {{"nearest", Resize::kNearest},
                                                      {"smooth", Resize::kSmooth}};

Image Resized(const Image& image, int height, int width, Resize method);

}  // namespace fewstep

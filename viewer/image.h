// Pictures: pixels, and PNG files of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fewstep {

struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3], the top row first

  static Image Blank(int width, int height) {
    return {width, height,
            std::vector<uint8_t>(3 * static_cast<size_t>(width) * static_cast<size_t>(height))};
  }
  const uint8_t* Pixel(int x, int y) const {
    return &rgb[3 * (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x))];
  }
};

// The bytes of a PNG file, 8 bits a channel. Throws Error(kRuntime) when the picture is empty or
// memory runs out.
std::string ToPng(const Image& image);

// The picture `factor` times smaller, each pixel the mean of those it stands for; what is left over
// at the right and at the bottom is cut off.
Image Shrunk(const Image& image, int factor);

// The picture at another size, each pixel the mean of what it covers. Both sides at least 1.
Image Resampled(const Image& image, int width, int height);

// Puts `part` into `whole` with its top left corner at (x, y), where it must fit.
void Paste(const Image& part, int x, int y, Image& whole);

}  // namespace fewstep

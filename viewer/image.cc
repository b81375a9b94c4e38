#include "viewer/image.h"

#include <algorithm>
#include <png.h>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {

std::string ToPng(const Image& image) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (image.rgb.empty() ||
      !png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr)) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot make a PNG of {} x {} pixels: {}",
                                                 image.width, image.height, png.message));
  }
  bytes.resize(size);
  return bytes;
}

Image Shrunk(const Image& image, int factor) {
  Image small = Image::Blank(image.width / factor, image.height / factor);
  uint8_t* out = small.rgb.data();
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      int sums[3] = {};
      for (int i = 0; i < factor * factor; ++i) {
        const uint8_t* pixel = image.Pixel(x * factor + i % factor, y * factor + i / factor);
        for (int c = 0; c < 3; ++c) sums[c] += pixel[c];
      }
      for (const int sum : sums) *out++ = static_cast<uint8_t>(sum / (factor * factor));
    }
  }
  return small;
}

void Paste(const Image& part, int x, int y, Image& whole) {
  FEWSTEP_CHECK(
      x >= 0 && y >= 0 && x + part.width <= whole.width && y + part.height <= whole.height,
      "{} x {} pixels at ({}, {}) of {} x {}", part.width, part.height, x, y, whole.width,
      whole.height);
  for (int row = 0; row < part.height; ++row) {
    std::copy_n(part.Pixel(0, row), 3 * part.width,
                &whole.rgb[static_cast<size_t>(whole.Pixel(x, y + row) - whole.rgb.data())]);
  }
}

}  // namespace fewstep

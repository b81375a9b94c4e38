#include "viewer/image.h"

#include <algorithm>
#include <cmath>
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

namespace {

// What pixel `i` of `to` covers of `from` pixels: the first of them, and the share of each.
struct Covered {
  int first = 0;
  std::vector<double> shares;
};
std::vector<Covered> CoveredBy(int from, int to) {
  std::vector<Covered> covered;
  const double size = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double low = i * size, high = std::min<double>(from, (i + 1) * size);
    Covered& of = covered.emplace_back();
    of.first = std::min(from - 1, static_cast<int>(low));
    for (int k = of.first; k < from && (k < high || of.shares.empty()); ++k) {
      const double share = std::min<double>(high, k + 1) - std::max<double>(low, k);
      of.shares.push_back(std::max(0.0, share) / (high - low));
    }
  }
  return covered;
}

}  // namespace

Image Resampled(const Image& image, int width, int height) {
  FEWSTEP_CHECK(width > 0 && height > 0 && !image.rgb.empty(), "{} x {}", width, height);
  const std::vector<Covered> columns = CoveredBy(image.width, width),
                             rows = CoveredBy(image.height, height);
  Image other = Image::Blank(width, height);
  uint8_t* out = other.rgb.data();
  for (const Covered& row : rows) {
    for (const Covered& column : columns) {
      double sums[3] = {};
      for (size_t y = 0; y < row.shares.size(); ++y) {
        const uint8_t* pixel = image.Pixel(column.first, row.first + static_cast<int>(y));
        for (const double share : column.shares) {
          for (double& sum : sums) sum += row.shares[y] * share * *pixel++;
        }
      }
      for (const double sum : sums) *out++ = static_cast<uint8_t>(std::lround(sum));
    }
  }
  return other;
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

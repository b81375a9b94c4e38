// Measures of pictures.
#pragma once

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "core/atomic_file.h"
#include "viewer/canvas.h"
#include "viewer/image.h"

namespace fewstep {

inline Image Cut(const Image& image, const Rect& rect) {
  const int x0 = std::max(0, static_cast<int>(rect.x)), y0 = std::max(0, static_cast<int>(rect.y));
  Image part = Image::Blank(std::min(image.width - x0, static_cast<int>(rect.width)),
                            std::min(image.height - y0, static_cast<int>(rect.height)));
  for (int y = 0; y < part.height; ++y) {
    std::copy_n(image.Pixel(x0, y0 + y), 3 * part.width,
                &part.rgb[static_cast<size_t>(3 * y * part.width)]);
  }
  return part;
}

// Share of pixels that differ clearly between two pictures of the same size.
inline double Difference(const Image& a, const Image& b, int clearly = 60) {
  if (a.rgb.size() != b.rgb.size()) return 1;
  size_t differing = 0;
  for (size_t i = 0; i < a.rgb.size(); i += 3) {
    int distance = 0;
    for (size_t c = i; c < i + 3; ++c) distance += std::abs(a.rgb[c] - b.rgb[c]);
    differing += distance > clearly ? 1 : 0;
  }
  return static_cast<double>(differing) / (static_cast<double>(a.rgb.size()) / 3);
}

inline size_t Colors(const Image& image) {
  std::set<std::array<uint8_t, 3>> colors;
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    colors.insert({image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]});
  }
  return colors.size();
}

// Pixels whose hue is that of `color`: a bright or a dark side of it.
inline int PixelsLike(const Image& image, const Color& color) {
  int count = 0;
  const double norm =
      std::sqrt(color.red * color.red + color.green * color.green + color.blue * color.blue);
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    const double r = image.rgb[i], g = image.rgb[i + 1], b = image.rgb[i + 2];
    const double length = std::sqrt(r * r + g * g + b * b);
    if (length < 60) continue;
    const double cosine = (r * color.red + g * color.green + b * color.blue) / (length * norm);
    count += cosine > 0.995 ? 1 : 0;
  }
  return count;
}

// Contrast of the brightest and the darkest pixels, as WCAG 2 defines it.
inline double Contrast(const Image& image) {
  double darkest = 1e9, brightest = 0;
  const auto linear = [](double c) {
    c /= 255;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    const double luminance = 0.2126 * linear(image.rgb[i]) + 0.7152 * linear(image.rgb[i + 1]) +
                             0.0722 * linear(image.rgb[i + 2]);
    darkest = std::min(darkest, luminance);
    brightest = std::max(brightest, luminance);
  }
  return (brightest + 0.05) / (darkest + 0.05);
}

// Writes the picture where $FEWSTEP_TEST_PICTURES says, for a person to look at.
inline void Keep(const Image& image, const std::string& name) {
  const char* folder = std::getenv("FEWSTEP_TEST_PICTURES");
  if (folder) WriteFileAtomically(std::string(folder) + "/" + name + ".png", ToPng(image));
}

}  // namespace fewstep

// What is done with a picture, whatever its format.
#pragma once

#include "data/formats/image.h"
#include "tests/fuzz/fuzz.h"

namespace fewstep {

inline void DecodePicture(std::span<const std::byte> bytes) {
  for (const int channels : {1, 3}) {
    Decode([&] {
      const Image image = DecodeImage(bytes, channels, "input");
      const auto pixels = static_cast<size_t>(image.height) * static_cast<size_t>(image.width);
      FEWSTEP_CHECK(image.channels == channels && image.height > 0 && image.width > 0 &&
                        image.pixels.size() == static_cast<size_t>(channels) * pixels,
                    "{} {} {}", image.height, image.width, image.pixels.size());
      // a smooth one of the largest would take seconds here
      constexpr size_t kMostResized = 1 << 20;
      if (pixels > kMostResized) return;
      for (const Resize method : {Resize::kNearest, Resize::kSmooth}) {
        constexpr int kSide = 28;
        Resized(image, kSide, kSide, method);
      }
    });
  }
}

}  // namespace fewstep

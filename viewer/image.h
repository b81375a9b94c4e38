// Pictures read back from the window.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fewstep {

struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3], the top row first
};

// The bytes of a binary PPM file (P6).
std::string ToPpm(const Image& image);

}  // namespace fewstep

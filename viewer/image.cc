#include "viewer/image.h"

#include <fmt/format.h>

namespace fewstep {

std::string ToPpm(const Image& image) {
  std::string bytes = fmt::format("P6\n{} {}\n255\n", image.width, image.height);
  bytes.append(image.rgb.begin(), image.rgb.end());
  return bytes;
}

}  // namespace fewstep

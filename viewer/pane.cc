#include "viewer/pane.h"

#include <fmt/format.h>

#include "viewer/theme.h"

namespace fewstep {

std::string TitleOf(int units, const std::string& unit) {
  return units == 0 ? "before adapting" : fmt::format("after {}", CountOf(units, unit));
}

}  // namespace fewstep

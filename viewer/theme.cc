#include "viewer/theme.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace fewstep {

Color PaneColor(size_t index) {
  constexpr Color kColors[] = {{0.66f, 0.70f, 0.75f}, {0.30f, 0.66f, 1.0f},  {0.95f, 0.48f, 0.75f},
                               {0.22f, 0.78f, 0.72f}, {1.0f, 0.47f, 0.40f},  {0.68f, 0.53f, 0.97f},
                               {0.93f, 0.87f, 0.60f}, {0.50f, 0.85f, 0.95f}, {0.75f, 0.62f, 0.52f}};
  return kColors[index % std::size(kColors)];
}

Color SubjectColor(size_t index) {
  constexpr Color kColors[] = {{0.55f, 0.80f, 1.0f}, {1.0f, 0.62f, 0.50f}};
  return kColors[index % std::size(kColors)];
}

std::string CountOf(int count, const std::string& unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

Color TintOf(double factor) {
  constexpr Color kMore{0.95f, 0.25f, 0.2f}, kLess{0.2f, 0.45f, 1.0f}, kTurned{0.7f, 0.3f, 0.9f};
  if (std::isnan(factor)) return kTurned.Faded(0.8f);
  // full at four times, or a quarter
  const double strength = std::min(1.0, std::abs(std::log2(factor)) / 2);
  return (factor > 1 ? kMore : kLess).Faded(static_cast<float>(0.25 + 0.6 * strength));
}

std::string Spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

}  // namespace fewstep

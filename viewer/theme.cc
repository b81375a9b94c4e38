#include "viewer/theme.h"

#include <algorithm>
#include <cmath>

namespace fewstep {

Color PaneColor(size_t index) {
  constexpr Color kColors[] = {{0.66f, 0.70f, 0.75f}, {0.30f, 0.66f, 1.0f},  {1.0f, 0.72f, 0.26f},
                               {0.36f, 0.82f, 0.47f}, {1.0f, 0.47f, 0.45f},  {0.76f, 0.56f, 0.97f},
                               {0.28f, 0.82f, 0.82f}, {0.95f, 0.55f, 0.80f}, {0.72f, 0.77f, 0.35f}};
  return kColors[index % std::size(kColors)];
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

#include "viewer/canvas.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace fewstep {

Color Mix(const Color& from, const Color& to, double part) {
  const auto p = static_cast<float>(std::clamp(part, 0.0, 1.0));
  const auto mix = [p](float a, float b) { return a + p * (b - a); };
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue),
          mix(from.alpha, to.alpha)};
}

Rect Rect::Inner(float margin) const {
  const float dx = std::min(margin, width / 2), dy = std::min(margin, height / 2);
  return {x + dx, y + dy, width - 2 * dx, height - 2 * dy};
}

void Arrow(Canvas& canvas, Point from, Point to, const Color& color, float thickness) {
  const float dx = to.x - from.x, dy = to.y - from.y;
  const float length = std::hypot(dx, dy);
  if (length <= 0) return;
  const float head = std::min(3 * thickness, length);
  const Point along = {dx / length, dy / length};
  const Point neck = {to.x - head * along.x, to.y - head * along.y};
  canvas.Line(from, neck, color, thickness);
  const float side = 0.6f * head;
  canvas.Triangle({neck.x - side * along.y, neck.y + side * along.x}, to,
                  {neck.x + side * along.y, neck.y - side * along.x}, color);
}

std::string Shortened(const Canvas& canvas, std::string_view text, float width, TextSize size) {
  if (text.empty() || canvas.Measure(text, size).x <= width) return std::string(text);
  constexpr std::string_view kEllipsis = "…";
  for (size_t length = text.size() - 1; length > 0; --length) {
    // not in the middle of a letter of several bytes
    if ((static_cast<unsigned char>(text[length]) & 0xc0u) == 0x80u) continue;
    std::string shorter(text.substr(0, length));
    shorter += kEllipsis;
    if (canvas.Measure(shorter, size).x <= width) return shorter;
  }
  return {};
}

}  // namespace fewstep

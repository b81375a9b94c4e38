// Where panes draw: a rectangle of pixels with lines, texts and scenes.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include <mujoco/mujoco.h>

#include "viewer/image.h"

namespace fewstep {

struct Color {
  float red = 1, green = 1, blue = 1, alpha = 1;
  Color Faded(float factor) const { return {red, green, blue, alpha * factor}; }
};
// Between two colours: `from` at 0, `to` at 1.
Color Mix(const Color& from, const Color& to, double part);

// Pixels from the left and from the top.
struct Point {
  float x = 0, y = 0;
};

struct Rect {
  float x = 0, y = 0, width = 0, height = 0;
  float right() const { return x + width; }
  float bottom() const { return y + height; }
  Point center() const { return {x + width / 2, y + height / 2}; }
  bool Contains(Point p) const { return p.x >= x && p.x < right() && p.y >= y && p.y < bottom(); }
  // Smaller by `margin` on every side; never less than nothing.
  Rect Inner(float margin) const;
};

enum class TextSize { kSmall, kNormal, kTitle };

// Valid during one frame, on the thread that draws it.
class Canvas {
 public:
  virtual ~Canvas() = default;

  // Pixels for one of a plain display: what a thickness or a margin is multiplied by.
  virtual float scale() const = 0;

  virtual void Line(Point from, Point to, const Color& color, float thickness) = 0;
  virtual void Path(std::span<const Point> points, const Color& color, float thickness) = 0;
  virtual void Box(const Rect& rect, const Color& color, float rounding = 0) = 0;
  virtual void Frame(const Rect& rect, const Color& color, float thickness) = 0;
  virtual void Disc(Point center, float radius, const Color& color) = 0;
  virtual void Ring(Point center, float radius, const Color& color, float thickness) = 0;
  virtual void Triangle(Point a, Point b, Point c, const Color& color) = 0;

  virtual void Text(Point top_left, const Color& color, std::string_view text,
                    TextSize size = TextSize::kNormal) = 0;
  virtual Point Measure(std::string_view text, TextSize size = TextSize::kNormal) const = 0;

  // Nothing is drawn outside of the rectangle until EndClip.
  virtual void BeginClip(const Rect& rect) = 0;
  virtual void EndClip() = 0;

  // Pixels, enlarged to the rectangle without smoothing.
  virtual void Picture(const Rect& rect, const Image& image) = 0;

  // A scene with the meshes and textures of `model`, behind what is drawn later. All scenes of a
  // frame are of one model, and stay as they are until its end.
  virtual void Scene(const Rect& rect, const std::shared_ptr<const mjModel>& model,
                     mjvScene& scene) = 0;
};

// Draws nothing, and measures letters as if they were half as wide as high.
class BlankCanvas final : public Canvas {
 public:
  float scale() const override { return 1; }
  void Line(Point, Point, const Color&, float) override {}
  void Path(std::span<const Point>, const Color&, float) override {}
  void Box(const Rect&, const Color&, float) override {}
  void Frame(const Rect&, const Color&, float) override {}
  void Disc(Point, float, const Color&) override {}
  void Ring(Point, float, const Color&, float) override {}
  void Triangle(Point, Point, Point, const Color&) override {}
  void Text(Point, const Color&, std::string_view, TextSize) override {}
  Point Measure(std::string_view text, TextSize) const override {
    return {8.0f * static_cast<float>(text.size()), 16};
  }
  void BeginClip(const Rect&) override {}
  void EndClip() override {}
  void Picture(const Rect&, const Image&) override {}
  void Scene(const Rect&, const std::shared_ptr<const mjModel>&, mjvScene&) override {}
};

// An arrow from one point to another, with a head as long as three times its thickness.
void Arrow(Canvas& canvas, Point from, Point to, const Color& color, float thickness);

// `text`, or as much of its beginning as fits into `width` pixels, with an ellipsis.
std::string Shortened(const Canvas& canvas, std::string_view text, float width,
                      TextSize size = TextSize::kNormal);

}  // namespace fewstep

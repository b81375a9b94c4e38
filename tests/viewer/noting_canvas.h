// A canvas that notes what is drawn on it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "viewer/canvas.h"

namespace fewstep {

class NotingCanvas final : public Canvas {
 public:
  struct Disc_ {
    Point center;
    float radius;
    Color color;
  };
  struct Text_ {
    Point at;
    std::string text;
  };

  float scale() const override { return 1; }
  void Line(Point from, Point to, const Color& color, float) override {
    lines.push_back({from, to});
    line_colors.push_back(color);
  }
  void Path(std::span<const Point> points, const Color&, float) override {
    paths.emplace_back(points.begin(), points.end());
  }
  void Box(const Rect& rect, const Color&, float) override { boxes.push_back(rect); }
  void Frame(const Rect& rect, const Color&, float) override { frames.push_back(rect); }
  void Disc(Point center, float radius, const Color& color) override {
    discs.push_back({center, radius, color});
  }
  void Ring(Point center, float radius, const Color& color, float) override {
    rings.push_back({center, radius, color});
  }
  void Triangle(Point, Point, Point, const Color&) override { ++triangles; }
  void Text(Point at, const Color&, std::string_view text, TextSize) override {
    texts.push_back({at, std::string(text)});
  }
  Point Measure(std::string_view text, TextSize size) const override {
    return BlankCanvas().Measure(text, size);
  }
  void BeginClip(const Rect&) override { ++clips; }
  void EndClip() override { --clips; }
  void Picture(const Rect& rect, const Image&) override { pictures.push_back(rect); }
  void Scene(const Rect&, const std::shared_ptr<const mjModel>&, mjvScene& scene) override {
    geoms.assign(scene.geoms, scene.geoms + scene.ngeom);
    ++scenes;
  }

  bool Says(const std::string& text) const {
    return std::ranges::any_of(
        texts, [&](const Text_& t) { return t.text.find(text) != std::string::npos; });
  }

  std::vector<std::pair<Point, Point>> lines;
  std::vector<Color> line_colors;
  std::vector<std::vector<Point>> paths;
  std::vector<Rect> boxes, frames, pictures;
  std::vector<Disc_> discs, rings;
  std::vector<Text_> texts;
  std::vector<mjvGeom> geoms;  // of the last scene
  int triangles = 0, clips = 0, scenes = 0;
};

}  // namespace fewstep

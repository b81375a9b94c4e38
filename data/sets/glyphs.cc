// An alphabet of invented characters: what stands in where there are no data. A character is some
// strokes, curves through points of a grid; a drawing of it moves the points, turns, stretches and
// shifts the whole and varies the width of the pen.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "core/rng.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

struct GlyphsOptions final : Options {
  int64_t seed = 0, alphabets = 30, characters = 20, drawings = 20, size = 28;
  double wobble = 0.05;
  void Visit(FieldVisitor& v) override {
    v.Field("seed", seed,
            {.help = "Another seed invents other characters.", .min = 0, .max = 1e15});
    v.Field("alphabets", alphabets,
            {.help = "Alphabets, of which a fifth is for validation and another for test.",
             .unit = "alphabets",
             .min = 5,
             .max = 10000});
    v.Field("characters", characters,
            {.help = "Characters of each.", .unit = "classes", .min = 1, .max = 10000});
    v.Field("drawings", drawings,
            {.help = "Drawings of each character.", .unit = "examples", .min = 2, .max = 10000});
    v.Field("size", size, {.help = "Side of a picture.", .unit = "pixels", .min = 8, .max = 256});
    v.Field("wobble", wobble,
            {.help = "Standard deviation of how far points of a stroke move, of the side.",
             .min = 0,
             .max = 1});
  }
};

struct Point {
  double x, y;
};
using Stroke = std::vector<Point>;  // of the unit square

// The strokes of a character. Those of an alphabet have the same number of strokes at most and the
// same inclination to curves.
std::vector<Stroke> Invent(Rng alphabet, Rng character) {
  const auto most_strokes = 2 + alphabet.Below(3);
  const double curved = alphabet.Uniform();
  constexpr uint64_t kGrid = 4;
  std::vector<Stroke> strokes(1 + character.Below(most_strokes));
  for (Stroke& stroke : strokes) {
    const size_t points = character.Uniform() < curved ? 3 + character.Below(2) : 2;
    while (stroke.size() < points) {
      const Point point = {(static_cast<double>(character.Below(kGrid)) + 0.5) / kGrid,
                           (static_cast<double>(character.Below(kGrid)) + 0.5) / kGrid};
      if (stroke.empty() ||
          std::hypot(point.x - stroke.back().x, point.y - stroke.back().y) > 0.3) {
        stroke.push_back(point);
      }
    }
  }
  return strokes;
}

// A point of the curve through `points` (Catmull-Rom), t from 0 to points - 1.
Point OnCurve(const Stroke& points, double t) {
  const auto last = static_cast<int>(points.size()) - 1;
  const int i = std::min(static_cast<int>(t), last - 1);
  const double u = t - i;
  const auto at = [&](int k) { return points[static_cast<size_t>(std::clamp(k, 0, last))]; };
  const auto blend = [u](double a, double b, double c, double d) {
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)));
  };
  const Point a = at(i - 1), b = at(i), c = at(i + 1), d = at(i + 2);
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

std::vector<uint8_t> DrawGlyph(std::vector<Stroke> strokes, int side, double wobble, Rng rng) {
  const double turn = 0.15 * rng.Normal(), stretch = std::exp(0.1 * rng.Normal()),
               scale = 0.85 * std::exp(0.08 * rng.Normal()), shift_x = 0.04 * rng.Normal(),
               shift_y = 0.04 * rng.Normal(), pen = 0.035 * std::exp(0.2 * rng.Normal());
  const double cosine = std::cos(turn), sine = std::sin(turn);
  for (Stroke& stroke : strokes) {
    for (Point& point : stroke) {
      const double x = (point.x - 0.5 + wobble * rng.Normal()) * scale * stretch,
                   y = (point.y - 0.5 + wobble * rng.Normal()) * scale / stretch;
      point = {0.5 + shift_x + cosine * x - sine * y, 0.5 + shift_y + sine * x + cosine * y};
    }
  }

  // ink by the distance to the nearest point of a stroke, with soft borders of a pixel
  const auto size = static_cast<size_t>(side);
  std::vector<double> nearest(size * size, 1);  // squared
  const double reach = pen + 2.0 / side;
  for (const Stroke& stroke : strokes) {
    const int steps = 4 * side * (static_cast<int>(stroke.size()) - 1);
    for (int k = 0; k <= steps; ++k) {
      const Point p = OnCurve(stroke, k * static_cast<double>(stroke.size() - 1) / steps);
      const auto range = [&](double middle) {
        return std::pair{std::max(0, static_cast<int>((middle - reach) * side)),
                         std::min(side - 1, static_cast<int>((middle + reach) * side))};
      };
      const auto [top, bottom] = range(p.y);
      const auto [left, right] = range(p.x);
      for (int y = top; y <= bottom; ++y) {
        for (int x = left; x <= right; ++x) {
          double& distance = nearest[static_cast<size_t>(y) * size + static_cast<size_t>(x)];
          const double dx = (x + 0.5) / side - p.x, dy = (y + 0.5) / side - p.y;
          distance = std::min(distance, dx * dx + dy * dy);
        }
      }
    }
  }
  std::vector<uint8_t> pixels(size * size);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const double ink = std::clamp((pen - std::sqrt(nearest[i])) * side + 0.5, 0.0, 1.0);
    pixels[i] = static_cast<uint8_t>(std::lround(255 * ink));
  }
  return pixels;
}

std::unique_ptr<ExampleSet> MakeGlyphs(const GlyphsOptions& options, const std::string&) {
  const int side = static_cast<int>(options.size);
  auto set = std::make_unique<ExampleSet>(
      ExampleShape{.channels = 1, .height = side, .width = side}, 1.0 / 255, 0);
  CheckMemory(static_cast<double>(options.alphabets) * static_cast<double>(options.characters) *
                  static_cast<double>(options.drawings),
              set->shape(), "data.drawings");
  const Rng rng = Rng(static_cast<uint64_t>(options.seed)).Fork("glyphs");
  const int64_t fifth = options.alphabets / 5;
  ClassSplit split;
  for (int64_t a = 0; a < options.alphabets; ++a) {
    const Rng alphabet = rng.Fork("alphabet", static_cast<uint64_t>(a));
    std::vector<int>& classes = a < fifth       ? split.test
                                : a < 2 * fifth ? split.validation
                                                : split.train;
    for (int64_t c = 0; c < options.characters; ++c) {
      const Rng character = alphabet.Fork("character", static_cast<uint64_t>(c));
      classes.push_back(static_cast<int>(set->classes().size()));
      set->BeginClass(fmt::format("alphabet{:02}/character{:02}", a, c),
                      fmt::format("alphabet{:02}", a));
      const std::vector<Stroke> strokes = Invent(alphabet, character);
      for (int64_t d = 0; d < options.drawings; ++d) {
        set->AddPicture(DrawGlyph(strokes, side, options.wobble,
                                  character.Fork("drawing", static_cast<uint64_t>(d))));
      }
    }
  }
  SetSplits(*set, std::move(split), "glyphs");
  return set;
}

}  // namespace

void AddGlyphs(DataCatalog& catalog) {
  catalog.Add("glyphs", DataEntryOf<GlyphsOptions>(
                            "Invented characters, drawn by the program: needs no files.", "fewstep",
                            "", MakeGlyphs));
}

}  // namespace fewstep

// An episode of pictures.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/few_shot_panes.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// Examples as pictures: from the darkest number of the episode to the brightest one.
std::vector<Image> ImagesOf(const FewShotScene& scene, const std::vector<float>& x,
                            std::pair<float, float> range) {
  const ExampleShape& shape = scene.shape;
  const auto plane = static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width);
  const auto size = static_cast<size_t>(shape.size());
  const float width = std::max(range.second - range.first, 1e-12f);
  std::vector<Image> images;
  for (size_t first = 0; first + size <= x.size(); first += size) {
    Image& image = images.emplace_back(Image::Blank(shape.width, shape.height));
    for (size_t pixel = 0; pixel < plane; ++pixel) {
      for (size_t c = 0; c < 3; ++c) {
        // what has no three colours is grey
        const float value = x[first + (shape.channels == 3 ? c * plane : 0) + pixel];
        image.rgb[3 * pixel + c] =
            static_cast<uint8_t>(std::lround(255 * (value - range.first) / width));
      }
    }
  }
  return images;
}

class EpisodePane final : public FewShotPane {
 public:
  explicit EpisodePane(Content content) : FewShotPane(std::move(content)) {
    std::pair range{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
    for (const std::vector<float>* x : {&scene().support_x, &scene().query_x}) {
      for (const float value : *x) {
        range = {std::min(range.first, value), std::max(range.second, value)};
      }
    }
    support_ = ImagesOf(scene(), scene().support_x, range);
    queries_ = ImagesOf(scene(), scene().query_x, range);
    support_of_.resize(scene().classes.size());
    queries_of_.resize(scene().classes.size());
    for (size_t i = 0; i < support_.size(); ++i) {
      support_of_[static_cast<size_t>(scene().support_labels[i])].push_back(i);
    }
    for (size_t i = 0; i < queries_.size(); ++i) {
      queries_of_[static_cast<size_t>(scene().query_labels[i])].push_back(i);
    }
    for (const auto& of : support_of_) most_support_ = std::max(most_support_, of.size());
    for (const auto& of : queries_of_) most_queries_ = std::max(most_queries_, of.size());
  }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look& look) override {
    // zoomed and moved as other pictures in a plane are
    const auto zoom = static_cast<float>(std::max(1.0, look.plane_zoom));
    const Point middle = {rect.center().x - static_cast<float>(look.plane_x) * rect.height,
                          rect.center().y + static_cast<float>(look.plane_y) * rect.height};
    const float unit = canvas.scale();
    const Rect page = Rect{middle.x - zoom * rect.width / 2, middle.y - zoom * rect.height / 2,
                           zoom * rect.width, zoom * rect.height}
                          .Inner(8 * unit);
    if (page.width < 40 * unit || page.height < 40 * unit) return;
    // found once for a size
    const std::array<float, 3> size = {page.width, page.height, unit};
    if (size != laid_out_) layout_ = LayoutOf(canvas, page);
    laid_out_ = size;
    const Layout& layout = layout_;
    // pictures as large as they are drawn
    const auto side = static_cast<int>(layout.picture);
    if (side < 4) return;
    if (sized_support_.empty() || sized_support_[0].width != side) {
      const auto resize = [&](const std::vector<Image>& images, std::vector<Image>& sized) {
        sized.clear();
        for (const Image& image : images) {
          const int height = side * image.height / std::max(1, image.width);
          sized.push_back(Resampled(image, side, std::clamp(height, 1, side)));
        }
      };
      resize(support_, sized_support_);
      resize(queries_, sized_queries_);
    }
    for (size_t way = 0; way < support_of_.size(); ++way) {
      DrawClass(canvas, page, layout, way, step);
    }
    if (layout.queries == most_queries_ && layout.support == most_support_) return;
    std::vector<std::string> left;
    if (layout.support < most_support_) left.push_back(fmt::format("{} shots", layout.support));
    if (layout.queries < most_queries_) left.push_back(fmt::format("{} queries", layout.queries));
    const float line = canvas.Measure("0", TextSize::kSmall).y;
    canvas.Text({page.x, page.bottom() - line}, theme::kFaint,
                fmt::format("the first {} of each class are shown", fmt::join(left, " and ")),
                TextSize::kSmall);
  }

 private:
  // Blocks of classes, one below the other in `columns` columns; in a block a label, the support
  // and the queries, pictures of the same size.
  struct Layout {
    size_t columns = 1, support_columns = 1, query_columns = 1;
    size_t support = 0, queries = 0;  // of a class that are shown at most
    float picture = 0, gap = 0, label = 0, head = 0;
    float below = 0;  // bar and text below a query
    bool text = true;
    Point block = {};  // its size
  };

  // The largest pictures that there is room for.
  Layout LayoutOf(const Canvas& canvas, const Rect& page) const {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    const size_t ways = support_of_.size();
    const float least = 22 * unit, most = 112 * unit;
    // below a query there is room for its class and a number of per cents
    const float text_from = canvas.Measure(fmt::format("{} 100", ways), TextSize::kSmall).x;
    const auto place = [&](size_t support, size_t queries) {
      Layout best;
      for (size_t columns = 1; columns <= std::min<size_t>(4, ways); ++columns) {
        for (size_t rows = 1; rows <= queries; ++rows) {
          for (size_t support_columns = 1; support_columns <= support; ++support_columns) {
            for (const bool text : {true, false}) {
              Layout l{.columns = columns,
                       .support_columns = support_columns,
                       .query_columns = (queries + rows - 1) / rows,
                       .support = support,
                       .queries = queries,
                       .text = text};
              l.gap = 8 * unit;
              l.head = 1.4f * line;
              l.below = 6 * unit + (text ? line : 0);
              l.block = {page.width / static_cast<float>(columns),
                         (page.height - l.head - (hidden(l) ? line : 0)) /
                             std::ceil(static_cast<float>(ways) / static_cast<float>(columns))};
              l.label = std::clamp(0.2f * l.block.x, 24 * unit, 96 * unit);
              const float across = static_cast<float>(support_columns + l.query_columns),
                          space = l.block.x - l.label - 4 * l.gap;
              const float support_rows =
                  std::ceil(static_cast<float>(support) / static_cast<float>(support_columns));
              const float height = l.block.y - 2 * l.gap;
              l.picture = std::min({most, space / across - l.gap,
                                    height / static_cast<float>(rows) - l.below - l.gap,
                                    height / support_rows - l.gap});
              if (text && l.picture < text_from) continue;
              // numbers are worth some of the size
              const auto worth = [](const Layout& of) { return of.picture * (of.text ? 1.6f : 1); };
              if (worth(l) > worth(best)) best = l;
            }
          }
        }
      }
      return best;
    };
    size_t support = most_support_, queries = most_queries_;
    Layout layout = place(support, queries);
    while (layout.picture < least && (support > 1 || queries > 1)) {
      (queries >= support ? queries : support) -= 1;
      layout = place(support, queries);
    }
    layout.picture = std::floor(layout.picture);
    return layout;
  }
  bool hidden(const Layout& layout) const {
    return layout.support < most_support_ || layout.queries < most_queries_;
  }

  void DrawClass(Canvas& canvas, const Rect& page, const Layout& l, size_t way, int step) {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    const size_t rows = (support_of_.size() + l.columns - 1) / l.columns;
    const size_t column = way / rows, row = way % rows;
    const Rect block = {page.x + static_cast<float>(column) * l.block.x,
                        page.y + l.head + static_cast<float>(row) * l.block.y, l.block.x - l.gap,
                        l.block.y};
    const float cell = l.picture + l.gap;
    const float support_x = block.x + l.label,
                query_x = support_x + static_cast<float>(l.support_columns) * cell + 2 * l.gap;
    if (row == 0) {
      const auto head = [&](float x, float width, const char* text) {
        const bool fits = canvas.Measure(text, TextSize::kSmall).x <= width;
        if (fits) canvas.Text({x, page.y}, theme::kFaint, text, TextSize::kSmall);
        return fits;
      };
      head(block.x, l.label - l.gap, "class");
      head(support_x, query_x - support_x - l.gap, "support");
      const float query_width = block.right() - query_x;
      if (!l.text || !head(query_x, query_width, "queries: predicted class, probability in %")) {
        head(query_x, query_width, "queries");
      }
    }
    canvas.Line({block.x, block.y}, {block.right(), block.y}, theme::kGrid, unit);
    const float top = block.y + l.gap;

    // the class: its number, by which predictions call it, and its name
    const std::string number = fmt::format("{}", way + 1);
    canvas.Text({block.x, top}, theme::kText, number, TextSize::kTitle);
    const float below = top + canvas.Measure(number, TextSize::kTitle).y;
    const std::string& name = scene().classes[way];
    float y = below;
    for (const std::string& part : Lines(canvas, name, l.label - l.gap)) {
      if (y + line > block.bottom()) break;
      canvas.Text({block.x, y}, theme::kFaint, part, TextSize::kSmall);
      y += line;
    }

    // what is learned from
    const std::vector<size_t>& support = support_of_[way];
    for (size_t i = 0; i < std::min(l.support, support.size()); ++i) {
      const Rect place = {std::round(support_x + static_cast<float>(i % l.support_columns) * cell),
                          std::round(top + static_cast<float>(i / l.support_columns) * cell),
                          l.picture, l.picture};
      Draw(canvas, place, sized_support_[support[i]]);
    }
    const float between = query_x - 1.5f * l.gap;
    canvas.Line({between, top}, {between, block.bottom() - l.gap}, theme::kGrid, 2 * unit);

    // what is asked, and the answers
    const std::vector<size_t>& queries = queries_of_[way];
    for (size_t i = 0; i < std::min(l.queries, queries.size()); ++i) {
      const Rect place = {
          std::round(query_x + static_cast<float>(i % l.query_columns) * cell),
          std::round(top + static_cast<float>(i / l.query_columns) * (cell + l.below)), l.picture,
          l.picture};
      const PredictedClass predicted = PredictedOf(scene(), prediction(step), queries[i]);
      const bool right = predicted.label == static_cast<int>(way);
      Draw(canvas, place, sized_queries_[queries[i]]);
      const float thick = (right ? 1.5f : 3) * unit;
      canvas.Frame(
          {place.x - thick / 2, place.y - thick / 2, place.width + thick, place.height + thick},
          right ? theme::kTarget : theme::kBad, thick);
      const float radius = std::clamp(0.17f * l.picture, 5 * unit, 9 * unit);
      DrawVerdict(canvas, {place.right() - radius + 2 * unit, place.y + radius - 2 * unit}, radius,
                  right);
      const Rect bar = {place.x, place.bottom() + 3 * unit, place.width, 4 * unit};
      DrawConfidence(canvas, bar, predicted.probability, right);
      if (!l.text) continue;
      const Point text = {place.x, bar.bottom()};
      const std::string answer = fmt::format("{}", predicted.label + 1);
      canvas.Text(text, right ? theme::kText : theme::kBad, answer, TextSize::kSmall);
      std::string percent = fmt::format("{:.0f}%", 100 * predicted.probability);
      float width = canvas.Measure(percent, TextSize::kSmall).x;
      if (width + canvas.Measure(answer + " ", TextSize::kSmall).x > place.width) {
        percent.pop_back();
        width = canvas.Measure(percent, TextSize::kSmall).x;
      }
      canvas.Text({place.right() - width, text.y}, theme::kFaint, percent, TextSize::kSmall);
    }
  }

  // Pixel for pixel, in the middle of its place.
  static void Draw(Canvas& canvas, const Rect& place, const Image& image) {
    const auto width = static_cast<float>(image.width), height = static_cast<float>(image.height);
    canvas.Picture(
        {std::round(place.x), std::round(place.y + (place.height - height) / 2), width, height},
        image);
  }

  // A name in two lines at most, broken where its parts meet: "Korean" and "character12", or the
  // end of that, where characters differ.
  static std::vector<std::string> Lines(const Canvas& canvas, const std::string& name,
                                        float width) {
    if (canvas.Measure(name, TextSize::kSmall).x <= width) return {name};
    const size_t slash = name.find('/');
    if (slash == std::string::npos) return {Shortened(canvas, name, width, TextSize::kSmall)};
    std::string end = name.substr(slash + 1);
    bool cut = false;
    while (end.size() > 1 && canvas.Measure((cut ? "…" : "") + end, TextSize::kSmall).x > width) {
      cut = true;
      // all bytes of a letter
      do end.erase(0, 1);
      while (!end.empty() && (static_cast<unsigned char>(end[0]) & 0xc0u) == 0x80u);
    }
    return {Shortened(canvas, name.substr(0, slash), width, TextSize::kSmall),
            (cut ? "…" : "") + end};
  }

  std::vector<Image> support_, queries_;
  std::vector<Image> sized_support_, sized_queries_;          // as they are drawn
  std::vector<std::vector<size_t>> support_of_, queries_of_;  // of each class
  size_t most_support_ = 0, most_queries_ = 0;                // of a class
  Layout layout_;
  std::array<float, 3> laid_out_ = {};  // width, height and scale that it is for
};

}  // namespace

std::unique_ptr<Pane> MakeEpisodePane(FewShotPane::Content content) {
  return std::make_unique<EpisodePane>(std::move(content));
}

}  // namespace fewstep

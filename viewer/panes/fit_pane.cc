// A function of one number, and how it is fitted.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/few_shot_panes.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// A path in dashes as long as the gaps between them, however steep it is.
void Dashed(Canvas& canvas, const std::vector<Point>& path, const Color& color, float thickness,
            float dash) {
  double walked = 0;  // along the path
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Point from = path[i], to = path[i + 1];
    const double length = std::hypot(to.x - from.x, to.y - from.y);
    const auto point = [&](double part) {
      const auto p = static_cast<float>(part);
      return Point{from.x + p * (to.x - from.x), from.y + p * (to.y - from.y)};
    };
    for (double at = 0; at < length;) {
      const double phase = std::fmod(walked + at, 2.0 * dash);
      const bool pen = phase < dash;
      const double next = std::min(length, at + (pen ? dash : 2 * dash) - phase + 1e-3);
      if (pen) canvas.Line(point(at / length), point(next / length), color, thickness);
      at = next;
    }
    walked += length;
  }
}

class FitPane final : public FewShotPane {
 public:
  explicit FitPane(Content content) : FewShotPane(std::move(content)) {
    // the truth, and fits as far as they are near it: one that diverges hides nothing
    low_ = high_ = scene().support_y.front();
    for (const double y : scene().grid_y) Include(y);
    for (const float y : scene().support_y) Include(y);
    if (scene().grid_y.empty()) {
      for (const float y : scene().query_y) Include(y);
    }
    const double reach = std::max(0.5, 0.5 * (high_ - low_));
    const double least = low_ - reach, most = high_ + reach;
    for (const auto& unit : beside()) {
      for (const double y : unit->prediction.grid) {
        if (std::isfinite(y)) Include(std::clamp(y, least, most));
      }
    }
    const double padding = 0.06 * std::max(0.1, high_ - low_);
    low_ -= padding;
    high_ += padding;
  }

  bool has_trail() const override { return num_units() > 1; }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look& look) override {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    const std::vector<double>& x = scene().grid_x;
    const double y_step =
        RoundStep(high_ - low_, std::max(2, static_cast<int>(rect.height / (3.5f * line))));
    const double x_step =
        RoundStep(x.back() - x.front(), std::max(2, static_cast<int>(rect.width / (120 * unit))));
    float numbers = 0;
    for (double i = std::ceil(low_ / y_step); i * y_step <= high_; ++i) {
      numbers = std::max(numbers, canvas.Measure(TickText(i * y_step, y_step), TextSize::kSmall).x);
    }
    const float margin = 10 * unit;
    const Rect field = {rect.x + margin + numbers + 6 * unit, rect.y + margin + 1.5f * line,
                        rect.width - 2 * margin - numbers - 6 * unit,
                        rect.height - 2 * margin - 2.8f * line};
    if (field.width < 30 * unit || field.height < 2 * line) return;
    const auto at = [&](double px, double py) {
      return Point{
          field.x + static_cast<float>((px - x.front()) / (x.back() - x.front())) * field.width,
          field.bottom() - static_cast<float>((py - low_) / (high_ - low_)) * field.height};
    };

    // axes
    for (double i = std::ceil(low_ / y_step); i * y_step <= high_; ++i) {
      const Point tick = at(x.front(), i * y_step);
      canvas.Line(tick, {field.right(), tick.y}, theme::kGrid, unit);
      const std::string text = TickText(i * y_step, y_step);
      const float width = canvas.Measure(text, TextSize::kSmall).x;
      canvas.Text({field.x - width - 6 * unit, tick.y - line / 2}, theme::kFaint, text,
                  TextSize::kSmall);
    }
    for (double i = std::ceil(x.front() / x_step - 1e-9); i * x_step <= x.back() + 1e-9; ++i) {
      const Point tick = at(i * x_step, low_);
      canvas.Line(tick, {tick.x, tick.y + 4 * unit}, theme::kFaint, unit);
      const std::string text = TickText(i * x_step, x_step);
      const float width = canvas.Measure(text, TextSize::kSmall).x;
      canvas.Text({std::min(tick.x - width / 2, rect.right() - width - 2 * unit),
                   field.bottom() + 6 * unit},
                  theme::kFaint, text, TextSize::kSmall);
    }

    // fits before, the fainter the longer ago; the truth; the fit of now
    canvas.BeginClip({field.x, field.y - 2 * unit, field.width, field.height + 4 * unit});
    const auto curve = [&](const std::vector<double>& y, const Color& color, float thick) {
      std::vector<Point> points;
      for (size_t i = 0; i < y.size(); ++i) {
        // far outside the picture is as good as a little outside of it
        const double far = 2 * (high_ - low_);
        if (std::isfinite(y[i])) {
          points.push_back(at(x[i], std::clamp(y[i], low_ - far, high_ + far)));
        }
      }
      if (points.size() > 1) canvas.Path(points, color, thick);
    };
    for (int before = 0; look.trail && before < step; ++before) {
      const double age = static_cast<double>(step - before) / std::max(1, step);
      curve(prediction(before).grid,
            before == 0 ? PaneColor(0).Faded(0.75f)
                        : PaneColor(1).Faded(static_cast<float>(0.55 - 0.35 * age)),
            1.5f * unit);
    }
    std::vector<Point> truth;
    for (size_t i = 0; i < scene().grid_y.size(); ++i) {
      truth.push_back(at(x[i], scene().grid_y[i]));
    }
    if (!truth.empty()) {
      Dashed(canvas, truth, theme::kTarget, 2 * unit, 7 * unit);
    } else {  // of rows only queries are known
      for (size_t i = 0; i < scene().num_queries(); ++i) {
        canvas.Ring(at(scene().query_x[i], scene().query_y[i]), 4 * unit, theme::kTarget, 2 * unit);
      }
    }
    curve(prediction(step).grid, FitColor(step), 3 * unit);
    canvas.EndClip();
    for (size_t i = 0; i < scene().num_support(); ++i) {
      const Point point = at(scene().support_x[i], scene().support_y[i]);
      canvas.Disc(point, 5 * unit, theme::kMeasured);
      canvas.Ring(point, 5 * unit, theme::kBackground, 1.5f * unit);
    }

    // what is what
    Point legend = {field.x, rect.y + 0.8f * margin};
    const auto entry = [&](const std::string& text, const auto& mark) {
      if (legend.x + 28 * unit + canvas.Measure(text, TextSize::kSmall).x > rect.right()) return;
      mark(Point{legend.x + 10 * unit, legend.y + line / 2});
      canvas.Text({legend.x + 26 * unit, legend.y}, theme::kText, text, TextSize::kSmall);
      legend.x += canvas.Measure(text, TextSize::kSmall).x + 44 * unit;
    };
    const auto stroke = [&](const Color& color, float thick) {
      return [&canvas, color, thick, unit](Point p) {
        canvas.Line({p.x - 10 * unit, p.y}, {p.x + 10 * unit, p.y}, color, thick);
      };
    };
    if (truth.empty()) {
      entry(fmt::format("queries, {} points", scene().num_queries()),
            [&](Point p) { canvas.Ring(p, 4 * unit, theme::kTarget, 2 * unit); });
    } else {
      entry("truth", [&](Point p) {
        for (const float x_from : {-10.f, 3.f}) {
          canvas.Line({p.x + x_from * unit, p.y}, {p.x + (x_from + 7) * unit, p.y}, theme::kTarget,
                      2 * unit);
        }
      });
    }
    entry(fmt::format("support, {} points", scene().num_support()),
          [&](Point p) { canvas.Disc(p, 5 * unit, theme::kMeasured); });
    entry(fmt::format("fit {}", NameOf(step)), stroke(FitColor(step), 3 * unit));
    if (look.trail && step > 0) entry("before", stroke(PaneColor(0).Faded(0.75f), 1.5f * unit));
  }

 private:
  // that of before adapting is grey, as everywhere
  Color FitColor(int step) const { return PaneColor(units(step) == 0 ? 0 : 1); }
  void Include(double y) {
    low_ = std::min(low_, y);
    high_ = std::max(high_, y);
  }

  double low_ = 0, high_ = 0;
};

}  // namespace

std::unique_ptr<Pane> MakeFitPane(FewShotPane::Content content) {
  return std::make_unique<FitPane>(std::move(content));
}

}  // namespace fewstep

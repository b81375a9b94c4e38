#include "viewer/plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "viewer/theme.h"

namespace fewstep {
namespace {

struct Bounds {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void Add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

}  // namespace

std::string TickText(double value, double step) {
  if (std::abs(value) < 1e-9 * step) value = 0;
  const auto digits = [](double x) { return static_cast<int>(std::floor(std::log10(x) + 1e-9)); };
  if (std::abs(value) >= 1e5) {
    return fmt::format("{:.{}e}", value, std::clamp(digits(std::abs(value)) - digits(step), 0, 6));
  }
  return fmt::format("{:.{}f}", value, std::clamp(-digits(step), 0, 6));
}

double RoundStep(double range, int parts) {
  if (!(range > 0) || !std::isfinite(range)) return 1;
  const double raw = range / parts, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {5.0, 2.0}) {
    if (factor * power <= raw) return factor * power;
  }
  return power;
}

void DrawPlot(Canvas& canvas, const Rect& rect, const Plot& plot) {
  const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
  if (rect.width < 60 * unit || rect.height < 3 * line) return;

  // what there is to show
  Bounds y;
  double x_max = plot.x_max;
  for (const PlotLine& l : plot.lines) {
    for (size_t i = 0; i < l.values.size(); ++i) {
      const double spread = i < l.spread.size() ? l.spread[i] : 0;
      y.Add(l.values[i] - spread);
      y.Add(l.values[i] + spread);
    }
    if (!l.values.empty()) {
      x_max = std::max(x_max, l.first + static_cast<double>(l.values.size()) - 1);
    }
  }
  for (const PlotDot& dot : plot.dots) {
    y.Add(dot.y);
    x_max = std::max(x_max, dot.x);
  }
  if (y.low > y.high) y = {0, 1};
  if (y.high - y.low < 1e-9 * std::max(1.0, std::abs(y.high))) {
    y.low -= 0.5;
    y.high += 0.5;
  }
  const double padding = 0.06 * (y.high - y.low);
  y.low -= padding;
  y.high += padding;

  // the frame: title above, numbers at the left and below
  const double y_step =
      RoundStep(y.high - y.low, std::max(2, static_cast<int>(rect.height / (3 * line))));
  float number_width = 0;
  for (double i = std::ceil(y.low / y_step); i * y_step <= y.high; ++i) {
    number_width =
        std::max(number_width, canvas.Measure(TickText(i * y_step, y_step), TextSize::kSmall).x);
  }
  const float left = number_width + 6 * unit;
  const Rect field = {rect.x + left, rect.y + 1.3f * line, rect.width - left - 4 * unit,
                      rect.height - 2.6f * line};
  const double room = plot.counts ? 0.04 * x_max : 0;  // for what is at either end
  const auto at = [&](double x_value, double y_value) {
    return Point{
        field.x + static_cast<float>((x_value + room) / (x_max + 2 * room)) * field.width,
        field.bottom() - static_cast<float>((y_value - y.low) / (y.high - y.low)) * field.height};
  };
  canvas.Text({rect.x + 2 * unit, rect.y}, theme::kText,
              Shortened(canvas, plot.title, rect.width - 4 * unit, TextSize::kSmall),
              TextSize::kSmall);
  for (double i = std::ceil(y.low / y_step); i * y_step <= y.high; ++i) {
    const Point tick = {field.x, at(0, i * y_step).y};
    canvas.Line(tick, {field.right(), tick.y}, theme::kGrid, unit);
    const std::string text = TickText(i * y_step, y_step);
    const float width = canvas.Measure(text, TextSize::kSmall).x;
    canvas.Text({field.x - width - 4 * unit, tick.y - line / 2}, theme::kFaint, text,
                TextSize::kSmall);
  }
  double x_step = RoundStep(x_max, std::max(2, static_cast<int>(field.width / (70 * unit))));
  x_step = std::max(1.0, x_step);  // it counts
  for (double x = 0; x <= x_max * (1 + 1e-9); x += x_step) {
    const std::string text = TickText(x, x_step);
    const float width = canvas.Measure(text, TextSize::kSmall).x;
    const float from = std::min(at(x, y.low).x - width / 2, rect.right() - width);
    canvas.Text({from, field.bottom() + 2 * unit}, theme::kFaint, text, TextSize::kSmall);
  }
  // what x is, in the title's line where it does not meet a number
  if (!plot.x_label.empty()) {
    const float width = canvas.Measure(plot.x_label, TextSize::kSmall).x;
    const float title = canvas.Measure(plot.title, TextSize::kSmall).x;
    if (rect.width > title + width + 24 * unit) {
      canvas.Text({field.right() - width, rect.y}, theme::kFaint, plot.x_label, TextSize::kSmall);
    }
  }

  // the lines
  canvas.BeginClip(
      {field.x - 2 * unit, field.y - 2 * unit, field.width + 4 * unit, field.height + 4 * unit});
  std::vector<Point> points;
  for (const PlotLine& l : plot.lines) {
    points.clear();
    const size_t stride =
        std::max<size_t>(1, l.values.size() / static_cast<size_t>(std::max(64.f, field.width)));
    const auto flush = [&] {
      if (l.dashed) {
        for (size_t i = 0; i + 1 < points.size(); i += 2) {
          canvas.Line(points[i], points[i + 1], l.color, 1.5f * unit);
        }
      } else if (points.size() > 1) {
        canvas.Path(points, l.color, 1.8f * unit);
      }
      points.clear();
    };
    if (l.dashed && std::min(l.until, l.values.size()) > 1) {
      // dashes of one length, however far apart the values are
      const double length = static_cast<double>(std::min(l.until, l.values.size()) - 1);
      const double dash = 5 * unit * x_max / field.width;
      for (double x = 0; x <= length; x += dash) {
        const auto i = static_cast<size_t>(std::min(std::floor(x), length - 1));
        const double part = x - static_cast<double>(i);
        points.push_back(at(l.first + x, (1 - part) * l.values[i] + part * l.values[i + 1]));
      }
      flush();
      continue;
    }
    const std::span<const double> drawn = l.values.first(std::min(l.until, l.values.size()));
    const auto add = [&](size_t i) {
      const double x = l.first + static_cast<double>(i);
      if (i < l.spread.size()) {
        canvas.Line(at(x, l.values[i] - l.spread[i]), at(x, l.values[i] + l.spread[i]),
                    l.color.Faded(0.6f), 2 * unit);
      }
      points.push_back(at(x, l.values[i]));
      if (l.dots) canvas.Disc(points.back(), 3.2f * unit, l.color);
    };
    for (size_t i = 0; i < drawn.size(); i += stride) {
      // of those that share a column of pixels the least and the largest
      const auto column = drawn.subspan(i, std::min(stride, drawn.size() - i));
      if (std::ranges::any_of(column, [](double value) { return !std::isfinite(value); })) {
        flush();
        for (size_t k = 0; k < column.size(); ++k) {
          if (std::isfinite(column[k])) add(i + k);
        }
        continue;
      }
      const auto [least, largest] = std::ranges::minmax_element(column);
      const auto first = static_cast<size_t>(std::min(least, largest) - column.begin());
      const auto second = static_cast<size_t>(std::max(least, largest) - column.begin());
      add(i + first);
      if (second != first) add(i + second);
    }
    flush();
  }
  for (const PlotDot& dot : plot.dots) canvas.Disc(at(dot.x, dot.y), 2 * unit, dot.color);
  // whose line is which
  const auto named =
      std::ranges::count_if(plot.lines, [](const PlotLine& l) { return !l.name.empty(); });
  // at the lower right, where curves that rise leave room
  Point legend = {field.x + 0.45f * field.width,
                  field.bottom() - (static_cast<float>(named) + 0.3f) * line};
  for (const PlotLine& l : plot.lines) {
    if (l.name.empty()) continue;
    canvas.Line({legend.x, legend.y + line / 2}, {legend.x + 14 * unit, legend.y + line / 2},
                l.color, 2.5f * unit);
    canvas.Text({legend.x + 18 * unit, legend.y}, theme::kText,
                Shortened(canvas, l.name, field.right() - legend.x - 20 * unit, TextSize::kSmall),
                TextSize::kSmall);
    legend.y += line;
  }
  if (plot.cursor) {
    canvas.Line(at(*plot.cursor, y.low), at(*plot.cursor, y.high), theme::kText.Faded(0.45f), unit);
  }
  canvas.EndClip();
}

}  // namespace fewstep

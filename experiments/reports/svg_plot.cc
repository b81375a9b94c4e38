#include "experiments/reports/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr std::array<std::string_view, 7> kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#e69f00", "#56b4e9", "#4d4d4d"};
constexpr double kCharacterWidth = 7.2;  // of the 12-pixel text, estimated: SVG cannot measure
constexpr double kLegendRow = 20.0, kLegendKey = 24.0, kLegendGap = 22.0;
constexpr double kTickSpacingX = 80.0, kTickSpacingY = 50.0;
constexpr double kDodge = 7.0;  // pixels between error bars of different series at the same x

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  bool empty() const { return low > high; }
  void Include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // A range of positive length with some air at both ends.
  void Widen(double share) {
    const double length = high - low;
    const double margin = length > 0.0 ? share * length : std::max(0.5, 0.1 * std::abs(low));
    low -= margin;
    high += margin;
  }
};

// False for NaN, too; the limit keeps differences of two values finite.
bool IsUsable(double value) { return std::abs(value) < 1e300; }
bool IsDrawn(const PlotPoint& point) { return IsUsable(point.x) && IsUsable(point.y); }
bool HasInterval(const PlotPoint& point) {
  return IsDrawn(point) && IsUsable(point.low) && IsUsable(point.high);
}

// Pixels to a hundredth, without trailing zeros.
std::string Px(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      // XML 1.0 has no control characters
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

double TextWidth(std::string_view text) {
  const auto starts_character = [](unsigned char c) { return (c & 0xC0) != 0x80; };
  return kCharacterWidth * static_cast<double>(std::ranges::count_if(text, starts_character));
}

// Labels of one axis share unit and decimals: 0, 0.5M, 1.0M.
std::vector<std::string> TickLabels(const std::vector<double>& ticks) {
  if (ticks.empty()) return {};
  double largest = 0.0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : largest;
  std::vector<std::string> labels;

  // beyond the usual prefixes only an exponent is readable
  if (largest >= 1e12 || (largest > 0.0 && largest < 1e-4)) {
    for (const double tick : ticks) labels.push_back(fmt::format("{:.3g}", tick));
    return labels;
  }
  struct Unit {
    double size;
    std::string_view sign;
  };
  Unit unit{1.0, ""};
  for (const Unit& larger : {Unit{1e3, "k"}, Unit{1e6, "M"}, Unit{1e9, "G"}}) {
    if (largest >= 10.0 * larger.size || (larger.size > 1e3 && largest >= larger.size)) {
      unit = larger;
    }
  }
  int decimals = 0;
  for (double s = step / unit.size; decimals < 9 && std::abs(s - std::round(s)) > 1e-6; s *= 10.0) {
    ++decimals;
  }
  for (const double tick : ticks) {
    std::string label =
        tick == 0.0 ? std::string("0")
                    : fmt::format("{:.{}f}{}", std::abs(tick) / unit.size, decimals, unit.sign);
    labels.push_back((tick < 0.0 ? "\u2212" : "") + label);
  }
  return labels;
}

// Draws one plot; the members are the state that its parts share.
class Renderer {
 public:
  explicit Renderer(const Plot& plot) : plot_(plot) {}

  std::string Render() {
    MeasureData();
    LayOut();
    Begin();
    if (x_.empty() || y_.empty()) {
      Text((left_ + right_) / 2, (top_ + bottom_) / 2, "middle", "no data", "fill=\"#767676\"");
    } else {
      Axes();
      for (size_t i = 0; i < plot_.series.size(); ++i) DrawInterval(i);
      for (size_t i = 0; i < plot_.series.size(); ++i) DrawCurve(i);
    }
    Legend();
    return out_ + "</svg>\n";
  }

 private:
  void MeasureData() {
    bool error_bars = false;
    for (const double x : plot_.x_shown) x_.Include(x);
    for (const double y : plot_.y_shown) y_.Include(y);
    for (const PlotSeries& series : plot_.series) {
      for (const PlotPoint& point : series.points) {
        if (!IsDrawn(point)) continue;
        error_bars |= HasMarkers(series);
        x_.Include(point.x);
        y_.Include(point.y);
        if (HasInterval(point)) {
          y_.Include(point.low);
          y_.Include(point.high);
        }
      }
    }
    if (x_.empty()) return;
    // lines may touch the frame, markers need room
    if (error_bars || x_.low == x_.high) x_.Widen(0.06);
    y_.Widen(0.06);
  }

  // The frame leaves room for title, legend rows and the widest y label.
  void LayOut() {
    top_ = plot_.title.empty() ? 16.0 : 44.0;
    right_ = plot_.width - 22.0;
    left_ = plot_.y_label.empty() ? 16.0 : 38.0;
    bottom_ = plot_.height - (plot_.x_label.empty() ? 32.0 : 54.0);
    if (!y_.empty()) {
      y_ticks_ = NiceTicks(y_.low, y_.high, static_cast<int>((bottom_ - top_) / kTickSpacingY));
      y_labels_ = TickLabels(y_ticks_);
      double widest = 0.0;
      for (const std::string& label : y_labels_) widest = std::max(widest, TextWidth(label));
      left_ += widest + 12.0;
      x_ticks_ = NiceTicks(x_.low, x_.high, static_cast<int>((right_ - left_) / kTickSpacingX),
                           plot_.integer_x);
      x_labels_ = TickLabels(x_ticks_);
    }

    // legend entries from left to right, in as many rows as it takes
    legend_top_ = top_;
    double x = left_;
    int rows = 0;
    for (const PlotSeries& series : plot_.series) {
      const double width = kLegendKey + TextWidth(series.name);
      if (rows == 0 || x + width > right_) {
        x = left_;
        if (!series.name.empty()) ++rows;
      }
      legend_.push_back({x, legend_top_ + kLegendRow * (std::max(rows, 1) - 0.5)});
      if (!series.name.empty()) x += width + kLegendGap;
    }
    top_ += rows > 0 ? rows * kLegendRow + 10.0 : 0.0;
  }

  void Begin() {
    out_ += fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\" role=\"img\" font-family=\"Helvetica, Arial, 'Liberation Sans', "
        "'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#333333\">\n",
        plot_.width, plot_.height);
    if (!plot_.title.empty()) out_ += fmt::format("<title>{}</title>\n", Escape(plot_.title));
    out_ += fmt::format("<rect width=\"{}\" height=\"{}\" fill=\"#ffffff\"/>\n", plot_.width,
                        plot_.height);
    const std::string large = "font-size=\"16\" font-weight=\"600\" fill=\"#1a1a1a\"";
    if (!plot_.title.empty()) Text(plot_.width / 2.0, 28.0, "middle", plot_.title, large);
    if (!plot_.x_label.empty()) {
      Text((left_ + right_) / 2, plot_.height - 14.0, "middle", plot_.x_label, "font-size=\"13\"");
    }
    if (!plot_.y_label.empty()) {
      const double y = (top_ + bottom_) / 2;
      Text(22.0, y, "middle", plot_.y_label,
           fmt::format("font-size=\"13\" transform=\"rotate(-90 22 {})\"", Px(y)));
    }
  }

  void Axes() {
    // horizontal grid lines carry the eye; vertical ones would only compete with the curves
    for (size_t i = 0; i < y_ticks_.size(); ++i) {
      const double y = Y(y_ticks_[i]);
      Line(left_, y, right_, y, "stroke=\"#e4e4e4\"");
      Text(left_ - 8.0, y + 4.0, "end", y_labels_[i]);
    }
    for (size_t i = 0; i < x_ticks_.size(); ++i) {
      const double x = X(x_ticks_[i]);
      Line(x, bottom_, x, bottom_ + 5.0, "stroke=\"#767676\"");
      Text(x, bottom_ + 19.0, "middle", x_labels_[i]);
    }
    Line(left_, bottom_, right_, bottom_, "stroke=\"#767676\"");
  }

  void DrawInterval(size_t index) {
    const PlotSeries& series = plot_.series[index];
    if (series.style == PlotStyle::kPoints) {
      for (const PlotPoint& point : series.points) {
        if (!HasInterval(point)) continue;
        Line(X(point.x), Y(point.low), X(point.x), Y(point.high),
             fmt::format("stroke=\"{}\" stroke-opacity=\"0.4\"", Color(index)));
      }
      return;
    }
    if (series.style == PlotStyle::kErrorBars) {
      for (const PlotPoint& point : series.points) {
        if (!HasInterval(point)) continue;
        const double x = X(point.x) + Dodge(index), low = Y(point.low), high = Y(point.high);
        out_ += fmt::format(
            "<path d=\"M{0} {3}V{4}M{1} {3}H{2}M{1} {4}H{2}\" fill=\"none\" stroke=\"{5}\" "
            "stroke-width=\"1.5\"/>\n",
            Px(x), Px(x - 4.0), Px(x + 4.0), Px(low), Px(high), Color(index));
      }
      return;
    }
    // upper edge forth, lower edge back, one closed path for every stretch without a gap
    std::string upper, lower, path;
    const auto close = [&] {
      if (!upper.empty()) {
        upper.front() = 'M';
        path += upper + lower + 'Z';
      }
      upper.clear();
      lower.clear();
    };
    for (const PlotPoint& point : series.points) {
      if (!HasInterval(point)) {
        close();
        continue;
      }
      upper += fmt::format("L{} {}", Px(X(point.x)), Px(Y(point.high)));
      lower.insert(0, fmt::format("L{} {}", Px(X(point.x)), Px(Y(point.low))));
    }
    close();
    if (!path.empty()) {
      out_ +=
          fmt::format("<path d=\"{}\" fill=\"{}\" fill-opacity=\"0.18\"/>\n", path, Color(index));
    }
  }

  void DrawCurve(size_t index) {
    const PlotSeries& series = plot_.series[index];
    if (series.style == PlotStyle::kPoints) {
      for (const PlotPoint& point : series.points) {
        if (IsDrawn(point)) Dot(X(point.x), Y(point.y), index);
      }
      return;
    }
    const bool markers = series.style == PlotStyle::kErrorBars;
    std::string path;
    bool pen_down = false;
    for (const PlotPoint& point : series.points) {
      if (IsDrawn(point)) {
        path += fmt::format("{}{} {}", pen_down ? 'L' : 'M', Px(X(point.x) + Dodge(index)),
                            Px(Y(point.y)));
      }
      pen_down = IsDrawn(point);
    }
    if (path.empty()) return;
    out_ += fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" "
        "stroke-linecap=\"round\"{}/>\n",
        path, Color(index), markers ? "1.5" : "2", Dashes(index));
    if (!markers) return;
    for (const PlotPoint& point : series.points) {
      if (IsDrawn(point)) Marker(X(point.x) + Dodge(index), Y(point.y), index);
    }
  }

  void Legend() {
    for (size_t i = 0; i < plot_.series.size(); ++i) {
      const PlotSeries& series = plot_.series[i];
      if (series.name.empty()) continue;
      const auto [x, y] = legend_[i];
      if (series.style == PlotStyle::kPoints) {
        Dot(x + 9.0, y, i);
        Text(x + kLegendKey, y + 4.0, "start", series.name);
        continue;
      }
      Line(x, y, x + 18.0, y,
           fmt::format("stroke=\"{}\" stroke-width=\"2\"{}", Color(i), Dashes(i)));
      if (series.style == PlotStyle::kErrorBars) Marker(x + 9.0, y, i);
      Text(x + kLegendKey, y + 4.0, "start", series.name);
    }
  }

  void Line(double x1, double y1, double x2, double y2, std::string_view attributes) {
    out_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", Px(x1), Px(y1),
                        Px(x2), Px(y2), attributes);
  }

  void Marker(double x, double y, size_t index) {
    out_ += fmt::format(
        "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\" stroke=\"#ffffff\" "
        "stroke-width=\"1.2\"/>\n",
        Px(x), Px(y), Color(index));
  }

  void Dot(double x, double y, size_t index) {
    out_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\" fill-opacity=\"0.7\"/>\n",
                        Px(x), Px(y), Color(index));
  }

  void Text(double x, double y, std::string_view anchor, std::string_view text,
            std::string_view attributes = "") {
    out_ += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"{}{}>{}</text>\n", Px(x), Px(y),
                        anchor, attributes.empty() ? "" : " ", attributes, Escape(text));
  }

  double X(double x) const { return left_ + (x - x_.low) / (x_.high - x_.low) * (right_ - left_); }
  double Y(double y) const {
    return bottom_ - (y - y_.low) / (y_.high - y_.low) * (bottom_ - top_);
  }

  // Error bars of several series stand side by side, centred on their x.
  double Dodge(size_t index) const {
    if (plot_.series[index].style != PlotStyle::kErrorBars) return 0.0;
    const auto has_bars = [](const PlotSeries& s) { return s.style == PlotStyle::kErrorBars; };
    const auto begin = plot_.series.begin();
    const auto before = std::count_if(begin, begin + static_cast<std::ptrdiff_t>(index), has_bars);
    const auto all = std::ranges::count_if(plot_.series, has_bars);
    return kDodge * (static_cast<double>(before) - static_cast<double>(all - 1) / 2.0);
  }

  static bool HasMarkers(const PlotSeries& series) { return series.style != PlotStyle::kBand; }

  std::string_view Color(size_t index) const {
    const std::string& own = plot_.series[index].color;
    return own.empty() ? kColors[index % kColors.size()] : own;
  }
  // the second round of colours is dashed
  std::string_view Dashes(size_t index) const {
    const bool dashed = plot_.series[index].dashed || index >= kColors.size();
    return dashed ? " stroke-dasharray=\"6 4\"" : "";
  }

  struct Position {
    double x, y;
  };

  const Plot& plot_;
  std::string out_;
  Range x_, y_;                                         // data, with margins
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;  // frame, pixels
  double legend_top_ = 0;
  std::vector<double> x_ticks_, y_ticks_;
  std::vector<std::string> x_labels_, y_labels_;
  std::vector<Position> legend_;  // of each series
};

}  // namespace

std::vector<double> NiceTicks(double low, double high, int count, bool integer) {
  FEWSTEP_CHECK(std::isfinite(low) && std::isfinite(high) && low < high, "[{}, {}]", low, high);
  // the first of 1, 2, 5, 10 times a power of ten that is not below the ideal distance
  const double ideal = (high - low) / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(ideal)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= ideal * (1.0 - 1e-9)) step = factor * power;
  }
  if (integer) step = std::max(step, 1.0);

  // multiples of the step, computed from whole numbers so that no error adds up
  const double slack = 1e-9 * (high - low) / step;
  const double first = std::ceil(low / step - slack), last = std::floor(high / step + slack);
  std::vector<double> ticks;
  for (int i = 0; i <= last - first; ++i) {
    ticks.push_back((first + i) * step + 0.0);  // + 0.0 turns -0 into 0
  }
  return ticks;
}

std::string RenderSvg(const Plot& plot) {
  FEWSTEP_CHECK(plot.width >= 320 && plot.height >= 240, "{} x {}", plot.width, plot.height);
  return Renderer(plot).Render();
}

std::string RenderSvgGrid(const std::string& title, const std::vector<Plot>& plots, int columns) {
  FEWSTEP_CHECK(!plots.empty() && columns > 0, "{} plots in {} columns", plots.size(), columns);
  constexpr int kTitle = 44;
  const int width = plots[0].width, height = plots[0].height;
  columns = std::min(columns, static_cast<int>(plots.size()));
  const int rows = (static_cast<int>(plots.size()) + columns - 1) / columns;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" role=\"img\" font-family=\"Helvetica, Arial, 'Liberation Sans', "
      "'DejaVu Sans', sans-serif\">\n<title>{2}</title>\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"#ffffff\"/>\n<text x=\"{3}\" y=\"28\" text-anchor=\"middle\" font-size=\"16\" "
      "font-weight=\"600\" fill=\"#1a1a1a\">{2}</text>\n",
      columns * width, rows * height + kTitle, Escape(title), columns * width / 2);
  for (int i = 0; i < static_cast<int>(plots.size()); ++i) {
    out += fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">\n{}</svg>\n",
                       i % columns * width, kTitle + i / columns * height, width, height,
                       RenderSvg(plots[static_cast<size_t>(i)]));
  }
  return out + "</svg>\n";
}

}  // namespace fewstep

// That the documents are well-formed XML is checked by svg_plot_peer.py.
#include "experiments/reports/svg_plot.h"

#include <cmath>
#include <limits>
#include <regex>
#include <vector>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Every match's first group as a number.
std::vector<double> Numbers(const std::string& svg, const std::string& pattern) {
  std::vector<double> numbers;
  const std::regex regex(pattern);
  for (auto it = std::sregex_iterator(svg.begin(), svg.end(), regex); it != std::sregex_iterator();
       ++it) {
    numbers.push_back(std::stod((*it)[1]));
  }
  return numbers;
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(NiceTicks, OneTwoFiveTimesAPowerOfTen) {
  EXPECT_EQ(NiceTicks(0.0, 10.0, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(NiceTicks(-130.0, 95.0, 5), (std::vector<double>{-100, -50, 0, 50}));
  const std::vector<double> small = NiceTicks(0.0, 0.3, 3);
  ASSERT_EQ(small.size(), 4u);
  EXPECT_NEAR(small[3], 0.3, 1e-15);
  EXPECT_FALSE(std::signbit(NiceTicks(-1.0, 1.0, 2)[1]));
}

TEST(NiceTicks, WholeNumbersOnly) {
  EXPECT_EQ(NiceTicks(-0.18, 3.18, 10, true), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(NiceTicks(0.0, 100.0, 4, true), (std::vector<double>{0, 50, 100}));
}

TEST(NiceTicks, AreFewAndInside) {
  for (double low : {-1e9, -3.7, 0.0, 0.1234, 1e16}) {
    for (double length : {1e-3, 0.7, 42.0, 1e12}) {
      const double high = low + length;
      if (!(low < high)) continue;
      const std::vector<double> ticks = NiceTicks(low, high, 6);
      EXPECT_LE(ticks.size(), 7u) << low << " " << high;
      for (const double tick : ticks) {
        EXPECT_GE(tick, low - 1e-6 * length);
        EXPECT_LE(tick, high + 1e-6 * length);
      }
    }
  }
}

// Markers stand where the axes say: at tick x and, between two grid lines, in proportion.
TEST(SvgPlot, MarkersAgreeWithTheAxes) {
  Plot plot;
  plot.integer_x = true;
  plot.series = {{"", {{0, 0, -1, 1}, {1, 5, 4, 6}, {2, 10, 9, 11}}, PlotStyle::kErrorBars}};
  const std::string svg = RenderSvg(plot);
  const auto cx = Numbers(svg, "<circle cx=\"([0-9.]+)\"");
  const auto cy = Numbers(svg, "<circle cx=\"[0-9.]+\" cy=\"([0-9.]+)\"");
  const auto tick_x = Numbers(svg, "text-anchor=\"middle\">([0-9]+)</text>");
  const auto tick_px = Numbers(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"middle\">");
  const auto tick_y = Numbers(svg, "text-anchor=\"end\">([0-9]+)</text>");
  const auto grid = Numbers(svg, "y2=\"([0-9.]+)\" stroke=\"#e4e4e4\"");
  ASSERT_EQ(tick_x, (std::vector<double>{0, 1, 2}));
  ASSERT_EQ(tick_px.size(), 3u);
  ASSERT_EQ(cx.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(cx[i], tick_px[i], 0.011);

  // the pixels of y = 0, 5 and 10 by interpolation between the outer grid lines
  ASSERT_GE(grid.size(), 2u);
  ASSERT_EQ(grid.size(), tick_y.size());
  const double slope = (grid.back() - grid.front()) / (tick_y.back() - tick_y.front());
  EXPECT_LT(slope, 0.0);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(cy[i], grid.front() + slope * (5.0 * static_cast<double>(i) - tick_y.front()),
                0.03);
  }
  // and the caps of the middle error bar one unit away on both sides
  EXPECT_NEAR(Numbers(svg, "<path d=\"M[0-9.]+ ([0-9.]+)V")[1], cy[1] - slope, 0.03);
  EXPECT_NEAR(Numbers(svg, "<path d=\"M[0-9.]+ [0-9.]+V([0-9.]+)")[1], cy[1] + slope, 0.03);
}

// By hand: the frame is 16..698 by 16..408 (no texts, but labels "0.0" to "1.0" take 12 + 3 * 7.2).
TEST(SvgPlot, KnownBand) {
  Plot plot;
  plot.series = {{"", {{0, 0.5, 0, 1}, {1, 0.5, 0, 1}}}};
  const std::string svg = RenderSvg(plot);
  // y range widened by 6 %: 0 lies 0.06 / 1.12 of 392 pixels above the lower edge
  EXPECT_NE(svg.find("<path d=\"M49.6 37L698 37L698 387L49.6 387Z\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("<path d=\"M49.6 212L698 212\""), std::string::npos) << svg;
}

TEST(SvgPlot, GapsInterruptLineAndBand) {
  Plot plot;
  plot.series = {{"", {{0, 1, 0, 2}, {1, 2, 1, 3}, {2, kNaN, 1, 3}, {3, 1, 0, 2}, {4, 1, 0, 2}}}};
  const std::string svg = RenderSvg(plot);
  EXPECT_EQ(Count(svg, "nan"), 0);
  std::smatch match;
  ASSERT_TRUE(std::regex_search(svg, match, std::regex("<path d=\"([^\"]+)\" fill=\"#0072b2\"")));
  EXPECT_EQ(Count(match[1], "Z"), 2);
  ASSERT_TRUE(std::regex_search(svg, match, std::regex("<path d=\"([^\"]+)\" fill=\"none\"")));
  EXPECT_EQ(Count(match[1], "M"), 2);
}

TEST(SvgPlot, ErrorBarsOfSeveralSeriesStandSideBySide) {
  Plot plot;
  for (int i = 0; i < 3; ++i) plot.series.push_back({"", {{1, 1, 0, 2}}, PlotStyle::kErrorBars});
  const auto cx = Numbers(RenderSvg(plot), "<circle cx=\"([0-9.]+)\"");
  ASSERT_EQ(cx.size(), 3u);
  EXPECT_NEAR(cx[1] - cx[0], 7.0, 0.011);
  EXPECT_NEAR(cx[2] - cx[1], 7.0, 0.011);
}

TEST(SvgPlot, EscapesTexts) {
  Plot plot;
  plot.title = "a < b & \"c\" > 'd'";
  plot.series = {{"<script>", {{0, 0, 0, 0}, {1, 1, 1, 1}}}};
  const std::string svg = RenderSvg(plot);
  EXPECT_EQ(Count(svg, ">a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39;<"), 2);
  EXPECT_EQ(Count(svg, "<script>"), 0);
  EXPECT_EQ(Count(svg, "&lt;script&gt;"), 1);
}

TEST(SvgPlot, LargeNumbersAreShort) {
  Plot plot;
  plot.series = {{"", {{0, -2500, -2500, -2500}, {6e6, 0, 0, 0}}}};
  const std::string svg = RenderSvg(plot);
  EXPECT_EQ(Count(svg, ">2M<"), 1);
  EXPECT_EQ(Count(svg, ">\u22122000<"), 1);
  EXPECT_EQ(Count(svg, "000000"), 0);
}

TEST(SvgPlot, WithoutUsableDataSaysSo) {
  Plot plot;
  plot.series = {{"a", {{0, kNaN, 0, 0}, {std::numeric_limits<double>::infinity(), 1, 0, 2}}}};
  EXPECT_EQ(Count(RenderSvg(plot), "no data"), 1);
  EXPECT_EQ(Count(RenderSvg(Plot{}), "no data"), 1);
}

TEST(RenderSvg, PointsAreNotJoined) {
  const std::string svg =
      RenderSvg({.series = {{.name = "dots",
                             .points = {{2, 1, 0.5, 1.5}, {1, 3, kNaN, kNaN}, {1.5, kNaN, 0, 1}},
                             .style = PlotStyle::kPoints}}});
  EXPECT_EQ(Count(svg, "r=\"3\""), 3);  // two points, and the legend's
  EXPECT_EQ(Count(svg, "<path"), 0);
  EXPECT_EQ(Count(svg, "stroke-opacity=\"0.4\""), 1);  // one has an interval
}

TEST(RenderSvg, AxesShowWhatTheyAreToldTo) {
  const std::string svg = RenderSvg({.series = {{.name = "", .points = {{0, 0, kNaN, kNaN}}}},
                                     .x_shown = {-40, 40},
                                     .y_shown = {-40, 40}});
  EXPECT_GE(Count(svg, ">40<"), 2);
}

TEST(RenderSvg, SeriesMayHaveAColorAndDashes) {
  const std::vector<PlotPoint> points = {{0, 0, kNaN, kNaN}, {1, 1, kNaN, kNaN}};
  const std::string svg =
      RenderSvg({.series = {{.name = "own", .points = points, .color = "#123456", .dashed = true},
                            {.name = "next", .points = points}}});
  EXPECT_EQ(Count(svg, "#123456"), 2) << "a line, and the legend's";
  EXPECT_EQ(Count(svg, "stroke-dasharray"), 2);
  EXPECT_EQ(Count(svg, "#d55e00"), 2) << "others have the palette's";
}

TEST(RenderSvgGrid, PutsPlotsRowByRow) {
  const Plot plot{.title = "one", .width = 400, .height = 300};
  const std::string svg = RenderSvgGrid("all of <them>", {plot, plot, plot}, 2);
  EXPECT_EQ(Count(svg, "<svg"), 1 + 2 * 3);
  EXPECT_EQ(Count(svg, "</svg>"), 1 + 2 * 3);
  EXPECT_NE(svg.find("width=\"800\" height=\"644\""), std::string::npos);
  EXPECT_NE(svg.find("<svg x=\"0\" y=\"344\""), std::string::npos);
  EXPECT_EQ(Count(svg, "all of &lt;them&gt;"), 2);
}

}  // namespace
}  // namespace fewstep

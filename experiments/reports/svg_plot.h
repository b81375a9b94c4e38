// Line plots as SVG, for reports: learning curves (lines with shaded bands over environment steps)
// and adaptation curves (points with error bars over gradient steps). White background, colours
// that the colour-blind can tell apart (Okabe and Ito), no scripts, no fonts to load; the same plot
// gives the same bytes.
#pragma once

#include <string>
#include <vector>

namespace fewstep {

// One x with its value and the bounds of its interval. A point whose x or y is not finite (or
// beyond 1e300) is left out and interrupts the line; such bounds leave out the interval.
struct PlotPoint {
  double x = 0.0;
  double y = 0.0;
  double low = 0.0;
  double high = 0.0;
};

enum class PlotStyle {
  kBand,       // a line through the points, the intervals as a shaded band
  kErrorBars,  // a marker and an error bar at each point, joined by a thin line
  kPoints,     // the same smaller, and not joined; x in any order
};

struct PlotSeries {
  std::string name;               // UTF-8; empty: not in the legend
  std::vector<PlotPoint> points;  // ascending x; without an interval low and high are NaN
  PlotStyle style = PlotStyle::kBand;
  std::string color = {};  // "#rrggbb"; empty: the next of the palette
  bool dashed = false;
};

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotSeries> series;
  bool integer_x = false;  // ticks only at whole numbers
  // What the axes show in any case.
  std::vector<double> x_shown = {}, y_shown = {};
  int width = 720;   // pixels, at least 320
  int height = 440;  // pixels, at least 240
};

// A complete SVG document. Texts are escaped. A plot without a finite point shows "no data".
std::string RenderSvg(const Plot& plot);

// Plots of one size, row by row, under a title of all.
std::string RenderSvgGrid(const std::string& title, const std::vector<Plot>& plots, int columns);

// At most about `count` values 1, 2 or 5 times a power of ten apart that lie in [low, high];
// whole numbers if `integer`. low < high, both finite.
std::vector<double> NiceTicks(double low, double high, int count, bool integer = false);

}  // namespace fewstep

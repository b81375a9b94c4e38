// Small plots of curves over time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "viewer/canvas.h"

namespace fewstep {

struct PlotLine {
  std::span<const double> values;  // at x = first, first + 1, ...; what is not finite is left out
  Color color;
  bool dashed = false;
  bool dots = false;  // a dot at each value
  double first = 0;
  std::span<const double> spread = {};     // a bar of values -+ spread; or empty
  size_t until = static_cast<size_t>(-1);  // so many are drawn; all of them have room
  std::string name = {};                   // in a legend
};

struct PlotDot {
  double x = 0, y = 0;
  Color color;
};

struct Plot {
  std::string title, x_label = {};
  std::vector<PlotLine> lines = {};
  std::vector<PlotDot> dots = {};
  double x_max = 1;                   // from 0; grows with the lines
  std::optional<double> cursor = {};  // where the present is
  bool counts = false;                // x counts few things: room at both ends
};

// The largest of 1, 2 and 5 times a power of ten that goes at least `parts` times into `range`, or
// 1 for a range of nothing.
double RoundStep(double range, int parts);

// Numbers as short as their distance allows: 0.25 at steps of 0.05, 1.2e+06 at steps of 1e+05.
std::string TickText(double value, double step);

// Each pixel column shows the least and the largest value that fall into it.
void DrawPlot(Canvas& canvas, const Rect& rect, const Plot& plot);

}  // namespace fewstep

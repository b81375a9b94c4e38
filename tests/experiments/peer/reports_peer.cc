// Lets the peer tests in Python drive the report code on data of their choice:
//   reports_peer statistics RESAMPLES < matrices   one line "seeds tasks v v v ..." each; answers
//                                                  with one line of numbers each
//   reports_peer events DIRECTORY                  a run that is resumed at step 5
//   reports_peer plot                              an SVG document with awkward texts
#include <cstdio>
#include <iostream>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "experiments/reports/statistics.h"
#include "experiments/reports/svg_plot.h"
#include "experiments/running/tensorboard.h"

namespace fewstep {
namespace {

void Statistics(int resamples) {
  std::string line;
  for (uint64_t number = 0; std::getline(std::cin, line); ++number) {
    std::istringstream in(line);
    int seeds = 0, tasks = 0;
    in >> seeds >> tasks;
    std::vector<double> values;
    for (double value; in >> value;) values.push_back(value);

    const Rng rng = Rng(1).Fork("matrix", number);
    const BootstrapOptions options{.resamples = resamples};
    const Interval plain = BootstrapMean(values, rng, options);
    const Interval student = StudentMean(values);
    const size_t half = values.size() / 2;
    const Interval welch =
        WelchDifference(std::span(values).first(half + 1), std::span(values).subspan(half));
    fmt::print("{} {} {} {} {} {} {} {} {} {}\n", plain.point, plain.low, plain.high,
               InterquartileMean(values), StandardError(values), student.low, student.high,
               welch.point, welch.low, welch.high);
  }
}

void Events(const std::string& directory) {
  TensorBoardWriter first(directory);
  for (int step = 0; step < 10; ++step) {
    first.Scalar("return/post", step, 0.5 * step, 1000.0 + step);
    first.Scalar("läuft/±", step, -1e-3 * step, 1000.0 + step);
  }
  first.Scalar("large step", int64_t{1} << 40, 1.0, 2000.0);
  first.Scalar("odd", 2, std::numeric_limits<double>::quiet_NaN(), 1000.0);
  first.Scalar("odd", 3, std::numeric_limits<double>::infinity(), 1000.0);
  first.Flush();

  TensorBoardWriter second(directory, 5);
  for (int step = 5; step < 8; ++step) second.Scalar("return/post", step, 100.0 + step, 3000.0);
  second.Flush();
}

void PrintPlot() {
  Plot plot;
  plot.title = "a < b & \"c\" > 'd' ]]> \x01 é";
  plot.x_label = "<x>";
  plot.y_label = "return ± & more";
  plot.series = {{"band </text>", {{0, 1, 0, 2}, {1, 2, 1, 3}}},
                 {"bars", {{0, 1, 0.5, 2}, {1, 2, 1, 3}}, PlotStyle::kErrorBars}};
  fmt::print("{}", RenderSvg(plot));
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "statistics") {
    fewstep::Statistics(std::stoi(arguments[1]));
  } else if (arguments.size() == 2 && arguments[0] == "events") {
    fewstep::Events(arguments[1]);
  } else if (arguments.size() == 1 && arguments[0] == "plot") {
    fewstep::PrintPlot();
  } else {
    std::fputs("usage: reports_peer statistics RESAMPLES | events DIRECTORY | plot\n", stderr);
    return 2;
  }
}

// Any family at all: what the agent observes, over time.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/performance_pane.h"
#include "viewer/panes/plane_panes.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

class SignalsPane final : public PerformancePane {
 public:
  using PerformancePane::PerformancePane;

  void Draw(Canvas& canvas, const Rect& rect, int step, Look&) override {
    const Rect inside = rect.Inner(6 * canvas.scale());
    const Rect upper = {inside.x, inside.y, inside.width, 0.62f * inside.height};
    const Rect lower = {inside.x, upper.bottom(), inside.width, inside.height - upper.height};
    DrawNumbers(canvas, upper, step, "observed", spec().plain_observation_size(), 0,
                [this](int i) { return performance_.observation(i); });
    const bool choices = spec().action_kind == ActionKind::kDiscrete;
    DrawNumbers(canvas, lower, step, choices ? "the choice" : "actions", spec().action_width(), 1,
                [this](int i) { return performance_.action(i); });
  }

 private:
  // Rows over time, from row `first` on; as many numbers of each as can be told apart.
  template <typename RowAt>
  void DrawNumbers(Canvas& canvas, const Rect& rect, int step, const char* what, int width,
                   int first, const RowAt& row_at) const {
    constexpr int kMost = 8;
    const int shown = std::min(width, kMost);
    std::vector<std::vector<double>> values(static_cast<size_t>(shown));
    for (int i = first; i <= performance_.length(); ++i) {
      const std::span<const double> row = row_at(i);
      for (int k = 0; k < shown; ++k) {
        values[static_cast<size_t>(k)].push_back(row[static_cast<size_t>(k)]);
      }
    }
    Plot plot{.title = shown < width ? fmt::format("{}, the first {} of {}", what, shown, width)
                                     : std::string(what),
              .x_label = "steps",
              .x_max = static_cast<double>(spec().horizon),
              .cursor = static_cast<double>(step)};
    for (size_t k = 0; k < values.size(); ++k) {
      plot.lines.push_back(
          {.values = values[k], .color = PaneColor(k + 1), .first = static_cast<double>(first)});
    }
    DrawPlot(canvas, rect, plot);
  }
};

}  // namespace

std::unique_ptr<Pane> MakeSignalsPane(const TaskFamily& family,
                                      std::unique_ptr<Performer> performer, const Task& task) {
  return std::make_unique<SignalsPane>(family, std::move(performer), task);
}

}  // namespace fewstep

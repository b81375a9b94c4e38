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
    // as many as can be told apart
    constexpr int kMost = 8;
    const int shown = std::min(spec().plain_observation_size(), kMost);
    std::vector<std::vector<double>> values(static_cast<size_t>(shown));
    for (int i = 0; i <= performance_.length(); ++i) {
      const std::span<const double> observation = performance_.observation(i);
      for (int k = 0; k < shown; ++k) {
        values[static_cast<size_t>(k)].push_back(observation[static_cast<size_t>(k)]);
      }
    }
    Plot plot{.title = shown < spec().plain_observation_size()
                           ? fmt::format("the first {} of {} numbers observed", shown,
                                         spec().plain_observation_size())
                           : "what is observed",
              .x_label = "step",
              .x_max = static_cast<double>(spec().horizon),
              .cursor = static_cast<double>(step)};
    for (size_t k = 0; k < values.size(); ++k) {
      plot.lines.push_back({.values = values[k], .color = PaneColor(k + 1)});
    }
    DrawPlot(canvas, rect.Inner(6 * canvas.scale()), plot);
  }
};

}  // namespace

std::unique_ptr<Pane> MakeSignalsPane(const TaskFamily& family,
                                      std::unique_ptr<Performer> performer, const Task& task) {
  return std::make_unique<SignalsPane>(family, std::move(performer), task);
}

}  // namespace fewstep

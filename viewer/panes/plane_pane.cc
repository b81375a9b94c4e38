// A point in the plane.
#include <algorithm>
#include <cmath>
#include <utility>

#include "viewer/panes/performance_pane.h"
#include "viewer/panes/plane_panes.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

class PlanePane final : public PerformancePane {
 public:
  PlanePane(const TaskFamily& family, std::unique_ptr<Performer> performer, const Task& task,
            std::vector<std::array<double, 2>> goals)
      : PerformancePane(family, std::move(performer), task), goals_(std::move(goals)) {
    const std::vector<std::string>& names = spec().state;
    for (size_t i = 0; i < 2; ++i) {
      position_[i] =
          static_cast<size_t>(std::ranges::find(names, spec().drawing.position[i]) - names.begin());
    }
    for (const std::string& name : spec().drawing.goal) {
      const ParameterSpec& parameter = spec().parameters[ParameterIndex(name)];
      extent_ = std::max({extent_, std::abs(parameter.low), std::abs(parameter.high)});
    }
    if (extent_ == 0) extent_ = 1;
  }

  float shape() const override { return 1; }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look& look) override {
    // 1.3 times the goals' range fills the shorter side
    const double size = 0.5 * std::min(rect.width, rect.height) / (1.3 * extent_) * look.plane_zoom;
    const Point middle = {rect.center().x - static_cast<float>(look.plane_x) * rect.height,
                          rect.center().y + static_cast<float>(look.plane_y) * rect.height};
    const auto at = [&](double x, double y) {
      return Point{middle.x + static_cast<float>(x * size),
                   middle.y - static_cast<float>(y * size)};
    };
    const float unit = canvas.scale();

    // the grid, its lines a round number apart
    const double spacing = RoundStep(2 * extent_ / look.plane_zoom, 5);
    const auto lines = [&](double low, double high, auto draw) {
      for (double i = std::ceil(low / spacing); i * spacing <= high; ++i) draw(i * spacing);
    };
    const double left = (rect.x - middle.x) / size, right = (rect.right() - middle.x) / size;
    const double low = (middle.y - rect.bottom()) / size, high = (middle.y - rect.y) / size;
    lines(left, right, [&](double x) {
      canvas.Line(at(x, low), at(x, high), x == 0 ? theme::kFaint.Faded(0.5f) : theme::kGrid, unit);
    });
    lines(low, high, [&](double y) {
      canvas.Line(at(left, y), at(right, y), y == 0 ? theme::kFaint.Faded(0.5f) : theme::kGrid,
                  unit);
    });

    // where the agent takes the goal to be, and where it is
    for (const auto& goal : goals_) {
      canvas.Disc(at(goal[0], goal[1]), 4 * unit, theme::kTarget.Faded(0.12f));
    }

    // the path, fainter the longer ago
    const auto place = [&](int i) {
      const std::span<const double> state = performance_.state(i);
      return at(state[position_[0]], state[position_[1]]);
    };
    if (look.trail) {
      for (int i = 0; i < step; ++i) {
        const double age = static_cast<double>(step - i) / std::max(1, step);
        canvas.Line(place(i), place(i + 1),
                    theme::kTrail.Faded(static_cast<float>(0.85 - 0.6 * age)), 2 * unit);
      }
      canvas.Ring(place(0), 4 * unit, theme::kFaint, 1.5f * unit);
    }

    // the goal is seen through what moves over it
    const DrawingHints& hints = spec().drawing;
    const std::span<const double> task = performance_.task(step);
    const Point present = place(step);
    canvas.Disc(present, 6.5f * unit, theme::kTrail);
    canvas.Ring(present, 6.5f * unit, theme::kBackground, 1.5f * unit);
    if (!hints.goal.empty()) {
      const Point goal =
          at(task[ParameterIndex(hints.goal[0])], task[ParameterIndex(hints.goal[1])]);
      const float radius = std::max(9 * unit, static_cast<float>(hints.goal_radius * size));
      canvas.Disc(goal, radius, theme::kTarget.Faded(0.3f));
      canvas.Ring(goal, radius, theme::kTarget, 2.5f * unit);
    }
  }

 private:
  std::vector<std::array<double, 2>> goals_;
  size_t position_[2] = {};
  double extent_ = 0;  // how far from the origin goals lie
};

}  // namespace

std::unique_ptr<Pane> MakePlanePane(const TaskFamily& family, std::unique_ptr<Performer> performer,
                                    const Task& task, std::vector<std::array<double, 2>> goals) {
  return std::make_unique<PlanePane>(family, std::move(performer), task, std::move(goals));
}

}  // namespace fewstep

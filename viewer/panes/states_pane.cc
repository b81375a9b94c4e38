// A decision process of few states.
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/performance_pane.h"
#include "viewer/panes/plane_panes.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

constexpr Color kLittle{0.17f, 0.24f, 0.36f}, kMuch{0.98f, 0.80f, 0.38f};

class StatesPane final : public PerformancePane {
 public:
  StatesPane(const TaskFamily& family, std::unique_ptr<Performer> performer, const Task& task)
      : PerformancePane(family, std::move(performer), task) {}

  // an episode has few steps, which are told apart at this speed
  double step_seconds() const override { return 0.35; }
  float shape() const override { return 1; }
  std::string TaskText(int) const override {
    return fmt::format("{} states, {} choices", spec().drawing.states->count, spec().action_size);
  }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look&) override {
    const DrawingHints::States& hints = *spec().drawing.states;
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    const std::span<const double> task = performance_.task(step);
    if (!std::ranges::equal(task, valued_task_)) {
      valued_task_.assign(task.begin(), task.end());
      values_ = StateValues(hints, task, spec().horizon);
    }
    const auto [lowest, highest] = std::ranges::minmax_element(values_);

    // what has happened so far
    std::vector<int> visits(static_cast<size_t>(hints.count));
    std::map<std::pair<int, int>, int> ways;
    int state = StateAt(0);
    ++visits[static_cast<size_t>(state)];
    for (int i = 1; i <= step; ++i) {
      const int next = StateAt(i);
      ++ways[{state, next}];
      ++visits[static_cast<size_t>(next)];
      state = next;
    }

    // states on a circle; of the legend below it is kept clear
    const Rect field = {rect.x, rect.y, rect.width, rect.height - 2 * line};
    const float circle = 0.33f * std::min(field.width, field.height);
    const float node = std::clamp(
        0.9f * circle * std::numbers::pi_v<float> / static_cast<float>(hints.count) * 0.7f,
        6 * unit, 26 * unit);
    const auto place = [&](int s) {
      const double angle = 2 * std::numbers::pi * s / hints.count - std::numbers::pi / 2;
      return Point{field.center().x + circle * static_cast<float>(std::cos(angle)),
                   field.center().y + circle * static_cast<float>(std::sin(angle))};
    };
    // larger the more often it was visited, up to half as large again
    const auto radius_of = [&](int s) {
      const int times = visits[static_cast<size_t>(s)];
      return node * (1.5f - 0.5f / (1 + 0.4f * static_cast<float>(times)));
    };
    for (const auto& [way, count] : ways) {
      const Point from = place(way.first), to = place(way.second);
      const float thickness = unit * (1.5f + std::min(4.f, static_cast<float>(count)));
      if (way.first == way.second) {
        // a loop at the outer side
        const Point out = {from.x + 1.25f * (from.x - field.center().x) * node / circle,
                           from.y + 1.25f * (from.y - field.center().y) * node / circle};
        canvas.Ring(out, 0.6f * node, theme::kTrail.Faded(0.7f), thickness);
        continue;
      }
      const float length = std::hypot(to.x - from.x, to.y - from.y);
      const float part = (length - radius_of(way.second) - 2 * unit) / length;
      Arrow(canvas, from, {from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)},
            theme::kTrail.Faded(0.7f), thickness);
    }
    for (int s = 0; s < hints.count; ++s) {
      const double value = values_[static_cast<size_t>(s)];
      const double part = *highest > *lowest ? (value - *lowest) / (*highest - *lowest) : 0.5;
      const Point center = place(s);
      const float radius = radius_of(s);
      canvas.Disc(center, radius, Mix(kLittle, kMuch, part));
      const Color ink = part > 0.5 ? theme::kBackground : theme::kText;
      const std::string number = fmt::format("{}", s);
      const Point size = canvas.Measure(number);
      canvas.Text({center.x - size.x / 2, center.y - size.y / 2}, ink, number);
      if (s == state) canvas.Ring(center, radius + 3 * unit, theme::kMeasured, 3 * unit);
      if (const int times = visits[static_cast<size_t>(s)]; times > 0) {
        // how often, outside of the circle
        const std::string text = fmt::format("{}x", times);
        const Point measured = canvas.Measure(text, TextSize::kSmall);
        const float away = (circle + 1.5f * node + line) / circle;
        const Point at = {field.center().x + away * (center.x - field.center().x),
                          field.center().y + away * (center.y - field.center().y)};
        canvas.Text({at.x - measured.x / 2, at.y - measured.y / 2}, theme::kText, text,
                    TextSize::kSmall);
      }
    }

    // what the colours stand for
    const float margin = 8 * unit;
    Point at = {rect.x + margin, rect.bottom() - margin - line};
    const auto entry = [&](const Color& color, const std::string& text) {
      canvas.Disc({at.x + 0.3f * line, at.y + 0.55f * line}, 0.3f * line, color);
      canvas.Text({at.x + line, at.y}, theme::kText, text, TextSize::kSmall);
      at.x += 1.6f * line + canvas.Measure(text, TextSize::kSmall).x;
    };
    entry(kLittle, fmt::format("optimal value {:.1f}", *lowest));
    entry(kMuch, fmt::format("{:.1f}", *highest));
    if (step > 0) {
      canvas.Text({rect.x + margin, rect.y + margin}, theme::kText,
                  fmt::format("choice {}, reward {:.2f}", performance_.action(step)[0],
                              performance_.rewards()[static_cast<size_t>(step)]),
                  TextSize::kSmall);
    }
  }

 private:
  int StateAt(int step) const {
    return std::clamp(static_cast<int>(std::lround(performance_.state(step)[0])), 0,
                      spec().drawing.states->count - 1);
  }

  std::vector<double> valued_task_, values_;
};

}  // namespace

std::vector<double> StateValues(const DrawingHints::States& states, std::span<const double> task,
                                int horizon) {
  const auto count = static_cast<size_t>(states.count),
             actions = static_cast<size_t>(states.actions);
  std::vector<double> values(count), next(count);
  for (int step = 0; step < horizon; ++step) {
    std::swap(values, next);
    for (size_t s = 0; s < count; ++s) {
      double best = -std::numeric_limits<double>::infinity();
      for (size_t a = 0; a < actions; ++a) {
        const size_t pair = s * actions + a;
        const std::span<const double> weights =
            task.subspan(states.transitions + pair * count, count);
        double sum = 0, expected = 0;
        for (size_t other = 0; other < count; ++other) {
          sum += weights[other];
          expected += weights[other] * next[other];
        }
        best = std::max(best, task[states.rewards + pair] + expected / sum);
      }
      values[s] = best;
    }
  }
  return values;
}

std::unique_ptr<Pane> MakeStatesPane(const TaskFamily& family, std::unique_ptr<Performer> performer,
                                     const Task& task) {
  return std::make_unique<StatesPane>(family, std::move(performer), task);
}

}  // namespace fewstep

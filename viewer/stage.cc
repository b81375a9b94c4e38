#include "viewer/stage.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/clock.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// Columns and rows in which `count` pictures, `shape` times as wide as high, are largest.
std::pair<int, int> BestGrid(int count, const Rect& rect, float shape) {
  std::pair<int, int> best = {1, count};
  float best_height = 0;
  for (int columns = 1; columns <= count; ++columns) {
    const int rows = (count + columns - 1) / columns;
    const float width = rect.width / static_cast<float>(columns),
                height = rect.height / static_cast<float>(rows);
    const float usable = std::min(height, width / shape);
    if (usable > best_height * 1.001f) {
      best_height = usable;
      best = {columns, rows};
    }
  }
  return best;
}

}  // namespace

struct Stage::Layout {
  Rect header, panes, timeline, plots, panel;
};

Stage::Stage(Show& show, Screen& screen, const StageOptions& options)
    : show_(show), screen_(screen), options_(options) {
  if (screen.software()) {
    show.look().flags[mjRND_SHADOW] = 0;
    show.look().flags[mjRND_REFLECTION] = 0;
  }
}

std::optional<Rect> Stage::Where(const std::string& name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) return std::nullopt;
  return found->second;
}

void Stage::Say(std::string message) {
  constexpr double kSeconds = 4;
  message_ = std::move(message);
  message_until_ = SteadySeconds() + kSeconds;
}

Stage::Layout Stage::MakeLayout() const {
  const float unit = screen_.canvas().scale(), gap = 6 * unit;
  const auto width = static_cast<float>(width_), height = static_cast<float>(height_);
  Layout layout;
  float right = width;
  if (options_.panel && width > 620 * unit) {
    const float panel = std::min(290 * unit, 0.4f * width);
    layout.panel = {width - panel, 0, panel, height};
    right -= panel;
  }
  float top = 0, bottom = height;
  if (height > 240 * unit) {
    layout.header = {0, 0, right, 30 * unit};
    top = layout.header.height;
  }
  if (options_.plots && HasPlots() && height > 380 * unit) {
    const float plots = std::clamp(0.25f * height, 110 * unit, 230 * unit);
    layout.plots = {gap, bottom - plots, right - 2 * gap, plots - gap};
    bottom -= plots;
  }
  if (options_.controls && !show_.stands_still() && height > 160 * unit) {
    layout.timeline = {gap, bottom - 26 * unit, right - 2 * gap, 26 * unit};
    bottom -= layout.timeline.height;
  }
  layout.panes = {gap, top, std::max(1.f, right - 2 * gap), std::max(1.f, bottom - top - gap)};
  return layout;
}

// A picture that stands still, of what has one unit, leaves them their place.
bool Stage::HasPlots() const {
  if (show_.units() > 0) return true;
  return std::ranges::any_of(show_.rows(), [](const auto& row) {
    return row.empty() ||
           std::ranges::any_of(row, [](const auto& pane) { return !pane->Curves().empty(); });
  });
}

void Stage::Draw(int width, int height, const Input& input, FrameTarget target) {
  width_ = width;
  height_ = height;
  before_ = input_;
  input_ = input;
  places_.clear();
  drawn_.clear();
  screen_.Begin(width, height, input, target);
  show_.look().BeginFrame();
  if (!wanted_is_new_) wanted_ = show_.present_task();
  const Layout layout = MakeLayout();
  if (layout.header.width > 0) DrawHeader(layout.header);
  DrawPanes(layout.panes);
  if (layout.timeline.width > 0) DrawTimeline(layout.timeline);
  if (layout.plots.width > 0) DrawPlots(layout.plots);
  if (layout.panel.width > 0) DrawPanel(layout.panel);
  if (help_) DrawHelp();
  if (!quiet_) DrawMessage();
  if (options_.controls && !quiet_) UseMouse(input);
  screen_.End();
  // what panels ask for may replace panes, which until here were drawn
  for (const auto& action : std::exchange(later_, {})) action();
}

void Stage::DrawPicture(int width, int height) {
  Input still = input_;
  still.wheel = 0;
  still.text.clear();
  still.edited.clear();
  quiet_ = true;
  Draw(width, height, still, FrameTarget::kMemory);
  quiet_ = false;
}

void Stage::DrawHeader(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale(), margin = 12 * unit;
  std::string left = show_.subject(0).name();
  for (size_t i = 1; i < show_.num_subjects(); ++i) left += " and " + show_.subject(i).name();
  // what is going on, at the right
  std::string right;
  Color color = theme::kFaint;
  if (const std::string error = show_.error(); !error.empty()) {
    right = error;
    color = theme::kBad;
  } else if (show_.adapting()) {
    // the one that is behind
    size_t slowest = 0;
    for (size_t i = 1; i < show_.num_subjects(); ++i) {
      if (show_.progress(i).units.size() < show_.progress(slowest).units.size()) slowest = i;
    }
    const size_t units = show_.progress(slowest).units.size();
    right = "adapting ...";
    if (show_.units() > 0) {
      right = fmt::format("adapting: {} of {}", units == 0 ? 0 : units - 1,
                          CountOf(show_.units(), show_.subject(slowest).unit()));
    }
    color = theme::kMeasured;
  } else if (show_.stands_still()) {
    right = options_.controls && !options_.panel ? "F1: keys" : "";
  } else if (!options_.controls) {
    right = TimeText(show_.step());
  } else {
    right = fmt::format("{:g}x{}{}", show_.speed(), show_.paused() ? ", paused" : "",
                        options_.panel ? "" : "    F1: keys");
  }
  const float y = rect.y + 0.5f * (rect.height - canvas.Measure("0", TextSize::kTitle).y);
  const std::string short_left =
      Shortened(canvas, left, 0.7f * rect.width - 2 * margin, TextSize::kTitle);
  canvas.Text({rect.x + margin, y}, theme::kText, short_left, TextSize::kTitle);
  const float used = canvas.Measure(short_left, TextSize::kTitle).x + 3 * margin;
  const std::string short_right = Shortened(canvas, right, rect.width - used - margin);
  const Point size = canvas.Measure(short_right);
  canvas.Text({rect.right() - margin - size.x, rect.y + 0.5f * (rect.height - size.y)}, color,
              short_right);
}

void Stage::DrawPanes(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float gap = 6 * canvas.scale();
  // a row a subject; one alone takes as many rows as serve
  std::vector<std::vector<Pane*>> rows;
  for (const auto& row : show_.rows()) {
    rows.emplace_back();
    for (const auto& pane : row) rows.back().push_back(pane.get());
  }
  if (rows.size() == 1 && !rows[0].empty()) {
    const std::vector<Pane*> all = std::exchange(rows, {})[0];
    const int columns = BestGrid(static_cast<int>(all.size()), rect, all[0]->shape()).first;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i % static_cast<size_t>(columns) == 0) rows.emplace_back();
      rows.back().push_back(all[i]);
    }
  }

  size_t index = 0;
  size_t columns = 1;
  for (const auto& row : rows) columns = std::max(columns, row.size());
  const float height =
      (rect.height - gap * static_cast<float>(rows.size() - 1)) / static_cast<float>(rows.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    const float y = rect.y + static_cast<float>(r) * (height + gap);
    if (rows[r].empty()) {
      const Rect place = {rect.x, y, rect.width, height};
      canvas.Box(place, theme::kPane, 4 * canvas.scale());
      const std::string text = show_.error().empty() ? "adapting ..." : "adapting failed";
      const Point size = canvas.Measure(text);
      canvas.Text({place.center().x - size.x / 2, place.center().y - size.y / 2}, theme::kFaint,
                  text);
      continue;
    }
    const float width =
        (rect.width - gap * static_cast<float>(columns - 1)) / static_cast<float>(columns);
    for (size_t c = 0; c < rows[r].size(); ++c) {
      const Rect place = {rect.x + static_cast<float>(c) * (width + gap), y, width, height};
      Note(fmt::format("pane {}", index), place);
      DrawPane(*rows[r][c], place, PaneColor(index));
      ++index;
    }
  }
}

void Stage::DrawPane(Pane& pane, const Rect& rect, const Color& color) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale(), margin = 8 * unit;
  const float line = canvas.Measure("0").y, small = canvas.Measure("0", TextSize::kSmall).y;
  const int step = show_.StepOf(pane);
  // title and caption in one line where they fit, the task below; else a line each
  const std::string caption = pane.Caption(step);
  const float room = rect.width - 3 * margin;
  const float caption_width = canvas.Measure(caption).x;
  const std::string title = pane.Title(step);
  const bool both = canvas.Measure(title).x + caption_width + 2 * margin < room;
  const float lines = both ? line + small : line + 2 * small;
  const Rect head = {rect.x, rect.y, rect.width, lines + 10 * unit};
  const Rect picture = {rect.x, head.bottom(), rect.width, rect.height - head.height};
  if (picture.height < 8 || picture.width < 8) return;
  canvas.Box(rect, theme::kPane, 0);
  canvas.BeginClip(picture);
  pane.Draw(canvas, picture, step, show_.look());
  canvas.EndClip();
  drawn_.emplace_back(&pane, picture);

  canvas.Box({head.x, head.y, 4 * unit, head.height}, color);
  Point at = {head.x + 1.5f * margin, head.y + 3 * unit};
  canvas.Text(at, theme::kText, Shortened(canvas, title, room));
  if (both) canvas.Text({rect.right() - margin - caption_width, at.y}, theme::kText, caption);
  at.y += line + 2 * unit;
  if (!both) {
    canvas.Text(at, theme::kText, Shortened(canvas, caption, room, TextSize::kSmall),
                TextSize::kSmall);
    at.y += small;
  }
  std::string below = pane.TaskText(step);
  if (!pane.label.empty()) below = fmt::format("{}:  {}", pane.label, below);
  canvas.Text(at, theme::kFaint, Shortened(canvas, below, room, TextSize::kSmall),
              TextSize::kSmall);
}

// "2.50 s, step 50", or without a clock the step alone.
std::string Stage::TimeText(int step) const {
  const bool clock = !show_.rows()[0].empty() && show_.rows()[0][0]->has_clock();
  return clock ? fmt::format("{:.2f} s, step {}", step * show_.step_seconds(), step)
               : fmt::format("step {}", step);
}

void Stage::DrawTimeline(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale();
  const int longest = std::max(1, show_.longest());
  const float width = canvas.Measure(TimeText(longest), TextSize::kSmall).x;
  canvas.Text({rect.right() - width - 4 * unit,
               rect.center().y - 0.5f * canvas.Measure("0", TextSize::kSmall).y},
              theme::kFaint, TimeText(show_.step()), TextSize::kSmall);
  const Rect bar = {rect.x + 4 * unit, rect.center().y - 3 * unit, rect.width - width - 20 * unit,
                    6 * unit};
  if (bar.width <= 0) return;
  Note("timeline", {bar.x, rect.y, bar.width, rect.height});
  // what was played, and where the present is in it
  const auto part = [&](int step) {
    return bar.width * static_cast<float>(step) / static_cast<float>(longest);
  };
  canvas.Box(bar, theme::kGrid, 3 * unit);
  canvas.Box({bar.x, bar.y, part(show_.length()), bar.height}, PaneColor(1).Faded(0.45f), 3 * unit);
  canvas.Box({bar.x, bar.y, part(show_.step()), bar.height}, PaneColor(1), 3 * unit);
  canvas.Disc({bar.x + part(show_.step()), bar.center().y}, 6 * unit, theme::kText);
}

void Stage::DrawMessage() {
  if (message_.empty() || SteadySeconds() > message_until_) return;
  Canvas& canvas = screen_.canvas();
  const Rect panes = MakeLayout().panes;
  const float unit = canvas.scale();
  const std::string text = Shortened(canvas, message_, panes.width - 40 * unit);
  const Point size = canvas.Measure(text);
  const Rect box = {panes.center().x - 0.5f * size.x - 14 * unit,
                    panes.bottom() - size.y - 40 * unit, size.x + 28 * unit, size.y + 16 * unit};
  canvas.Box(box, theme::kShade, 5 * unit);
  canvas.Text({box.x + 14 * unit, box.y + 8 * unit}, theme::kText, text);
}

void Stage::UseMouse(const Input& input) {
  const Point moved = {input.mouse.x - before_.mouse.x, input.mouse.y - before_.mouse.y};
  const bool any = input.left || input.right, any_before = before_.left || before_.right;

  // let go
  if (grabbed_ && (!input.left || std::ranges::none_of(drawn_, [&](const auto& drawn) {
        return drawn.first == grabbed_;
      }))) {
    if (std::ranges::any_of(drawn_, [&](const auto& d) { return d.first == grabbed_; })) {
      grabbed_->LetGo();
    }
    grabbed_ = nullptr;
  }
  if (!any) turning_ = scrubbing_ = false;
  if (screen_.panel_has_mouse() && !scrubbing_) return;

  // a press on the timeline scrubs until it is let go, wherever the mouse goes
  const auto timeline = Where("timeline");
  if (timeline && input.left && !before_.left && timeline->Contains(input.mouse)) scrubbing_ = true;
  if (timeline && scrubbing_) {
    const float part = std::clamp((input.mouse.x - timeline->x) / timeline->width, 0.f, 1.f);
    show_.GoTo(static_cast<int>(std::lround(part * static_cast<float>(show_.longest()))));
    return;
  }

  // a press in a pane takes hold of the robot or of the camera
  const auto under = std::ranges::find_if(
      drawn_, [&](const auto& drawn) { return drawn.second.Contains(input.mouse); });
  if (any && !any_before && under != drawn_.end()) {
    if (input.control && input.left) {
      show_.GoTo(show_.length());
      if (under->first->Grab(input.mouse)) {
        grabbed_ = under->first;
        if (show_.paused()) show_.TogglePause();
      }
    } else {
      turning_ = true;
    }
    return;
  }
  if (grabbed_) {
    grabbed_->Drag(moved);
  } else if (turning_ && any_before && height_ > 0) {
    const double dx = moved.x / static_cast<double>(height_),
                 dy = moved.y / static_cast<double>(height_);
    if (input.right) {
      show_.look().Shift(dx, dy);
    } else {
      show_.look().Turn(dx, dy);
    }
  }
  if (input.wheel != 0 && under != drawn_.end()) show_.look().Zoom(0.05 * input.wheel);
}

Request Stage::Press(const KeyPress& press) {
  if (screen_.panel_has_keys()) return Request::kNone;
  Look& look = show_.look();
  switch (press.key) {
    case Key::kSpace:
      show_.TogglePause();
      break;
    case Key::kLeft:
      show_.StepBy(-1);
      break;
    case Key::kRight:
      show_.StepBy(1);
      break;
    case Key::kPageUp:
      show_.StepBy(-10);
      break;
    case Key::kPageDown:
      show_.StepBy(10);
      break;
    case Key::kHome:
      show_.GoTo(0);
      break;
    case Key::kEnd:
      show_.GoTo(show_.length());
      break;
    case Key::kBackspace:
      show_.Restart();
      break;
    case Key::kEnter:
      wanted_is_new_ = false;
      show_.NextTask();
      break;
    case Key::kTab:
      options_.panel = !options_.panel;
      break;
    case Key::kEscape:
      if (look.camera.type == mjCAMERA_TRACKING) {
        look.Stay();
      } else {
        look.Follow();
      }
      break;
    case Key::kF1:
      help_ = !help_;
      break;
    case Key::kF2:
      options_.plots = !options_.plots;
      break;
    case Key::kF5:
      return Request::kFullScreen;
    case Key::kF6:
      look.option.frame = (look.option.frame + 1) % mjNFRAME;
      break;
    case Key::kF7:
      look.option.label = (look.option.label + 1) % mjNLABEL;
      break;
    case Key::kF12:
      return Request::kScreenshot;
    case Key::kLetter:
      if (press.control && (press.letter == 'q' || press.letter == 'Q')) return Request::kClose;
      if (press.control && (press.letter == 's' || press.letter == 'S'))
        return Request::kScreenshot;
      if (press.control) break;
      if (press.letter == '=' || press.letter == '+') {
        show_.ScaleSpeed(2);
      } else if (press.letter == '-') {
        show_.ScaleSpeed(0.5);
      } else if (press.letter == '[' || press.letter == ']') {
        look.NextCamera(press.letter == ']' ? 1 : -1);
      } else {
        look.ToggleByKey(press.letter);
      }
  }
  return Request::kNone;
}

}  // namespace fewstep

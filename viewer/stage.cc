#include "viewer/stage.h"

#include <algorithm>
#include <cmath>
#include <imgui.h>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/clock.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// More numbers than this are no sliders: a decision process has hundreds.
constexpr size_t kMaxSliders = 12;

constexpr std::pair<const char*, const char*> kKeys[] = {
    {"Space", "pause, go on"},
    {"Left  Right", "a step back, a step on"},
    {"Page Up  Down", "ten steps back, on"},
    {"Home  End", "start of the episode, now"},
    {"Backspace", "new episode"},
    {"Enter", "next held-out task"},
    {"-  =", "slower, faster"},
    {"Ctrl + drag", "push the robot"},
    {"Drag left, right", "turn, move the camera"},
    {"Wheel", "zoom"},
    {"Esc", "camera follows, or stays"},
    {"[  ]", "cameras of the model"},
    {"Tab", "panel"},
    {"F2", "plots"},
    {"F5", "full screen"},
    {"F6  F7", "frames, labels"},
    {"F12, Ctrl + S", "save the picture (PNG)"},
    {"Ctrl + Q", "close"}};

// Columns and rows in which `count` panes are largest.
std::pair<int, int> BestGrid(int count, const Rect& rect) {
  constexpr float kShape = 1.5f;  // width of a good picture, in parts of its height
  std::pair<int, int> best = {1, count};
  float best_height = 0;
  for (int columns = 1; columns <= count; ++columns) {
    const int rows = (count + columns - 1) / columns;
    const float width = rect.width / static_cast<float>(columns),
                height = rect.height / static_cast<float>(rows);
    const float usable = std::min(height, width / kShape);
    if (usable > best_height * 1.001f) {
      best_height = usable;
      best = {columns, rows};
    }
  }
  return best;
}

ImVec4 Vec(const Color& color) { return {color.red, color.green, color.blue, color.alpha}; }

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
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
  if (options_.plots && height > 380 * unit) {
    const float plots = std::clamp(0.25f * height, 110 * unit, 230 * unit);
    layout.plots = {gap, bottom - plots, right - 2 * gap, plots - gap};
    bottom -= plots;
  }
  if (options_.controls && height > 160 * unit) {
    layout.timeline = {gap, bottom - 26 * unit, right - 2 * gap, 26 * unit};
    bottom -= layout.timeline.height;
  }
  layout.panes = {gap, top, std::max(1.f, right - 2 * gap), std::max(1.f, bottom - top - gap)};
  return layout;
}

void Stage::Draw(int width, int height, const Input& input, FrameTarget target) {
  width_ = width;
  height_ = height;
  before_ = input_;
  input_ = input;
  places_.clear();
  drawn_.clear();
  screen_.Begin(width, height, input, target);
  if (!wanted_is_new_) wanted_ = show_.present_task();
  const Layout layout = MakeLayout();
  if (layout.header.width > 0) DrawHeader(layout.header);
  DrawPanes(layout.panes);
  if (layout.timeline.width > 0) DrawTimeline(layout.timeline);
  if (layout.plots.width > 0) DrawPlots(layout.plots);
  if (layout.panel.width > 0) DrawPanel(layout.panel);
  if (help_) DrawHelp();
  DrawMessage();
  if (options_.controls) UseMouse(input);
  screen_.End();
  // what panels ask for may replace panes, which until here were drawn
  for (const auto& action : std::exchange(later_, {})) action();
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
    const AdaptationProgress& progress = show_.progress(0);
    right = fmt::format("adapting: {} of {} {}s",
                        progress.units.empty() ? 0 : progress.units.size() - 1, show_.units(),
                        show_.subject(0).unit());
    color = theme::kMeasured;
  } else if (!options_.controls) {
    right = fmt::format("{:.2f} s", show_.step() * show_.step_seconds());
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
    const int columns = BestGrid(static_cast<int>(all.size()), rect).first;
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
  const Rect head = {rect.x, rect.y, rect.width, line + small + 10 * unit};
  const Rect picture = {rect.x, head.bottom(), rect.width, rect.height - head.height};
  if (picture.height < 8 || picture.width < 8) return;
  canvas.Box(rect, theme::kPane, 0);
  canvas.BeginClip(picture);
  pane.Draw(canvas, picture, step, show_.look());
  canvas.EndClip();
  drawn_.emplace_back(&pane, picture);

  // title and caption, the task below them
  canvas.Box({head.x, head.y, 4 * unit, head.height}, color);
  const std::string caption = pane.Caption(step);
  const float room = rect.width - 3 * margin;
  const float caption_width = canvas.Measure(caption).x;
  const bool both = caption_width + 90 * unit < room;
  const std::string title =
      Shortened(canvas, pane.title, both ? room - caption_width - margin : room);
  canvas.Text({head.x + 1.5f * margin, head.y + 3 * unit}, theme::kText, title);
  if (both) {
    canvas.Text({rect.right() - margin - caption_width, head.y + 3 * unit}, theme::kText, caption);
  }
  std::string below = both ? pane.TaskText(step) : caption;
  if (!pane.label.empty()) below = fmt::format("{}:  {}", pane.label, below);
  canvas.Text({head.x + 1.5f * margin, head.y + 5 * unit + line}, theme::kFaint,
              Shortened(canvas, below, room, TextSize::kSmall), TextSize::kSmall);
}

void Stage::DrawTimeline(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale();
  const int length = show_.length(), step = show_.step();
  const std::string text =
      fmt::format("{:.2f} s  step {} of {}", step * show_.step_seconds(), step, length);
  const std::string widest =
      fmt::format("{:.2f} s  step {} of {}", length * show_.step_seconds(), length, length);
  const float width = canvas.Measure(widest, TextSize::kSmall).x;
  canvas.Text({rect.right() - width - 4 * unit,
               rect.center().y - 0.5f * canvas.Measure("0", TextSize::kSmall).y},
              theme::kFaint, text, TextSize::kSmall);
  const Rect bar = {rect.x + 4 * unit, rect.center().y - 3 * unit, rect.width - width - 16 * unit,
                    6 * unit};
  if (bar.width <= 0) return;
  Note("timeline", {bar.x, rect.y, bar.width, rect.height});
  const float part = length > 0 ? static_cast<float>(step) / static_cast<float>(length) : 0;
  canvas.Box(bar, theme::kGrid, 3 * unit);
  canvas.Box({bar.x, bar.y, bar.width * part, bar.height}, PaneColor(1), 3 * unit);
  canvas.Disc({bar.x + bar.width * part, bar.center().y}, 6 * unit, theme::kText);
}

std::vector<std::function<void(const Rect&)>> Stage::MakePlots() {
  std::vector<std::function<void(const Rect&)>> plots;
  Canvas& canvas = screen_.canvas();

  // scores of what was adapted on, unit by unit
  plots.emplace_back([this, &canvas](const Rect& rect) {
    Plot plot{.title = fmt::format("{} while adapting", show_.subject(0).score()),
              .x_label = fmt::format("{}s", show_.subject(0).unit()),
              .x_max = static_cast<double>(std::max(1, show_.units())),
              .whole_x = true};
    std::vector<std::vector<double>> means(show_.num_subjects());
    for (size_t i = 0; i < show_.num_subjects(); ++i) {
      const Color color = PaneColor(i == 0 ? 1 : i + 3);
      const auto& scores = show_.progress(i).scores;
      for (size_t unit = 0; unit < scores.size(); ++unit) {
        means[i].push_back(MeanOf(scores[unit]));
        for (const double score : scores[unit]) {
          plot.dots.push_back({static_cast<double>(unit), score, color.Faded(0.35f)});
        }
      }
      plot.lines.push_back({.values = means[i], .color = color, .dots = true});
    }
    DrawPlot(canvas, rect, plot);
  });

  // what is believed, dimension by dimension
  const auto& units = show_.progress(0).units;
  if (!units.empty() && !units.back()->beliefs.empty()) {
    plots.emplace_back([this, &canvas](const Rect& rect) {
      const auto& adapted = show_.progress(0).units;
      Plot plot{.title = "belief, mean and spread",
                .x_label = fmt::format("{}s", show_.subject(0).unit()),
                .x_max = static_cast<double>(std::max(1, show_.units())),
                .whole_x = true};
      constexpr size_t kMost = 6;
      const size_t count = std::min(kMost, adapted.back()->beliefs.size());
      std::vector<std::vector<double>> means(count), spreads(count), truths(count);
      for (size_t k = 0; k < count; ++k) {
        for (const auto& unit : adapted) {
          if (k >= unit->beliefs.size()) continue;
          means[k].push_back(unit->beliefs[k].mean);
          spreads[k].push_back(unit->beliefs[k].spread);
        }
        plot.lines.push_back(
            {.values = means[k], .color = PaneColor(k + 1), .dots = true, .spread = spreads[k]});
        const auto& controls = show_.controls();
        const auto named =
            std::ranges::find(controls, adapted.back()->beliefs[k].name, &Control::name);
        if (named == controls.end()) continue;
        const double truth = show_.progress(0).task[static_cast<size_t>(named - controls.begin())];
        truths[k].assign(static_cast<size_t>(show_.units()) + 1, truth);
        plot.lines.push_back(
            {.values = truths[k], .color = PaneColor(k + 1).Faded(0.7f), .dashed = true});
      }
      DrawPlot(canvas, rect, plot);
    });
  }

  // the panes' curves, those of one name in one plot
  std::vector<std::string> names;
  for (const auto& [pane, rect] : drawn_) {
    for (const Curve& curve : pane->Curves()) {
      if (std::ranges::find(names, curve.name) == names.end()) names.push_back(curve.name);
    }
  }
  for (const std::string& name : names) {
    plots.emplace_back([this, &canvas, name](const Rect& rect) {
      Plot plot{.title = Spaced(name), .x_label = "s"};
      const double dt = show_.step_seconds();
      (void)dt;
      std::vector<PlotLine> targets;
      for (size_t i = 0; i < drawn_.size(); ++i) {
        for (const Curve& curve : drawn_[i].first->Curves()) {
          if (curve.name != name) continue;
          const auto until = static_cast<size_t>(show_.StepOf(*drawn_[i].first)) + 1;
          plot.lines.push_back({.values = curve.values.first(std::min(until, curve.values.size())),
                                .color = PaneColor(i)});
          if (!curve.target.empty() && targets.empty()) {
            targets.push_back({.values = curve.target.first(std::min(until, curve.target.size())),
                               .color = theme::kTarget,
                               .dashed = true});
          }
        }
      }
      plot.lines.insert(plot.lines.begin(), targets.begin(), targets.end());
      plot.x_label = "steps";
      plot.x_max = std::max(1, show_.length());
      DrawPlot(canvas, rect, plot);
    });
  }
  return plots;
}

void Stage::DrawPlots(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale(), gap = 6 * unit;
  const auto plots = MakePlots();
  const auto fit = static_cast<size_t>(std::max(1.f, rect.width / (190 * unit)));
  const size_t count = std::min(plots.size(), std::min<size_t>(fit, 5));
  const float width =
      (rect.width - gap * static_cast<float>(count - 1)) / static_cast<float>(count);
  for (size_t i = 0; i < count; ++i) {
    const Rect place = {rect.x + static_cast<float>(i) * (width + gap), rect.y, width, rect.height};
    Note(fmt::format("plot {}", i), place);
    canvas.Box(place, theme::kPane, 0);
    plots[i](place.Inner(5 * unit));
  }
}

void Stage::DrawPanel(const Rect& rect) {
  ImGui::SetNextWindowPos({rect.x, rect.y});
  ImGui::SetNextWindowSize({rect.width, rect.height});
  constexpr ImGuiWindowFlags kFlags = ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                      ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoCollapse |
                                      ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoSavedSettings;
  ImGui::Begin("panel", nullptr, kFlags);
  TaskControls();
  AdaptationControls();
  TimeControls();
  LookControls();
  ImGui::Spacing();
  ImGui::TextDisabled("F1 lists the keys");
  ImGui::End();
}

namespace {

void Heading(const char* text) {
  ImGui::Spacing();
  ImGui::PushStyleColor(ImGuiCol_Text, Vec(theme::kFaint));
  ImGui::TextUnformatted(text);
  ImGui::PopStyleColor();
  ImGui::Separator();
}

Rect LastItem() {
  const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
  return {low.x, low.y, high.x - low.x, high.y - low.y};
}

}  // namespace

void Stage::TaskControls() {
  Heading("TASK");
  const std::vector<Control>& controls = show_.controls();
  if (wanted_.size() != controls.size()) {
    ImGui::TextDisabled("none yet");
    return;
  }
  const size_t shown = controls.size() <= kMaxSliders ? controls.size() : 0;
  for (size_t i = 0; i < shown; ++i) TaskSlider(i);
  if (shown < controls.size()) {
    ImGui::TextWrapped("%s", fmt::format("{} numbers, from {} to {}", controls.size(),
                                         controls.front().name, controls.back().name)
                                 .c_str());
  }
  if (ImGui::Button("Random held-out task", {-1, 0})) {
    wanted_is_new_ = false;
    Later([this] { show_.NextTask(); });
  }
  Note("random task", LastItem());
  if (show_.task_changes()) {
    // sliders change the task that is played; adapting anew is asked for
    if (ImGui::Button("Adapt to this task", {-1, 0})) {
      Later([this] { show_.SetTask(show_.present_task()); });
    }
    Note("adapt", LastItem());
  }
}

// One number: a track over all that a task may hold, brighter where was trained.
void Stage::TaskSlider(size_t i) {
  const Control& control = show_.controls()[i];
  const bool live = show_.task_changes();
  double& value = wanted_[i];
  ImGui::PushID(static_cast<int>(i));
  ImGui::TextUnformatted(control.name.c_str());
  const bool out = !show_.Trained(i, value);
  ImGui::SameLine();
  if (out) {
    ImGui::PushStyleColor(ImGuiCol_Text, Vec(theme::kMeasured));
    ImGui::TextUnformatted("out of distribution");
    ImGui::PopStyleColor();
  } else if (!control.unit.empty()) {
    ImGui::TextDisabled("%s", control.unit.c_str());
  } else {
    ImGui::NewLine();
  }
  const auto set = [&] {
    wanted_is_new_ = true;
    Later([this, live, task = wanted_] {
      if (live) {
        show_.ChangeTask(task);
      } else {
        show_.SetTask(task);
      }
      wanted_is_new_ = false;
    });
  };

  // a few values are buttons
  if (!control.choices.empty()) {
    for (size_t c = 0; c < control.choices.size(); ++c) {
      if (c > 0 && c % 4 != 0) ImGui::SameLine();
      const std::string text = fmt::format("{:g}##{}", control.choices[c], c);
      if (ImGui::RadioButton(text.c_str(), value == control.choices[c])) {
        value = control.choices[c];
        set();
      }
      Note(fmt::format("{}={:g}", control.name, control.choices[c]), LastItem());
    }
    ImGui::PopID();
    return;
  }

  const float unit = screen_.canvas().scale();
  const float number = 84 * unit, height = ImGui::GetFrameHeight();
  const float width = ImGui::GetContentRegionAvail().x - number - 8 * unit;
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton("track", {width, height});
  const Rect rect = LastItem();
  Note(control.name, rect);
  const float radius = 7 * unit;
  const float from = rect.x + radius, length = rect.width - 2 * radius;
  const double low = control.valid.low, span = control.valid.high - control.valid.low;
  const auto place = [&](double v) {
    return from +
           static_cast<float>(span > 0 ? std::clamp((v - low) / span, 0.0, 1.0) : 0.5) * length;
  };
  if (ImGui::IsItemActive() && span > 0) {
    const double part = std::clamp((ImGui::GetIO().MousePos.x - from) / length, 0.f, 1.f);
    // a round number within what a pixel stands for
    const double step = RoundStep(span / length * 2, 1);
    value = std::clamp(std::round((low + part * span) / step) * step, low, control.valid.high);
    if (live) {
      set();
    } else {
      wanted_is_new_ = true;
    }
  }
  if (ImGui::IsItemDeactivated() && wanted_is_new_ && !live) set();

  ImDrawList& list = *ImGui::GetWindowDrawList();
  const float y = rect.center().y;
  const auto packed = [](const Color& color) { return ImGui::ColorConvertFloat4ToU32(Vec(color)); };
  list.AddRectFilled({place(low), y - 2 * unit}, {place(control.valid.high), y + 2 * unit},
                     packed(theme::kGrid), 2 * unit);
  list.AddRectFilled({place(control.trained.low), y - 3 * unit},
                     {place(control.trained.high), y + 3 * unit}, packed(PaneColor(1).Faded(0.75f)),
                     2 * unit);
  list.AddCircleFilled(
      {place(value), y}, radius,
      packed(ImGui::IsItemActive() || ImGui::IsItemHovered() ? Color{1, 1, 1} : theme::kText));
  if (ImGui::IsItemHovered() && !ImGui::IsItemActive()) {
    ImGui::SetTooltip("trained on %g to %g; a task may hold %g to %g", control.trained.low,
                      control.trained.high, low, control.valid.high);
  }
  ImGui::SetCursorScreenPos({corner.x + width + 8 * unit, corner.y});
  ImGui::SetNextItemWidth(number);
  double typed = value;
  ImGui::InputDouble("##number", &typed, 0, 0, "%.4g");
  Note(control.name + " number", LastItem());
  if (ImGui::IsItemDeactivatedAfterEdit() && std::isfinite(typed)) {
    value = std::clamp(typed, low, control.valid.high);
    set();
  }
  ImGui::PopID();
}

void Stage::AdaptationControls() {
  Heading("ADAPTING");
  const AdaptationProgress& progress = show_.progress(0);
  const size_t units = progress.units.empty() ? 0 : progress.units.size() - 1;
  const std::string unit = show_.subject(0).unit();
  if (const std::string error = show_.error(); !error.empty()) {
    ImGui::PushStyleColor(ImGuiCol_Text, Vec(theme::kBad));
    ImGui::TextWrapped("%s", error.c_str());
    ImGui::PopStyleColor();
  } else {
    const float part = show_.units() > 0
                           ? static_cast<float>(units) / static_cast<float>(show_.units())
                           : (progress.units.empty() ? 0.f : 1.f);
    const std::string text = show_.adapting()
                                 ? fmt::format("{} of {} {}s", units, show_.units(), unit)
                                 : fmt::format("{} {}{} in {:.1f} s", units, unit,
                                               units == 1 ? "" : "s", progress.seconds);
    ImGui::ProgressBar(part, {-1, 0}, text.c_str());
  }
  if (show_.units() == 0) return;
  ImGui::TextDisabled("panes after so many:");
  constexpr int kMostBoxes = 12;
  for (int i = 0; i <= std::min(show_.units(), kMostBoxes); ++i) {
    if (i % 5 != 0) ImGui::SameLine();
    bool on = std::ranges::find(show_.shown(), i) != show_.shown().end();
    if (ImGui::Checkbox(fmt::format("{}##unit", i).c_str(), &on)) {
      Later([this, i] { show_.ToggleShown(i); });
    }
    Note(fmt::format("unit {}", i), LastItem());
  }
}

void Stage::TimeControls() {
  Heading("TIME");
  const float gap = ImGui::GetStyle().ItemSpacing.x;
  const float third = (ImGui::GetContentRegionAvail().x - 2 * gap) / 3;
  if (ImGui::Button(show_.paused() ? "Play##pause" : "Pause##pause", {third, 0}))
    show_.TogglePause();
  Note("pause", LastItem());
  ImGui::SameLine();
  if (ImGui::Button("New episode", {0, 0})) Later([this] { show_.Restart(); });
  Note("new episode", LastItem());
  if (ImGui::Button("Slower", {third, 0})) show_.ScaleSpeed(0.5);
  Note("slower", LastItem());
  ImGui::SameLine();
  if (ImGui::Button("Faster", {third, 0})) show_.ScaleSpeed(2);
  Note("faster", LastItem());
  ImGui::SameLine();
  ImGui::AlignTextToFramePadding();
  ImGui::Text("%gx", show_.speed());
}

void Stage::LookControls() {
  Heading("VIEW");
  Look& look = show_.look();
  if (!look.has_model()) {
    ImGui::Checkbox("trail", &look.trail);
    return;
  }
  ImGui::Text("camera %s", look.camera_name().c_str());
  ImGui::Checkbox("trail", &look.trail);
  ImGui::SameLine();
  ImGui::Checkbox("arrows", &look.arrows);
  ImGui::SameLine();
  ImGui::Checkbox("tint", &look.tint);
  const auto flag = [&](const char* name, mjtByte& of) {
    bool on = of != 0;
    if (ImGui::Checkbox(name, &on)) of = on ? 1 : 0;
  };
  flag("shadows", look.flags[mjRND_SHADOW]);
  ImGui::SameLine();
  flag("reflections", look.flags[mjRND_REFLECTION]);
}

void Stage::DrawHelp() {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale(), line = canvas.Measure("0").y + 3 * unit;
  std::vector<std::pair<std::string, std::string>> flags;
  const auto add = [&](const char* name, const char* shortcut) {
    if (shortcut[0] != 0) flags.emplace_back(shortcut, name);
  };
  for (const auto& vis : mjVISSTRING) add(vis[0], vis[2]);
  for (const auto& rnd : mjRNDSTRING) add(rnd[0], rnd[2]);
  flags.emplace_back("0 ... 5", "groups of geoms");

  // what it takes, and as much of that as there is
  const auto rows = static_cast<float>(std::max(std::size(kKeys), (flags.size() + 1) / 2));
  const float keys_width = 350 * unit, flags_width = 170 * unit;
  const Rect rect = {
      24 * unit, 40 * unit,
      std::min(static_cast<float>(width_) - 48 * unit, keys_width + 2 * flags_width + 40 * unit),
      std::min(static_cast<float>(height_) - 48 * unit, (rows + 3) * line)};
  Note("help", rect);
  ImDrawList& list = *ImGui::GetForegroundDrawList();
  const auto packed = [](const Color& color) { return ImGui::ColorConvertFloat4ToU32(Vec(color)); };
  list.AddRectFilled({rect.x, rect.y}, {rect.right(), rect.bottom()},
                     packed(theme::kShade.Faded(1.2f)), 6 * unit);
  list.PushClipRect({rect.x, rect.y}, {rect.right(), rect.bottom()});
  const auto write = [&](float x, float y, const Color& color, const std::string& text) {
    list.AddText({std::round(x), std::round(y)}, packed(color), text.c_str());
  };
  const float x = rect.x + 18 * unit;
  float y = rect.y + 14 * unit;
  write(x, y, theme::kFaint, "KEYS AND MOUSE");
  write(x + keys_width, y, theme::kFaint, "WHAT MUJOCO DRAWS");
  y += 1.4f * line;
  for (size_t i = 0; i < std::size(kKeys); ++i) {
    write(x, y + static_cast<float>(i) * line, theme::kMeasured, kKeys[i].first);
    write(x + 145 * unit, y + static_cast<float>(i) * line, theme::kText, kKeys[i].second);
  }
  const size_t half = (flags.size() + 1) / 2;
  for (size_t i = 0; i < flags.size(); ++i) {
    const float column = x + keys_width + (i < half ? 0 : flags_width);
    const float row = y + static_cast<float>(i % half) * line;
    write(column, row, theme::kMeasured, flags[i].first);
    write(column + (flags[i].first.size() > 1 ? 62 : 24) * unit, row, theme::kText,
          flags[i].second);
  }
  list.PopClipRect();
}

void Stage::DrawMessage() {
  if (message_.empty() || SteadySeconds() > message_until_) return;
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale();
  const std::string text = Shortened(canvas, message_, static_cast<float>(width_) - 60 * unit);
  const Point size = canvas.Measure(text);
  const Rect box = {0.5f * (static_cast<float>(width_) - size.x) - 14 * unit,
                    static_cast<float>(height_) - size.y - 60 * unit, size.x + 28 * unit,
                    size.y + 16 * unit};
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
  if (!any) turning_ = false;
  if (screen_.panel_has_mouse()) return;

  // the timeline scrubs
  const auto timeline = Where("timeline");
  if (timeline && input.left && (timeline->Contains(input.mouse)) && !grabbed_ && !turning_) {
    const float part = std::clamp((input.mouse.x - timeline->x) / timeline->width, 0.f, 1.f);
    show_.GoTo(static_cast<int>(std::lround(part * static_cast<float>(show_.length()))));
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

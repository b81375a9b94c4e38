// The panel at the right, and the help over everything.
#include <algorithm>
#include <cmath>
#include <imgui.h>

#include <fmt/format.h>

#include "viewer/plot.h"
#include "viewer/stage.h"
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

ImVec4 Vec(const Color& color) { return {color.red, color.green, color.blue, color.alpha}; }
ImU32 Packed(const Color& color) { return ImGui::ColorConvertFloat4ToU32(Vec(color)); }

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

void Stage::DrawPanel(const Rect& rect) {
  ImGui::SetNextWindowPos({rect.x, rect.y});
  ImGui::SetNextWindowSize({rect.width, rect.height});
  constexpr ImGuiWindowFlags kFlags = ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                      ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoCollapse |
                                      ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoSavedSettings;
  ImGui::Begin("panel", nullptr, kFlags);
  TaskControls();
  AdaptationControls();
  if (!show_.stands_still()) TimeControls();
  LookControls();
  ImGui::Spacing();
  ImGui::TextDisabled("F1 lists the keys");
  ImGui::End();
}

void Stage::TaskControls() {
  const std::string word = show_.subject(0).task_word();
  std::string heading = word;
  for (char& letter : heading) letter = static_cast<char>(std::toupper(letter));
  Heading(heading.c_str());
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
  if (ImGui::Button(fmt::format("Next held-out {}", word).c_str(), {-1, 0})) {
    wanted_is_new_ = false;
    Later([this] { show_.NextTask(); });
  }
  Note("next task", LastItem());
  if (show_.task_changes()) {
    // sliders change the task that is played; adapting anew is asked for
    if (ImGui::Button("Adapt to this task", {-1, 0})) {
      Later([this] { show_.SetTask(show_.present_task()); });
    }
    Note("adapt", LastItem());
  }
  for (size_t i = 0; i < show_.num_subjects(); ++i) {
    for (const std::string& note : show_.subject(i).notes()) {
      ImGui::PushStyleColor(ImGuiCol_Text, Vec(theme::kFaint));
      ImGui::TextWrapped("%s", note.c_str());
      ImGui::PopStyleColor();
    }
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
    const double pixels = RoundStep(span / length * 2, 1);
    const double step = control.whole ? std::max(1.0, pixels) : pixels;
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
  list.AddRectFilled({place(low), y - 2 * unit}, {place(control.valid.high), y + 2 * unit},
                     Packed(theme::kGrid), 2 * unit);
  list.AddRectFilled({place(control.trained.low), y - 3 * unit},
                     {place(control.trained.high), y + 3 * unit}, Packed(PaneColor(1).Faded(0.75f)),
                     2 * unit);
  list.AddCircleFilled(
      {place(value), y}, radius,
      Packed(ImGui::IsItemActive() || ImGui::IsItemHovered() ? Color{1, 1, 1} : theme::kText));
  if (ImGui::IsItemHovered() && !ImGui::IsItemActive()) {
    // beside the panel, so that nothing of it is covered
    ImGui::SetNextWindowPos({rect.x - 20 * unit, rect.center().y}, ImGuiCond_Always, {1, 0.5f});
    if (low == control.trained.low && control.valid.high == control.trained.high) {
      ImGui::SetTooltip("%g to %g", low, control.valid.high);
    } else {
      ImGui::SetTooltip("trained on %g to %g; a task may hold %g to %g", control.trained.low,
                        control.trained.high, low, control.valid.high);
    }
  }
  ImGui::SetCursorScreenPos({corner.x + width + 8 * unit, corner.y});
  ImGui::SetNextItemWidth(number);
  double typed = value;
  ImGui::InputDouble("##number", &typed, 0, 0, "%.4g");
  Note(control.name + " number", LastItem());
  if (ImGui::IsItemDeactivatedAfterEdit() && std::isfinite(typed)) {
    value = std::clamp(typed, low, control.valid.high);
    const bool outside = value != typed;
    if (control.whole) value = std::round(value);
    if (outside) {
      Say(fmt::format("a task may hold {} from {:g} to {:g}", control.name, low,
                      control.valid.high));
    }
    set();
  }
  ImGui::PopID();
}

void Stage::AdaptationControls() {
  if (show_.units() == 0 && show_.error().empty()) return;
  Heading("ADAPTING");
  if (const std::string error = show_.error(); !error.empty()) {
    ImGui::PushStyleColor(ImGuiCol_Text, Vec(theme::kBad));
    ImGui::TextWrapped("%s", error.c_str());
    ImGui::PopStyleColor();
  }
  for (size_t i = 0; i < show_.num_subjects(); ++i) {
    const AdaptationProgress& progress = show_.progress(i);
    if (!progress.error.empty()) continue;
    const int units = progress.units.empty() ? 0 : static_cast<int>(progress.units.size()) - 1;
    const float part = static_cast<float>(units) / static_cast<float>(std::max(1, show_.units()));
    const std::string unit = show_.subject(i).unit();
    const std::string text =
        progress.ready ? fmt::format("{} in {:.1f} s", CountOf(units, unit), progress.seconds)
                       : fmt::format("{} of {}", units, CountOf(show_.units(), unit));
    if (show_.num_subjects() > 1) {
      const std::string& name = show_.subject(i).name();
      ImGui::TextDisabled("%s", name.substr(0, name.find(':')).c_str());
    }
    ImGui::ProgressBar(part, {-1, 0}, text.c_str());
  }
  UnitsSlider();
  // one picture of all units has no panes to choose
  if (show_.rows()[0].size() == 1 && show_.shown().size() > 1) return;
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

// How many units there are, where somebody who looks on may say so.
void Stage::UnitsSlider() {
  const int most = show_.most_units();
  if (most == 0) return;
  if (wanted_units_ < 0) wanted_units_ = show_.units();
  ImGui::TextUnformatted(fmt::format("{}s", show_.subject(0).unit()).c_str());
  ImGui::SetNextItemWidth(-1);
  ImGui::SliderInt("##units", &wanted_units_, 1, most, "%d", ImGuiSliderFlags_AlwaysClamp);
  Note("units", LastItem());
  if (ImGui::IsItemDeactivatedAfterEdit()) {
    Later([this, units = wanted_units_] {
      if (units != show_.units()) show_.SetUnits(units);
      wanted_units_ = -1;
    });
  } else if (!ImGui::IsItemActive()) {
    wanted_units_ = -1;
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
  if (ImGui::Button(show_.subject(0).plays_anew() ? "New episode" : "Play again", {0, 0}))
    Later([this] { show_.Restart(); });
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
  Look& look = show_.look();
  const auto& panes = show_.rows()[0];
  if (!look.has_model() && !panes.empty() && !panes[0]->has_trail()) return;
  Heading("VIEW");
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
  const bool narrow = static_cast<float>(width_) < keys_width + 2 * flags_width + 88 * unit;
  const Rect rect = {
      24 * unit, 40 * unit,
      std::min(static_cast<float>(width_) - 48 * unit, keys_width + 2 * flags_width + 40 * unit),
      std::min(static_cast<float>(height_) - 48 * unit, (rows + 3) * line)};
  Note("help", rect);
  ImDrawList& list = *ImGui::GetForegroundDrawList();
  list.AddRectFilled({rect.x, rect.y}, {rect.right(), rect.bottom()},
                     Packed(theme::kShade.Faded(1.2f)), 6 * unit);
  list.PushClipRect({rect.x, rect.y}, {rect.right(), rect.bottom()});
  const auto write = [&](float x, float y, const Color& color, const std::string& text) {
    list.AddText({std::round(x), std::round(y)}, Packed(color), text.c_str());
  };
  const float x = rect.x + 18 * unit;
  float y = rect.y + 14 * unit;
  write(x, y, theme::kFaint, "KEYS AND MOUSE");
  if (!narrow) write(x + keys_width, y, theme::kFaint, "WHAT MUJOCO DRAWS");
  y += 1.4f * line;
  for (size_t i = 0; i < std::size(kKeys); ++i) {
    write(x, y + static_cast<float>(i) * line, theme::kMeasured, kKeys[i].first);
    write(x + 145 * unit, y + static_cast<float>(i) * line, theme::kText, kKeys[i].second);
  }
  const size_t half = (flags.size() + 1) / 2;
  for (size_t i = 0; !narrow && i < flags.size(); ++i) {
    const float column = x + keys_width + (i < half ? 0 : flags_width);
    const float row = y + static_cast<float>(i % half) * line;
    write(column, row, theme::kMeasured, flags[i].first);
    write(column + (flags[i].first.size() > 1 ? 62 : 24) * unit, row, theme::kText,
          flags[i].second);
  }
  list.PopClipRect();
}

}  // namespace fewstep

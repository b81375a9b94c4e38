#include "viewer/overlay.h"

#include <fmt/format.h>

namespace fewstep {
namespace {

constexpr std::pair<const char*, const char*> kKeys[] = {
    {"Space", "pause, go on"},
    {"Right", "one step"},
    {"Backspace", "new episode"},
    {"0 ... 9", "the agent after so many units of adaptation"},
    {"N", "next task"},
    {"+  -", "faster, slower"},
    {"C", "camera follows or stands still"},
    {"Left drag", "turn the camera"},
    {"Right drag", "move it"},
    {"Wheel", "zoom"},
    {"F1", "this help"},
    {"Esc", "close"}};

TextColumns StateOf(const Playback& playback, const PlayState& play) {
  const FamilySpec& spec = playback.spec();
  const AdaptationStatus status = playback.status();
  TextColumns text;
  text.Add("Family", spec.name);
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    text.Add(spec.parameters[i].name,
             fmt::format("{:.3g} {}", playback.present_task()[i], spec.parameters[i].unit));
  }
  text.Add("Adaptation", fmt::format("{} of {} {}s", status.shown, status.available, status.unit));
  text.Add("Step", fmt::format("{} of {}{}", playback.steps(), spec.horizon,
                               playback.diverged() ? ", diverged" : ""));
  text.Add("Return so far", fmt::format("{:.1f}", playback.episode_return()));
  text.Add("Speed", fmt::format("{:g}x{}", play.speed, play.paused ? ", paused" : ""));
  return text;
}

TextColumns ReturnsOf(const Playback& playback) {
  const AdaptationStatus status = playback.status();
  TextColumns text;
  text.Add(fmt::format("{}s", status.unit), "last return");
  for (size_t unit = 0; unit < playback.last_returns().size(); ++unit) {
    const std::optional<double>& last = playback.last_returns()[unit];
    text.Add(fmt::format("{}{}", unit, static_cast<int>(unit) == status.shown ? " <" : ""),
             last ? fmt::format("{:.1f}", *last) : "-");
  }
  return text;
}

TextColumns HelpOf(const PlayState& play) {
  TextColumns text;
  if (!play.help) text.Add("F1", "help");
  for (const auto& [key, effect] : kKeys) {
    if (play.help) text.Add(key, effect);
  }
  return text;
}

}  // namespace

void TextColumns::Add(const std::string& name, const std::string& value) {
  const char* separator = names.empty() ? "" : "\n";
  names.append(separator).append(name);
  values.append(separator).append(value);
}

Overlay OverlayOf(const Playback& playback, const PlayState& play) {
  return {.state = StateOf(playback, play), .returns = ReturnsOf(playback), .help = HelpOf(play)};
}

}  // namespace fewstep

#include "viewer/recorder.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {
namespace {

const FilmOptions& Checked(const FilmOptions& options) {
  constexpr int kLeast = 120, kMost = 8192;
  for (const int size : {options.width, options.height}) {
    if (size >= kLeast && size <= kMost) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("a picture of {} x {} pixels", options.width, options.height),
                {.remedy = fmt::format("From {} to {} each", kLeast, kMost)});
  }
  return options;
}

}  // namespace

Recorder::Recorder(const FilmOptions& options)
    : options_(Checked(options)),
      context_(MakeOffscreenContext()),
      screen_(*context_, options.scale, Screen::Quality::kSmooth) {}

int Recorder::FramesOf(const Show& show) const {
  if (options_.seconds > 0) {
    return std::max(1, static_cast<int>(std::lround(options_.seconds * options_.fps)));
  }
  // the longest episode there may be, its end held for a second
  int steps = 0;
  for (const auto& row : show.rows()) {
    for (const auto& pane : row) steps = std::max(steps, pane->longest());
  }
  const double seconds = steps * show.step_seconds() / show.speed() + 1;
  return static_cast<int>(std::ceil(seconds * options_.fps));
}

void Recorder::Record(Show& show, std::span<const std::unique_ptr<FrameSink>> sinks,
                      const std::function<void(int frames)>& progress) {
  Stage stage(show, screen_, {.panel = false, .plots = options_.plots, .controls = false});
  const int most = FramesOf(show);
  show.HoldAtEnd(options_.seconds <= 0);
  show.Restart();
  double at_end = 0;
  for (int frame = 0; frame < most; ++frame) {
    // episodes that ended early make the film shorter
    if (show.ended() && show.step() == show.length()) at_end += 1.0 / options_.fps;
    const bool last = frame + 1 == most || (options_.seconds <= 0 && at_end > 1);
    std::vector<FrameSink*> wanting;
    for (const auto& sink : sinks) {
      if (sink->Wants(frame, last)) wanting.push_back(sink.get());
    }
    if (!wanting.empty()) {
      stage.Draw(options_.width, options_.height, {}, FrameTarget::kMemory);
      const Image image = screen_.Read();
      for (FrameSink* sink : wanting) sink->Add(image);
    }
    if (progress) progress(frame + 1);
    if (last ||
        std::ranges::none_of(sinks, [frame](const auto& sink) { return sink->WantsMore(frame); })) {
      break;
    }
    show.Advance(1.0 / options_.fps);
  }
  for (const auto& sink : sinks) sink->Close();
}

}  // namespace fewstep

// Films of a show, without a display.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "viewer/film.h"
#include "viewer/gl.h"
#include "viewer/stage.h"

namespace fewstep {

struct FilmOptions {
  int width = 1280, height = 720;
  int fps = 30;
  double seconds = 0;  // 0: until every pane's episode has ended, and a second more
  double scale = 1;    // of letters and lines
  bool plots = true;
};

// Draws into memory with OpenGL of its own. One at a time.
class Recorder {
 public:
  // Throws Error(kRuntime) when there is nothing to draw with, and Error(kUsage) on an impossible
  // size.
  explicit Recorder(const FilmOptions& options);

  // Pictures that a film of the show as it stands has.
  int FramesOf(const Show& show) const;

  // Plays the show, which must have adapted, from the start of a new episode, and gives the
  // pictures to every sink. `progress` is told after each how many there are.
  void Record(Show& show, std::span<const std::unique_ptr<FrameSink>> sinks,
              const std::function<void(int frames)>& progress = {});

  const Screen& screen() const { return screen_; }
  std::string kind() const { return context_->kind(); }

 private:
  FilmOptions options_;
  std::unique_ptr<GlContext> context_;
  Screen screen_;
};

}  // namespace fewstep

// The texts over a picture.
#pragma once

#include <string>

#include "viewer/playback.h"

namespace fewstep {

// Two columns, a line each.
struct TextColumns {
  std::string names, values;
  void Add(const std::string& name, const std::string& value);
};

struct Overlay {
  TextColumns state;    // what is seen: family, task, adaptation, step, return, speed
  TextColumns returns;  // what adapting has brought: the last return after each unit
  TextColumns help;
};

struct PlayState {
  bool paused = false, help = false;
  double speed = 1;  // simulated seconds a second of the clock
};

Overlay OverlayOf(const Playback& playback, const PlayState& play);

}  // namespace fewstep

// What acts in a window or a recording: an agent that adapts to the task at hand, or a script.
#pragma once

#include <span>
#include <string>

#include "envs/task_family.h"

namespace fewstep {

struct AdaptationStatus {
  std::string unit;   // what a unit of adaptation is: "gradient step"
  int shown = 0;      // units of adaptation behind the behaviour that Act gives
  int available = 0;  // units that can be shown: 0, 1, ..., available
};

// The calls come in this order from one thread: BeginTask, then for each episode BeginEpisode and
// (Act, Observe) until it ends. An episode may be given up for another, or for another task.
class Controller {
 public:
  virtual ~Controller() = default;

  // A new task. Whatever adapting ahead of the first episode takes happens here; it may take
  // seconds. Keeps status().shown where the new task has as many units.
  virtual void BeginTask(const Task& task) = 0;
  virtual void BeginEpisode() = 0;
  // Of the episode that has begun, with `stream` as its randomness: where in its trial it lies.
  virtual EpisodeOrigin Origin(const Rng& stream) const { return stream; }
  // Writes action_size numbers, or one (the index of the choice) for discrete actions.
  virtual void Act(std::span<const float> observation, std::span<float> action) = 0;
  // What the action brought; `ended` closes the episode.
  virtual void Observe(double reward, bool ended) = 0;

  virtual AdaptationStatus status() const = 0;
  // Acts from the next episode on as after `units` of adaptation, in [0, status().available].
  virtual void Show(int units) = 0;
};

}  // namespace fewstep

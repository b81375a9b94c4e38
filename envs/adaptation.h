// An agent that adapts to a task while someone looks on: unit by unit, each of which can be played.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// Acts in one simulation as an agent does after some units of adaptation. Used by one thread: for
// each episode BeginEpisode, then (Act, Observe) until it ends; an episode may be given up for
// another. Every episode is the one that follows those of its units: playing it changes nothing.
class Performer {
 public:
  virtual ~Performer() = default;
  // Of an episode with `stream` as its randomness: where in its trial it lies.
  virtual EpisodeOrigin BeginEpisode(const Rng& stream) = 0;
  // Writes action_size numbers, or one (the index of the choice) for discrete actions.
  virtual void Act(std::span<const float> observation, std::span<float> action) = 0;
  // What the action brought.
  virtual void Observe(double reward, bool terminated) = 0;
};

// What an agent believes of one number: a parameter of the task, or a latent one.
struct Belief {
  std::string name;
  double mean = 0, spread = 0;  // a standard deviation
};

// A step that an agent adapted on, where its actions are choices.
struct Pull {
  int choice = 0;
  double reward = 0;
};

// What units of adaptation to one task have come to, for a picture of it. Immutable: any number of
// threads read it.
class Adapted {
 public:
  virtual ~Adapted() = default;

  int units = 0;
  // Of the unit that led here, none at 0 units: the scores of what it was learned from, returns of
  // episodes or the like.
  std::vector<double> support_scores;
  // Its own scores, where it is judged by itself rather than on what the next unit learns from.
  std::vector<double> scores;
  // What is believed now, where there is such a belief; and places in the plane that are taken for
  // the goal, each as likely as the others.
  std::vector<Belief> beliefs;
  std::vector<std::array<double, 2>> goals;
};

// An agent after some units of adaptation. Any number of threads make performers of it.
class AdaptedAgent : public Adapted {
 public:
  virtual std::unique_ptr<Performer> MakePerformer(const Rng& rng) const = 0;

  std::vector<Pull> pulls;  // of the unit that led here, where actions are choices
};

// Adapts an agent to one task after another. One caller at a time, on any thread: it works with a
// sampler and threads of its own.
class Adaptation {
 public:
  virtual ~Adaptation() = default;

  virtual const std::string& unit() const = 0;  // of adaptation: "gradient step"
  virtual int episodes_per_unit() const = 0;
  // The agent before adapting to `task`. Throws Error(kUsage) on what is no task of its family.
  virtual std::shared_ptr<const AdaptedAgent> Begin(const Task& task) = 0;
  // One more unit; null when it was asked to stop before the unit was whole. Throws Error(kRuntime)
  // when it cannot be done; Begin then starts anew.
  virtual std::shared_ptr<const AdaptedAgent> Advance(std::stop_token stop) = 0;
};

}  // namespace fewstep

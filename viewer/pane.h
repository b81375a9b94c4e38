// What is watched, in general: something that adapts to a task, with panes that show it after some
// units of adaptation, and numbers of the task to set. An agent on a task family is one
// (viewer/family_subject.h); a supervised learner is another.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "envs/adaptation.h"
#include "viewer/canvas.h"
#include "viewer/look.h"

namespace fewstep {

// Numbers over the steps of a pane, and what they should be.
struct Curve {
  std::string name;                // "forward_velocity"
  std::span<const double> values;  // [length + 1]
  std::span<const double> target;  // [length + 1] or empty
};

// One picture of a grid. Time goes in steps: a pane plays one after the other and keeps them, so
// that each can be drawn again. Called by one thread.
class Pane {
 public:
  virtual ~Pane() = default;

  // "before adapting", "after 2 gradient steps"; set by who makes the pane.
  std::string title;
  std::string label;  // whose it is, where there are several subjects
  // Where it changes with the steps.
  virtual std::string Title(int /*step*/) const { return title; }

  // From the start. Panes of the same stream start alike.
  virtual void Restart(const Rng& stream) = 0;
  virtual void Advance() = 0;  // plays one more step; nothing once it has ended
  virtual int length() const = 0;
  virtual bool ended() const = 0;
  virtual int longest() const = 0;  // steps that there may be
  virtual double step_seconds() const = 0;
  virtual bool has_clock() const { return true; }  // whether these are seconds of anything
  virtual float shape() const { return 1.5f; }     // width of a good picture, of its height
  virtual bool has_trail() const { return true; }  // whether Look::trail means anything

  // The task in a line, as it is then: "velocity 1.25 m/s".
  virtual std::string TaskText(int step) const = 0;
  // Its numbers then, in the order of Subject::controls; empty where they are those that were
  // adapted to.
  virtual std::span<const double> TaskValues(int /*step*/) const { return {}; }
  // Says in a line what is seen after `step` steps, from 0 to length(): "return 12.3".
  virtual std::string Caption(int step) const = 0;
  virtual std::vector<Curve> Curves() const { return {}; }
  // Not const: what a picture is made of is kept from one frame to the next.
  virtual void Draw(Canvas& canvas, const Rect& rect, int step, Look& look) = 0;

  // The mouse takes hold of something, pulls it and lets go; pixels of the rectangle it was last
  // drawn in. False when there is nothing to take hold of.
  virtual bool Grab(Point /*at*/) { return false; }
  virtual void Drag(Point /*by*/) {}
  virtual void LetGo() {}
  // The task becomes another one while the pane plays; only where Subject::task_changes.
  virtual void ChangeTask(std::span<const double> /*task*/) {}
};

// A number of a task that can be set.
struct Control {
  std::string name, unit;
  Range trained, valid;
  std::vector<double> choices;  // finitely many values, or empty
  bool whole = false;           // whole numbers alone
};

class Subject {
 public:
  virtual ~Subject() = default;

  virtual const std::string& name() const = 0;  // "runs/quickstart"
  virtual std::string unit() const = 0;         // of adaptation: "gradient step"
  virtual std::string score() const { return "return"; }
  virtual std::string task_word() const { return "task"; }  // what a task is called
  // What must be known beside the scores, a line each.
  virtual std::vector<std::string> notes() const { return {}; }
  virtual const std::vector<Control>& controls() const = 0;
  // The n-th of the tasks that were held out, in the order of controls().
  virtual std::vector<double> HeldOut(uint64_t n) const = 0;
  // The task that is wanted after `present`, when n were before it.
  virtual std::vector<double> Following(std::span<const double> /*present*/, uint64_t n) const {
    return HeldOut(n);
  }
  // Whether a task can become another while it is played.
  virtual bool task_changes() const { return false; }
  // Whether playing again has other random numbers.
  virtual bool plays_anew() const { return true; }
  // Units of adaptation that a viewer may ask for; 0: their number stays as it is.
  virtual int most_units() const { return 0; }

  // Adapting, on a thread of its own: as in Adaptation, and `units` say how many may be asked for.
  // Nothing else may be called from there.
  virtual std::shared_ptr<const Adapted> Begin(std::span<const double> task, int units) = 0;
  virtual std::shared_ptr<const Adapted> Advance(std::stop_token stop) = 0;

  // Panes for a task that was adapted to, `units` after 0, 1, ... of them; `shown` are those that
  // are asked for. A subject whose one picture shows all of them gives that.
  virtual std::vector<std::unique_ptr<Pane>> MakePanes(
      std::span<const double> task, std::span<const std::shared_ptr<const Adapted>> units,
      std::span<const int> shown) const = 0;
};

// "before adapting", "after 1 episode", "after 3 gradient steps".
std::string TitleOf(int units, const std::string& unit);

}  // namespace fewstep

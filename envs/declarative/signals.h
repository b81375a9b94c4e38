// Signals: what a family.toml can say of a simulation's state, by the names in its model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mujoco/mujoco.h>

#include "core/error.h"
#include "envs/mujoco/mujoco_family.h"

namespace fewstep::declarative {

inline constexpr const char* kSignalHelp =
    "qpos:JOINT, qvel:JOINT, ctrl:ACTUATOR, sensor:NAME, or the place of site:NAME, body:NAME, "
    "geom:NAME, com:BODY (centre of mass of the body and what hangs on it), or up:BODY (its z "
    "axis); rate:SIGNAL is its speed over a control step; .x, .xy and so on choose components.";

// The most numbers of a signal in a reward, a termination or a metric.
inline constexpr int kMaxSignal = 16;

// Where a signal's numbers are read.
struct Signal {
  enum class Source { kPosition, kVelocity, kControl, kSensor, kSite, kBody, kGeom, kCom, kUp };

  std::string text;  // as it is written
  Source source = Source::kPosition;
  int address = 0;              // of its first number in the field of mjData
  std::vector<int> components;  // offsets from it
  // Of a rate: where Simulation::memory keeps what the numbers were before the step; else -1.
  int memory = -1;

  int size() const { return static_cast<int>(components.size()); }
  // Whether mj_step leaves the source as it was before its last substep.
  bool derived() const { return source > Source::kControl; }
};

// Reads signals of one family, whose rates share the memory of a step.
class SignalReader {
 public:
  // `model` must outlive it.
  explicit SignalReader(const mjModel* model) : model_(model) {}

  // Throws Error(kUsage) at `where`, with the nearest name of the model, when there is none such.
  Signal Parse(const std::string& text, const ErrorContext& where);
  // The same, and that it has one number.
  Signal ParseScalar(const std::string& text, const ErrorContext& where);

  // A number of Simulation::memory for something else. Throws Error(kUsage) at `where` when there
  // is none left.
  int Reserve(int size, const ErrorContext& where);

  // The rates that were parsed so far: before every step their numbers are noted.
  const std::vector<Signal>& rates() const { return rates_; }

 private:
  const mjModel* model_;
  std::vector<Signal> rates_;
  int memory_used_ = 0;
};

// Writes the signal's numbers, size() of them, as mjData holds them now.
void ReadPresent(const Signal& signal, const mjData* data, double* out) noexcept;
// The same; of a rate, how fast they changed since NoteRates.
void ReadSignal(const Signal& signal, const Simulation& simulation, double* out) noexcept;
// Notes in simulation.memory what rates need of the state before the step.
void NoteRates(const std::vector<Signal>& rates, const Simulation& simulation) noexcept;

// Names of the model's objects of a type, those without one left out.
std::vector<std::string> ObjectNames(const mjModel* model, mjtObj type);
// "a joint", for messages.
std::string_view ObjectNoun(mjtObj type);
// Ids of the objects that the patterns name, each once, in the order of the patterns and, where *
// stands for any letters, in the model's. Throws Error(kUsage) at `where` when a pattern names
// none, with the nearest name.
std::vector<int> FindObjects(const mjModel* model, mjtObj type,
                             const std::vector<std::string>& patterns, const ErrorContext& where);

}  // namespace fewstep::declarative

// Task families without a physics engine: points, bandits, tabular decision processes. An author
// writes one small World and a WorldDefinition; sampling of tasks, whole-episode runners and
// lockstep simulation are supplied here.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "envs/task_family.h"
#include "envs/task_law.h"

namespace fewstep {

struct WorldStep {
  double reward = 0;
  bool terminated = false;
  double dense_reward = 0;  // where FamilySpec::dense_reward says what it is
};

// One simulation. Owned and called by one thread at a time. Between Begin and the next Begin it
// must be a pure function of its state, its actions and the streams it is given, and allocate
// nothing.
class World {
 public:
  virtual ~World() = default;
  // Takes the task's values, in the order of FamilySpec::parameters; checked before. Leaves the
  // state alone: where tasks change it is called between two steps, and SetState follows.
  virtual void Begin(std::span<const double> task) = 0;
  // Draws an initial state and writes the observation, FamilySpec::plain_observation_size numbers.
  virtual void Reset(Rng& rng, double* observation) noexcept = 0;
  // One control step. `action` holds action_size finite numbers, or the index of the choice when
  // discrete. Writes the observation and the metrics [M].
  virtual WorldStep Step(const double* action, Rng& rng, double* observation,
                         double* metrics) noexcept = 0;
  // The numbers of FamilySpec::state. SetState writes the observation there.
  virtual void GetState(double* state) const noexcept = 0;
  virtual void SetState(const double* state, double* observation) noexcept = 0;
};

struct WorldDefinition {
  FamilySpec spec;
  TaskLaw law;
  std::function<std::unique_ptr<World>()> make_world;  // called from one thread at a time
  std::string settings = {};  // enters the definition's hash: what no text of the spec tells
};

// Its vector environments step on the calling thread: a world costs less than waking a thread.
// Throws Error(kPlugin) on a definition that makes no sense.
std::unique_ptr<TaskFamily> MakeWorldFamily(WorldDefinition definition,
                                            const FamilyOptions& options);

}  // namespace fewstep

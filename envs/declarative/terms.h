// The terms of a reward.
#pragma once

#include <string>
#include <vector>

#include "envs/declarative/family_file.h"
#include "envs/declarative/signals.h"

namespace fewstep::declarative {

// What a term compares its signal with.
struct Target {
  enum class Kind { kNone, kNumbers, kTask, kSignal } kind = Kind::kNone;
  std::vector<double> numbers;
  int parameter = 0;  // index of its first number in the task
  Signal signal;
  int size = 0;
  std::string text;  // "goal", "site:goal", "[0.3, 0.1]"
};

struct Term {
  TermOptions options;
  Signal of;  // unless the kind has none
  Target target;
  // Of a tolerance: what the distance beyond the margin is multiplied by, from value_at_margin.
  double falloff_scale = 0;
  int contact_memory = -1;  // of a contact cost: where Simulation::memory holds it

  const std::string& name() const { return options.name; }
};

// The term's value, before its weight.
double Evaluate(const Term& term, const Simulation& simulation) noexcept;

// Sum of the squares of the contact forces on every body, each clipped to [-1, 1], as in OpenAI
// Gym's Ant. To be read after the physics and before anything is refreshed, which loses the forces.
double ContactCost(const mjModel* model, mjData* data) noexcept;

// dm_control's sigmoids (dm_control/utils/rewards.py): 1 at 0, value_at_margin at 1.
double FalloffScale(Falloff falloff, double value_at_margin);
double FalloffValue(Falloff falloff, double scaled) noexcept;

// The formula in words: "-1 |rate:qpos:rootx - velocity|".
std::string Formula(const Term& term);

}  // namespace fewstep::declarative

// Typed randomisation: what of a model a task may change. Every quantity is a row that names the
// fields of mjModel it writes, what follows from them and what must stay true; a family.toml can
// change nothing else. Nominal values are those of model.xml and are never lost: a task is written
// from them, so that tasks do not add up.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include <mujoco/mujoco.h>

#include "core/error.h"
#include "envs/declarative/family_file.h"

namespace fewstep::declarative {

struct Quantity {
  std::string_view name;
  mjtObj object;  // whose it is; mjOBJ_UNKNOWN: the model's
  int width;      // numbers of one object
  std::string_view unit, writes, invariant;
  // Fields of object `id` in the order that Apply writes them: where they begin and how many
  // numbers, two at most.
  struct Field {
    double* first = nullptr;
    int size = 0;
  };
  struct Fields {
    Field of[2];
  };
  Fields (*fields)(mjModel* model, int id) noexcept;
  // Changes them, which hold nominal values or what an earlier randomisation of the task made of
  // them, by `width` numbers. False when the result is no quantity of this kind.
  bool (*apply)(mjModel* model, int id, How how, const double* numbers) noexcept;
};

std::span<const Quantity> Quantities();
std::vector<std::string> QuantityNames();

// One randomisation of a family: the quantity, its objects, and where its numbers are in a task.
struct Randomization {
  const Quantity* quantity = nullptr;
  How how = How::kMultiply;
  bool keep_total = false;
  std::vector<int> objects;
  // Number j of object i is task[first + i * object_stride + j * number_stride].
  int first = 0, object_stride = 0, number_stride = 0;
};

// Names of a task's parameters: where each begins and how many numbers it has.
struct ParameterPlace {
  std::string name;
  int first = 0, size = 1;
};

// Where a key of a [[randomization]] stands; "" is the table itself.
using WhereFunction = std::function<ErrorContext(std::string_view key)>;

// Throws Error(kUsage) on objects the model does not have or sizes that do not fit.
Randomization MakeRandomization(const RandomizationOptions& options, const mjModel* model,
                                const std::vector<ParameterPlace>& parameters,
                                const WhereFunction& where);

// Writes the task into `model` from the nominal one: first every field that the randomisations
// write becomes nominal, then each is applied in turn. False when a result makes no sense; the
// model is then not to be used. What follows from the fields is for RefreshConstants.
bool ApplyRandomizations(std::span<const Randomization> randomizations, const mjModel* nominal,
                         mjModel* model, const double* task) noexcept;

// Throws Error(kUsage) unless the randomisation gives sound quantities at both ends of every
// parameter's valid range. `valid` [P].
void CheckRandomization(const Randomization& randomization, const mjModel* nominal,
                        std::span<const Range> valid, const WhereFunction& where);

// The same of all together, at the corners of the valid ranges: two may change one quantity.
void CheckTogether(std::span<const Randomization> randomizations, const mjModel* nominal,
                   std::span<const Range> valid, const WhereFunction& where);

// Whether the three principal moments are those of a body: positive, and none larger than the sum
// of the others, but for rounding.
bool IsInertia(const double* moments) noexcept;

}  // namespace fewstep::declarative

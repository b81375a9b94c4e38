// Families of functions to regress: a task is a function of its parameters, an episode some points
// of it. Like episodes of pictures, one is a function of (seed, split, index).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/registry.h"
#include "core/rng.h"
#include "data/example_set.h"

namespace fewstep {

struct RegressionTask {
  std::vector<double> values;  // of the family's parameters
};

// Immutable: any number of threads.
class RegressionFamily {
 public:
  virtual ~RegressionFamily() = default;

  virtual int64_t input_size() const = 0;  // numbers of an x
  virtual int64_t output_size() const { return 1; }
  virtual const std::vector<std::string>& parameters() const = 0;
  // Where x lie, for pictures; low and high of every number.
  virtual std::pair<double, double> range() const = 0;
  virtual RegressionTask Draw(Rng& rng) const = 0;
  virtual void DrawInput(Rng& rng, double* x) const;  // uniform in range()
  virtual void Evaluate(const RegressionTask& task, const double* x, double* y) const = 0;
};

// Points of one task.
struct RegressionEpisode {
  RegressionTask task;
  std::vector<float> support_x, support_y, query_x, query_y;  // [points, input or output size]
};
RegressionEpisode DrawEpisode(const RegressionFamily& family, DataSplit split, uint64_t seed,
                              uint64_t index, int64_t support, int64_t query);

struct RegressionEntry {
  std::string summary, source;
  std::function<std::unique_ptr<Options>()> make_options;
  std::function<std::unique_ptr<RegressionFamily>(const Options&)> make;
};
using RegressionCatalog = Registry<RegressionEntry>;
RegressionCatalog BuiltinRegression();

}  // namespace fewstep

#include "envs/observed_task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fewstep {

FamilySpec WithTaskObserved(FamilySpec spec) {
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : spec.parameters) names.push_back(parameter.name);
  constexpr size_t kNamed = 4;
  if (names.size() > kNamed) names = {names.front(), "...", names.back()};
  spec.summary += " The agent is told the task.";
  spec.observation.push_back(fmt::format("the task, scaled from its bounds to [-1, 1]: {} ({})",
                                         fmt::join(names, ", "), spec.parameters.size()));
  spec.observation_size += static_cast<int>(spec.parameters.size());
  spec.task_observed = true;
  return spec;
}

void AppendTask(const FamilySpec& spec, const double* task, double* observation) noexcept {
  if (!spec.task_observed) return;
  double* out = observation + spec.plain_observation_size();
  for (const ParameterSpec& parameter : spec.parameters) {
    const double low = parameter.low, high = parameter.high, value = *task++;
    *out++ = low < high ? (2 * value - low - high) / (high - low) : value;
  }
}

}  // namespace fewstep

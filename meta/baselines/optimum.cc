#include "meta/baselines/optimum.h"

#include <algorithm>

#include "meta/baselines/tabular_learner.h"
#include "meta/baselines/value_iteration.h"

namespace fewstep {

std::optional<double> OptimalReturn(const FamilySpec& spec, const Task& task, double discount) {
  if (!IsTabular(spec)) return std::nullopt;
  const TabularFamily family = TabularFamilyOf(spec, "");
  if (family.bandit) return *std::ranges::max_element(task.values);
  TabularMdp mdp;
  ReadTask(task.values, mdp);
  return Plan(mdp, family.horizon, {}, discount);
}

}  // namespace fewstep

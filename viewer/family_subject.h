// An agent on a task family as what is watched.
#pragma once

#include <memory>
#include <string>

#include "envs/adaptation.h"
#include "viewer/pane.h"

namespace fewstep {

// `family` must outlive it. Held-out tasks are the family's test tasks of `task_seed`, as those of
// evaluations.
std::unique_ptr<Subject> MakeFamilySubject(std::string name, const TaskFamily& family,
                                           std::unique_ptr<Adaptation> adaptation,
                                           uint64_t task_seed);

}  // namespace fewstep

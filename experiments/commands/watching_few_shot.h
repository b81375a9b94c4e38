// What `fewstep view` and `fewstep record` do with runs of few-shot learning.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/commands/watching.h"

namespace fewstep {

// Reads the data of a run and its checkpoint ("": the newest). Throws Error when one of them is not
// there, or an option is for agents that act.
void OpenLearner(Watched::Agent& agent, const std::string& checkpoint,
                 const WatchArguments& arguments);

// Learners at the same episodes, those of the first one's evaluations. They must outlive the show.
// Throws Error(kUsage) when their episodes cannot be the same.
std::unique_ptr<Show> MakeFewShotShow(std::span<const std::unique_ptr<Watched::Agent>> learners,
                                      const WatchArguments& arguments);

// The first episode with what `assignments` say otherwise: "episode=3", "ways=10". Throws
// Error(kUsage).
std::vector<double> ParseEpisode(const Show& show, std::span<const std::string> assignments);

}  // namespace fewstep

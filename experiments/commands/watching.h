// What `fewstep view` and `fewstep record` share: from their arguments to a show.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/cli.h"
#include "experiments/running/few_shot_trainable.h"
#include "experiments/running/workbench.h"
#include "viewer/show.h"

namespace CLI {
class App;
}

namespace fewstep {

struct WatchArguments {
  std::vector<std::string> what;  // runs, checkpoints or families
  std::string checkpoint, agent;
  std::vector<std::string> task;
  std::vector<int> shown;
  int64_t units = -1, seed = -1, threads = 0, episodes = 0;
  double speed = 1;
  bool deterministic = false;
};

void AddWatchOptions(CLI::App& command, WatchArguments& arguments);

// The agents of a show with all that they need, and the show. All of them act, or all are few-shot
// learners.
struct Watched {
  struct Agent {
    std::unique_ptr<OpenedRun> run;    // whose catalogue the bench refers to
    std::unique_ptr<Workbench> bench;  // of an agent, or
    std::unique_ptr<FewShotBench> learner;
    std::string name;  // "quickstart: promp on half-cheetah-dir@promp"
    bool adapts = true;
  };
  std::vector<std::unique_ptr<Agent>> agents;
  std::unique_ptr<Show> show;  // last: it uses them
  std::string title() const;
};

// Throws Error when one of them cannot be opened, or two are of different families or data. Nothing
// is adapted yet: BeginTask does that.
std::unique_ptr<Watched> OpenWatched(const WatchArguments& arguments, const CommonOptions& common);

// The task that was asked for, or the first that was held out.
void BeginTask(const WatchArguments& arguments, Watched& watched);

}  // namespace fewstep

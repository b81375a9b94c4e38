// A recipe, read and checked: everything a run depends on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "envs/task_family.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct RunOptions : Options {
  std::string name = "run";
  std::string directory = "runs";
  int64_t seed = 1;
  int64_t iterations = 100;
  int64_t threads = 0;
  std::string device = "cpu";
  std::string sampling_plan = "auto";
  int64_t checkpoint_interval = 10;
  int64_t keep_checkpoints = 3;
  int64_t evaluation_interval = 0;
  int64_t evaluation_tasks = 40;
  int64_t evaluation_units = 3;
  int64_t evaluation_episodes = 0;
  void Visit(FieldVisitor& visitor) override;
};

struct RunConfig {
  RunOptions run;
  std::string family_name;
  FamilyOptions family;
  std::string agent_name;
  std::unique_ptr<Options> agent;

  std::string run_path() const { return run.directory + "/" + run.name; }

  // The resolved recipe: every key with its value. ParseRunConfig reads it back to the same run.
  std::string ToToml();
};

// Reads a recipe. Throws Error(kUsage) naming file, line and key.
RunConfig ReadRunConfig(const Config& config, const FamilyRegistry& families,
                        const AgentRegistry& agents);

// run.threads, or the number of processors when it is 0.
int ResolveThreads(int64_t threads);

}  // namespace fewstep

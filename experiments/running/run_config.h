// A recipe, read and checked: everything a run depends on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/device.h"
#include "agents/sampler.h"
#include "core/config.h"
#include "data/episodes.h"
#include "experiments/running/catalog.h"

namespace fewstep {

inline constexpr int64_t kLargestSeed = 1'000'000'000'000'000;
inline constexpr int64_t kFewShotEpisodes = 1000;  // of an evaluation, unless told otherwise

struct RunOptions : Options {
  std::string name = "run";
  std::string directory = "runs";
  int64_t seed = 1;
  int64_t iterations = 100;
  int64_t threads = 0;
  DeviceKind device = DeviceKind::kCpu;
  SamplingPlan sampling_plan = SamplingPlan::kAuto;
  int64_t checkpoint_interval = 10;
  int64_t keep_checkpoints = 3;
  bool save_replay = true;
  int64_t replay_interval = 0;
  int64_t evaluation_interval = 0;
  int64_t evaluation_tasks = 40;
  int64_t evaluation_units = -1;
  int64_t evaluation_episodes = 0;
  int64_t evaluation_seed = 0;
  bool evaluation_deterministic = false;
  int64_t validation_interval = 0;
  int64_t validation_tasks = 500;
  bool few_shot = false;  // of few-shot learning, or of acting: keys of the other are hidden
  void Visit(FieldVisitor& visitor) override;

 private:
  void VisitAll(FieldVisitor& visitor);
};

// [data]: the keys of a data set or family of functions, and of the episodes that are made of it.
struct DataOptions final : Options {
  std::unique_ptr<Options> own;
  bool of_examples = true;  // false: of functions, which cannot be turned
  Rotations rotations = Rotations::kNone;
  EpisodeOptions episodes;
  void Visit(FieldVisitor& visitor) override;
};

// A recipe names an agent on a task family, or a learner on data.
struct RunConfig {
  RunOptions run;
  std::string family_name;
  std::unique_ptr<FamilyOptions> family;
  std::string agent_name;
  std::unique_ptr<Options> agent;
  std::string data_name;
  std::unique_ptr<DataOptions> data;
  std::string learner_name;
  std::unique_ptr<Options> learner;

  bool few_shot() const { return learner != nullptr; }
  // What is trained, and on what: "promp", "half-cheetah-vel@promp".
  const std::string& trained_name() const { return few_shot() ? learner_name : agent_name; }
  const std::string& subject_name() const { return few_shot() ? data_name : family_name; }

  std::string run_path() const { return run.directory + "/" + run.name; }

  // The resolved recipe: every key with its value. ReadRunConfig reads it back to the same run.
  std::string ToToml();

  // Its tables after [run], in their order.
  struct Table {
    std::string_view name;
    std::string& chosen;  // what the table is called after
    Options& options;
  };
  std::vector<Table> tables();
};

// Reads a recipe; `default_name` is the run's when the recipe has none. Throws Error(kUsage) naming
// file, line and key.
RunConfig ReadRunConfig(Config config, const Catalog& catalog, std::string default_name = "run");

// A run's resolved recipe and what it may name: a catalogue whose family of that name is the one
// the run was trained on, where it keeps a copy.
struct OpenedRun {
  Catalog catalog;
  RunConfig config;
};

// The run in directory `path`. Throws Error(kUsage) when it is not a run.
OpenedRun OpenRun(const std::string& path, const Catalog& catalog);

// [family] and [agent]: a name and the options of what it names.
class NamedOptions final : public Options {
 public:
  // Both must outlive it.
  NamedOptions(std::string& name, Options& options) : name_(name), options_(options) {}
  void Visit(FieldVisitor& visitor) override;

 private:
  std::string& name_;
  Options& options_;
};

// The keys whose values differ, as "table.key=value" with the value of `to`; run.name and
// run.directory are left out.
std::vector<std::string> Changes(RunConfig& from, RunConfig& to);

// Throws Error(kUsage) with `file` when "table.key=value" would change what was trained so far.
void CheckResumable(const std::string& change, const std::string& file);
inline constexpr const char* kResumableKeys =
    "run.iterations, run.threads, run.checkpoint_interval, run.keep_checkpoints, run.save_replay, "
    "run.replay_interval, run.device";

// run.threads, or the number of processors when it is 0.
int ResolveThreads(int64_t threads);

}  // namespace fewstep

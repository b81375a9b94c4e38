#include "experiments/running/run_config.h"

#include <algorithm>
#include <filesystem>
#include <sched.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "envs/declarative/declarative_family.h"
#include "experiments/running/run_directory.h"

namespace fewstep {

void RunOptions::Visit(FieldVisitor& v) {
  static const std::vector<std::string> of_acting = {"sampling_plan", "save_replay",
                                                     "replay_interval", "evaluation_episodes",
                                                     "evaluation_deterministic"};
  static const std::vector<std::string> of_data = {"validation_interval", "validation_tasks"};
  FieldFilter filter(v, few_shot ? of_acting : of_data);
  VisitAll(filter);
}

void DataOptions::Visit(FieldVisitor& v) {
  own->Visit(v);
  if (of_examples) {
    v.Choice("rotations", rotations, kRotationsNames,
             {.help = "Quarter turns of pictures. none; classes: each is a class of its own; "
                      "augment: each class of an episode that is trained on is turned by chance."});
  }
  v.Table("episodes", episodes);
}

void RunOptions::VisitAll(FieldVisitor& v) {
  constexpr double kMany = 1e9;
  v.Field("name", name, {.help = "Name of the run: its folder inside directory."});
  v.Field("directory", directory, {.help = "Folder that holds run folders."});
  v.Field("seed", seed,
          {.help = "Everything random derives from it.",
           .min = 0,
           .max = static_cast<double>(kLargestSeed)});
  v.Field("iterations", iterations,
          {.help = "Meta-training iterations.", .unit = "iterations", .min = 0, .max = kMany});
  v.Field("threads", threads,
          {.help = "Threads for sampling and learning, 0 for one a processor; does not change "
                   "results.",
           .unit = "threads",
           .min = 0,
           .max = 4096});
  v.Choice("device", device, kDeviceNames, {.help = "Where the learner computes."});
  v.Choice("sampling_plan", sampling_plan, kSamplingPlanNames,
           {.help = "How episodes are collected: whole episodes inside workers, or all simulations "
                    "in lockstep with one batched policy evaluation."});
  v.Field(
      "checkpoint_interval", checkpoint_interval,
      {.help = "Iterations between checkpoints.", .unit = "iterations", .min = 1, .max = kMany});
  v.Field("keep_checkpoints", keep_checkpoints,
          {.help = "Newest checkpoints that stay.", .min = 2, .max = kMany});
  v.Field("save_replay", save_replay,
          {.help = "Whether checkpoints hold the replay of an agent that has one. Without it a "
                   "resumed run fills it anew and goes another way."});
  v.Field(
      "replay_interval", replay_interval,
      {.help = "Iterations between checkpoints that hold the replay, beside the last one; 0: all "
               "of them do. A resumed run goes on from the newest one that does.",
       .unit = "iterations",
       .min = 0,
       .max = kMany});
  v.Field("evaluation_interval", evaluation_interval,
          {.help = "Iterations between evaluations on held-out tasks, 0 for only after the last.",
           .unit = "iterations",
           .min = 0,
           .max = kMany});
  v.Field("evaluation_tasks", evaluation_tasks,
          {.help = "Held-out tasks of an evaluation, or episodes of few-shot learning, 1000 there.",
           .unit = "tasks",
           .min = 2,
           .max = 1e6});
  v.Field(
      "evaluation_units", evaluation_units,
      {.help =
           "Units of adaptation of an evaluation (gradient steps for gradient-based agents); -1 "
           "fills the family's trial, or means 3 where there is none; of few-shot learners as many "
           "as in training.",
       .unit = "units",
       .min = -1,
       .max = 100000});
  v.Field("evaluation_episodes", evaluation_episodes,
          {.help = "Episodes for each task and unit, 0 for as many as in training.",
           .unit = "episodes",
           .min = 0,
           .max = 1e6});
  v.Field("evaluation_seed", evaluation_seed,
          {.help = "The held-out tasks of evaluations: runs with the same number are judged on the "
                   "same ones, whatever their seed.",
           .min = 0,
           .max = static_cast<double>(kLargestSeed)});
  v.Field("evaluation_deterministic", evaluation_deterministic,
          {.help = "Whether evaluations judge the mode of the policy instead of what it draws."});
  v.Field("validation_interval", validation_interval,
          {.help = "Iterations between validations: the checkpoint with the best score on episodes "
                   "of the validation classes is kept apart and judged at the end. 0: none.",
           .unit = "iterations",
           .min = 0,
           .max = kMany});
  v.Field("validation_tasks", validation_tasks,
          {.help = "Episodes of a validation.", .unit = "episodes", .min = 2, .max = 1e6});
}

void NamedOptions::Visit(FieldVisitor& v) {
  v.Field("name", name_, {.help = "Registered name, as listed by fewstep list."});
  options_.Visit(v);
}

namespace {

// The name is a folder of its own inside another one.
void CheckPlace(const Config& config, const RunOptions& run) {
  // room for "-seed123" and ".1" below the 255 bytes of file systems
  constexpr size_t kLongestName = 200, kLongestPath = 3000;
  const auto fail = [&](std::string_view key, std::string_view text) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' cannot be the name of a folder", text),
                config.Where("run", key));
  };
  const auto has_control = [](std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  };
  const std::string& name = run.name;
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.size() > kLongestName || has_control(name)) {
    fail("name", name);
  }
  if (run.directory.empty() || run.directory.size() > kLongestPath || has_control(run.directory)) {
    fail("directory", run.directory);
  }
}

// A run.toml may hold `arms = 0` for a family without arms. The key means nothing there and would
// be refused as unknown, so it is dropped.
void DropZeroArms(Config& config, FamilyOptions& family) {
  const bool has_arms = std::ranges::any_of(
      DescribeFields(family), [](const FieldDescription& field) { return field.key == "arms"; });
  if (!has_arms) config.Drop("family", "arms", 0);
}

}  // namespace

std::unique_ptr<DataOptions> Catalog::MakeDataOptions(const std::string& name) const {
  auto options = std::make_unique<DataOptions>();
  options->of_examples = !functions.Contains(name);
  options->own =
      options->of_examples ? data.Get(name).make_options() : functions.Get(name).make_options();
  return options;
}

std::vector<RunConfig::Table> RunConfig::tables() {
  if (few_shot()) return {{"data", data_name, *data}, {"learner", learner_name, *learner}};
  return {{"family", family_name, *family}, {"agent", agent_name, *agent}};
}

std::string RunConfig::ToToml() {
  std::string text = WriteToml("run", run);
  for (const Table& table : tables()) {
    NamedOptions named(table.chosen, table.options);
    text += '\n';
    text += WriteToml(table.name, named);
  }
  return text;
}

namespace {

// `what` is saved and evaluated as it is.
void CheckUntrained(const Config& config, const RunOptions& run, const std::string& what) {
  if (run.iterations == 0) return;
  ErrorContext where = config.Where("run", "iterations");
  where.remedy = "Set iterations = 0: it is evaluated as it is";
  throw Error(ErrorKind::kUsage, fmt::format("'{}' is not trained", what), where);
}

// [family] and [agent].
void ReadMetaRl(Config& config, const Catalog& catalog, RunConfig& read) {
  read.family_name = config.Choice("family", "name", catalog.families.Names());
  read.family = catalog.families.MakeOptions(read.family_name);
  DropZeroArms(config, *read.family);
  config.Read("family", *read.family, {"name"});
  read.agent_name = config.Choice("agent", "name", catalog.agents.Names());
  read.agent = catalog.agents.Get(read.agent_name).make_options();
  config.Read("agent", *read.agent, {"name"});
  if (!catalog.agents.Get(read.agent_name).trained) {
    CheckUntrained(config, read.run, read.agent_name);
  }
}

// [data] and [learner].
void ReadFewShot(const Config& config, const Catalog& catalog, RunConfig& read) {
  std::vector<std::string> names = catalog.data.Names();
  for (const std::string& name : catalog.functions.Names()) names.push_back(name);
  read.data_name = config.Choice("data", "name", names);
  read.data = catalog.MakeDataOptions(read.data_name);
  config.Read("data", *read.data, {"name"});
  read.learner_name = config.Choice("learner", "name", catalog.learners.Names());
  read.learner = catalog.learners.Get(read.learner_name).make_options();
  config.Read("learner", *read.learner, {"name"});
  if (!catalog.learners.Get(read.learner_name).trained) {
    CheckUntrained(config, read.run, read.learner_name);
  }
}

}  // namespace

RunConfig ReadRunConfig(Config config, const Catalog& catalog, std::string default_name) {
  const bool few_shot = config.Has("data") || config.Has("learner");
  config.CheckTables(few_shot ? std::vector<std::string>{"run", "data", "learner"}
                              : std::vector<std::string>{"run", "family", "agent"});
  RunConfig read;
  read.run.few_shot = few_shot;
  if (few_shot) read.run.evaluation_tasks = kFewShotEpisodes;
  read.run.name = std::move(default_name);
  config.Read("run", read.run);
  CheckPlace(config, read.run);
  if (few_shot) {
    ReadFewShot(config, catalog, read);
  } else {
    ReadMetaRl(config, catalog, read);
  }
  return read;
}

namespace {

// What build.json says of a run's family; empty where it says nothing.
struct FamilyFacts {
  std::string name, origin, library_hash;
};
FamilyFacts ReadFamilyFacts(const std::string& path) {
  FamilyFacts facts;
  try {
    const nlohmann::json json = nlohmann::json::parse(ReadFile(path + "/build.json", 1 << 20));
    facts = {json.value("family", ""), json.value("family_origin", kBuiltIn),
             json.value("family_library_hash", "")};
  } catch (const std::exception&) {
    // it only serves messages
  }
  return facts;
}

}  // namespace

OpenedRun OpenRun(const std::string& path, const Catalog& catalog) {
  const std::string recipe = path + "/run.toml";
  std::error_code ignored;
  if (!std::filesystem::exists(recipe, ignored)) {
    throw Error(ErrorKind::kUsage, "not a run directory: it has no run.toml",
                {.file = path, .remedy = "fewstep list shows the runs in ./runs"});
  }
  OpenedRun run{catalog, {}};
  const std::string copy = fmt::format("{}/{}", path, kFamilyCopy);
  // a folder alone: a library in a run's directory is never loaded
  if (declarative::IsFamilyFolder(copy)) {
    auto [name, entry] = declarative::OpenFamilyFolder(copy, run.catalog.opener.guard);
    run.catalog.families.Replace(name, std::move(entry));
  }
  const FamilyFacts facts = ReadFamilyFacts(path);
  try {
    run.config = ReadRunConfig(Config::ParseFile(recipe), run.catalog);
  } catch (const Error& error) {
    const bool knows = facts.name.empty() || run.catalog.families.Contains(facts.name);
    if (knows || facts.origin == kBuiltIn) throw;
    throw Error(ErrorKind::kUsage,
                fmt::format("the family '{}' of this run is not there", facts.name),
                {.file = recipe,
                 .remedy = fmt::format("It was trained with --plugin {}: add that, or where the "
                                       "plug-in is now",
                                       facts.origin)});
  }
  if (!run.config.few_shot()) {
    const FamilyEntry& entry = run.catalog.families.Get(run.config.family_name);
    if (!entry.library_hash.empty() && !facts.library_hash.empty() &&
        entry.library_hash != facts.library_hash) {
      LogWarning(
          fmt::format("{}: the plug-in {} is another build ({}) than this run was trained "
                      "with ({}); its results may differ",
                      path, entry.origin, entry.library_hash, facts.library_hash));
    }
  }
  // a run may have been moved
  std::filesystem::path place = std::filesystem::path(path).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  if (place == "." || place == "..") place = std::filesystem::weakly_canonical(place);
  run.config.run.directory = place.has_parent_path() ? place.parent_path().string() : ".";
  run.config.run.name = place.filename().string();
  return run;
}

std::vector<std::string> Changes(RunConfig& from, RunConfig& to) {
  const auto assignments = [](RunConfig& config) {
    std::vector<std::string> lines;
    const auto add = [&](std::string_view table, Options& options) {
      for (const FieldDescription& field : DescribeFields(options)) {
        lines.push_back(fmt::format("{}.{}={}", table, field.key, field.value));
      }
    };
    add("run", config.run);
    for (const RunConfig::Table& table : config.tables()) {
      NamedOptions named(table.chosen, table.options);
      add(table.name, named);
    }
    return lines;
  };
  const std::vector<std::string> before = assignments(from);
  std::vector<std::string> changes;
  for (const std::string& line : assignments(to)) {
    if (line.starts_with("run.name=") || line.starts_with("run.directory=")) continue;
    if (std::ranges::find(before, line) == before.end()) changes.push_back(line);
  }
  return changes;
}

void CheckResumable(const std::string& change, const std::string& file) {
  const std::string key = change.substr(0, change.find('='));
  const std::string keys = fmt::format(", {},", kResumableKeys);
  if (key.find(',') == std::string::npos &&
      keys.find(fmt::format(" {},", key)) != std::string::npos) {
    return;
  }
  throw Error(ErrorKind::kUsage, fmt::format("a resumed run cannot change this ({})", change),
              {.file = file,
               .key = key,
               .remedy = fmt::format("It can change {}; start a new run for anything else",
                                     kResumableKeys)});
}

int ResolveThreads(int64_t threads) {
  if (threads > 0) return static_cast<int>(threads);
  // what this process may use, which in a container can be less than the machine has
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace fewstep

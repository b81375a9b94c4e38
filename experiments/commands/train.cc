// fewstep train, fewstep resume
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/curve_report.h"
#include "experiments/reports/seeds.h"
#include "experiments/running/recipe_book.h"
#include "experiments/running/run_directory.h"
#include "experiments/running/trainer.h"

namespace fewstep {
namespace {

struct TrainArguments {
  std::string recipe;
  std::vector<std::string> sets;
  std::string seeds, device;
  bool resume = false, restart = false;
};

// What to do in a directory: a new run, the one that is there, or a new one in its place.
enum class Plan { kStart, kResume, kRestart };

// Asks when a person is there, and fails otherwise.
Plan AskAboutExisting(const std::string& path) {
  const std::string advice = fmt::format(
      "fewstep resume {} continues it; train --restart keeps it under another name and starts anew",
      path);
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    throw Error(ErrorKind::kUsage, "the run exists already", {.file = path, .remedy = advice});
  }
  std::fputs(fmt::format("{} exists already. [r]esume it, [s]tart anew (it is kept under another "
                         "name), or [q]uit? ",
                         path)
                 .c_str(),
             stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer.starts_with("r")) return Plan::kResume;
  if (answer.starts_with("s")) return Plan::kRestart;
  throw Error(ErrorKind::kUsage, "left as it was", {.file = path, .remedy = advice});
}

// Moves a run out of the way: NAME.1, NAME.2, ...
void MoveAside(const std::string& path) {
  // not while another process trains in it
  RunDirectory earlier(path, 2);
  earlier.Lock();
  int number = 1;
  while (std::filesystem::exists(fmt::format("{}.{}", path, number))) ++number;
  const std::string moved = fmt::format("{}.{}", path, number);
  std::error_code error;
  std::filesystem::rename(path, moved, error);
  if (error) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot be moved: {}", error.message()),
                {.file = path});
  }
  LogInfo(fmt::format("The earlier run is kept as {}", moved));
}

// The recipe with the command line's overrides.
RunConfig ReadRecipe(const TrainArguments& arguments, const Catalog& catalog,
                     std::optional<int64_t> seed = {}) {
  OpenedRecipe recipe = OpenRecipe(arguments.recipe);
  Config& config = recipe.config;
  if (!arguments.device.empty()) config.Set("run.device=" + arguments.device);
  for (const std::string& set : arguments.sets) config.Set(set);
  if (seed) config.Set(fmt::format("run.seed={}", *seed));
  RunConfig read = ReadRunConfig(std::move(config), catalog, recipe.name);
  if (seed) read.run.name += fmt::format("-seed{}", *seed);
  return read;
}

// What may change without changing what was trained so far.
RunConfig WithChanges(RunConfig stored, const std::vector<std::string>& changes,
                      const std::string& source, const Catalog& catalog) {
  Config config = Config::ParseText(stored.ToToml(), stored.run_path() + "/run.toml");
  for (const std::string& change : changes) {
    CheckResumable(change, source);
    config.Set(change);
  }
  return ReadRunConfig(std::move(config), catalog);
}

struct PlannedRun {
  Catalog catalog;
  RunConfig config;
  Plan plan = Plan::kStart;
};

// Decides about a run that is there already; changes nothing on the disk.
PlannedRun PlanRun(RunConfig config, const TrainArguments& arguments, const Catalog& catalog) {
  const std::string path = config.run_path();
  if (!RunDirectory(path, 2).Exists()) return {catalog, std::move(config), Plan::kStart};
  const Plan plan = arguments.resume    ? Plan::kResume
                    : arguments.restart ? Plan::kRestart
                                        : AskAboutExisting(path);
  if (plan == Plan::kRestart) return {catalog, std::move(config), plan};
  OpenedRun stored = OpenRun(path, catalog);
  const std::vector<std::string> changes = Changes(stored.config, config);
  config = WithChanges(std::move(stored.config), changes, arguments.recipe, stored.catalog);
  return {std::move(stored.catalog), std::move(config), plan};
}

TrainResult TrainPlanned(PlannedRun& run, const TrainOptions& options) {
  return Train(run.config, run.catalog, run.plan == Plan::kResume, options, [&] {
    if (run.plan == Plan::kRestart) MoveAside(run.config.run_path());
  });
}

int Finish(const TrainResult& result, const CommonOptions& common) {
  if (result.signal != 0) return 128 + result.signal;
  if (common.json) {
    Print(CurveJson(result.evaluation, result.iteration));
    return 0;
  }
  PrintCurve(result.evaluation, result.iteration);
  Print("Saved as {}.{{json,md,svg}}\n", result.evaluation_path);
  return 0;
}

int RunTrain(const TrainArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const TrainOptions options{.quiet = common.quiet, .command_line = common.command_line};
  const Catalog& catalog = common.catalog;
  RunConfig config = ReadRecipe(arguments, catalog);
  if (arguments.seeds.empty()) {
    PlannedRun run = PlanRun(std::move(config), arguments, catalog);
    return Finish(TrainPlanned(run, options), common);
  }

  // one run a seed, then statistics over all
  std::vector<PlannedRun> runs;
  for (const int64_t seed : ParseSeeds(arguments.seeds)) {
    runs.push_back(PlanRun(ReadRecipe(arguments, catalog, seed), arguments, catalog));
  }
  std::vector<SeedResult> results;
  LearningCurve learning_curve;
  for (PlannedRun& run : runs) {
    const TrainResult result = TrainPlanned(run, options);
    if (result.signal != 0) return 128 + result.signal;
    learning_curve = result.learning_curve;
    results.push_back(
        {run.config.run.seed, run.config.run_path(), result.iteration, result.evaluation});
  }
  ReportSeeds(results, learning_curve, fmt::format("{}-seeds", config.run_path()), common.json);
  return 0;
}

struct ResumeArguments {
  std::string run;
  std::vector<std::string> sets;
  std::string device;
};

int RunResume(const ResumeArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  std::vector<std::string> changes = arguments.sets;
  if (!arguments.device.empty()) changes.push_back("run.device=" + arguments.device);
  OpenedRun run = OpenRun(arguments.run, common.catalog);
  RunConfig config = WithChanges(std::move(run.config), changes, "--set", run.catalog);
  return Finish(Train(config, run.catalog, /*resume=*/true,
                      {.quiet = common.quiet, .command_line = common.command_line}),
                common);
}

}  // namespace

void AddTrainCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Meta-train an agent from a recipe.");
  command->footer(
      "RECIPE is one that comes with the program (`fewstep list recipes` shows them, `fewstep "
      "describe\n"
      "quickstart` prints one to start from), or a file: a path with a '/' or ending in .toml.\n\n"
      "Writes runs/NAME/ with the resolved recipe, facts about build and machine, metrics (JSON\n"
      "lines, CSV, TensorBoard), checkpoints and the adaptation curve. Ctrl-C saves a checkpoint;\n"
      "fewstep resume continues. `fewstep describe run` lists the keys of [run], `fewstep "
      "describe\n"
      "maml-ppo` those of an agent.\n\n"
      "Examples:\n"
      "  fewstep train quickstart\n"
      "  fewstep train promp-point-nav --set run.seed=2 --set agent.inner_learning_rate=0.05\n"
      "  fewstep train ./recipe.toml --seeds 1..3");
  command->add_option("recipe", arguments->recipe, "Name of a built-in recipe, or a file (TOML)")
      ->required();
  command->add_option("--set", arguments->sets, "Override: table.key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--seeds", arguments->seeds,
                      "Train once for each seed, as 1..3 or 1,2,5, and report all together");
  command->add_option("--device", arguments->device, "cpu or cuda, instead of run.device")
      ->check(CLI::IsMember(NamesOf(kDeviceNames)));
  auto* resume = command->add_flag("--resume", arguments->resume, "Continue the run if it exists");
  command
      ->add_flag("--restart", arguments->restart,
                 "Start anew if the run exists; the earlier one is kept as NAME.1, NAME.2, ...")
      ->excludes(resume);
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print the final evaluation as JSON");
  AddPluginOptions(*command, common);
  command->callback([arguments, &common, &exit_code] { exit_code = RunTrain(*arguments, common); });
}

void AddResumeCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<ResumeArguments>();
  CLI::App* command =
      app.add_subcommand("resume", "Continue a run from its newest readable checkpoint.");
  command->footer(
      "The metrics become those of an uninterrupted run, byte for byte on the same machine.\n\n"
      "Examples:\n"
      "  fewstep resume runs/quickstart\n"
      "  fewstep resume runs/quickstart --set run.iterations=500     train longer");
  command->add_option("run", arguments->run, "Run directory")->required();
  command
      ->add_option("--set", arguments->sets,
                   fmt::format("Override, stored in run.toml, of {}", kResumableKeys))
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--device", arguments->device, "cpu or cuda, instead of run.device")
      ->check(CLI::IsMember(NamesOf(kDeviceNames)));
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print the final evaluation as JSON");
  AddPluginOptions(*command, common);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunResume(*arguments, common); });
}

}  // namespace fewstep

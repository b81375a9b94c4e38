// fewstep train, fewstep resume
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/seeds.h"
#include "experiments/trainer.h"

namespace fewstep {
namespace {

struct TrainArguments {
  std::string recipe;
  std::vector<std::string> sets;
  std::string seeds, device;
  bool resume = false, restart = false;
};

enum class Existing { kFail, kResume, kRestart };

// Asks when a person is there, and fails otherwise.
Existing AskAboutExisting(const std::string& path) {
  const std::string advice = fmt::format(
      "fewstep resume {} continues it; train --restart keeps it under another name and starts anew",
      path);
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    throw Error(ErrorKind::kUsage, "the run exists already", {.file = path, .remedy = advice});
  }
  fmt::print(stderr,
             "{} exists already. [r]esume it, [s]tart anew (it is kept under another name), "
             "or [q]uit? ",
             path);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer.starts_with("r")) return Existing::kResume;
  if (answer.starts_with("s")) return Existing::kRestart;
  throw Error(ErrorKind::kUsage, "left as it was", {.file = path, .remedy = advice});
}

// Moves a run out of the way: NAME.1, NAME.2, ...
void MoveAside(const std::string& path) {
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

RunConfig ReadRecipe(const TrainArguments& arguments) {
  Config config = Config::ParseFile(arguments.recipe);
  if (!arguments.device.empty()) config.Set("run.device=" + arguments.device);
  for (const std::string& set : arguments.sets) config.Set(set);
  RunConfig read = ReadRunConfig(config, BuiltinFamilies(), BuiltinAgents());
  if (!config.Has("run", "name")) {
    read.run.name = std::filesystem::path(arguments.recipe).stem().string();
  }
  return read;
}

TrainResult TrainOne(RunConfig& config, const TrainArguments& arguments,
                     const TrainOptions& options) {
  const std::string path = config.run_path();
  if (std::filesystem::exists(path + "/run.toml")) {
    const Existing choice = arguments.resume    ? Existing::kResume
                            : arguments.restart ? Existing::kRestart
                                                : AskAboutExisting(path);
    if (choice == Existing::kResume) {
      RunConfig stored = ReadRun(path);
      return Resume(stored, options);
    }
    MoveAside(path);
  }
  return Train(config, options);
}

int Finish(const TrainResult& result, const CommonOptions& common) {
  if (result.signal != 0) return 128 + result.signal;
  if (common.json) {
    std::fputs(CurveJson(result.evaluation, result.iteration).c_str(), stdout);
    return 0;
  }
  PrintCurve(result.evaluation, result.iteration);
  fmt::print("Saved as {}.{{json,md,svg}}\n", result.evaluation_path);
  return 0;
}

int RunTrain(const TrainArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const TrainOptions options{.quiet = common.quiet, .command_line = common.command_line};
  RunConfig config = ReadRecipe(arguments);
  if (arguments.seeds.empty()) return Finish(TrainOne(config, arguments, options), common);

  // one run a seed, then statistics over all
  const std::string name = config.run.name;
  std::vector<SeedResult> results;
  for (const int64_t seed : ParseSeeds(arguments.seeds)) {
    RunConfig seed_config = ReadRecipe(arguments);
    seed_config.run.seed = seed;
    seed_config.run.name = fmt::format("{}-seed{}", name, seed);
    const TrainResult result = TrainOne(seed_config, arguments, options);
    if (result.signal != 0) return 128 + result.signal;
    results.push_back({seed, seed_config.run_path(), result.evaluation});
  }
  const std::string base = fmt::format("{}/{}-seeds", config.run.directory, name);
  ReportSeeds(results, base, common.json);
  return 0;
}

struct ResumeArguments {
  std::string run;
  std::vector<std::string> sets;
  std::string device;
};

// What may change without changing what was trained so far.
int RunResume(const ResumeArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  RunConfig config = ReadRun(arguments.run);
  Config stored = Config::ParseText(config.ToToml(), arguments.run + "/run.toml");
  std::vector<std::string> sets = arguments.sets;
  if (!arguments.device.empty()) sets.push_back("run.device=" + arguments.device);
  const std::vector<std::string> allowed = {"run.iterations", "run.threads",
                                            "run.checkpoint_interval", "run.keep_checkpoints",
                                            "run.device"};
  for (const std::string& set : sets) {
    const std::string key = set.substr(0, set.find('='));
    if (std::ranges::find(allowed, key) == allowed.end()) {
      throw Error(ErrorKind::kUsage, "a resumed run cannot change this",
                  {.file = "--set " + set,
                   .key = key,
                   .remedy = fmt::format("It can change {}; start a new run for anything else",
                                         fmt::join(allowed, ", "))});
    }
    stored.Set(set);
    LogInfo(fmt::format("changed: {}", set));
  }
  config = ReadRunConfig(stored, BuiltinFamilies(), BuiltinAgents());
  return Finish(Resume(config, {.quiet = common.quiet, .command_line = common.command_line}),
                common);
}

}  // namespace

void AddTrainCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Meta-train an agent from a recipe.");
  command->footer(
      "Writes runs/NAME/ with the resolved recipe, facts about build and machine, metrics (JSON\n"
      "lines, CSV, TensorBoard), checkpoints and the adaptation curve. Ctrl-C saves a checkpoint;\n"
      "fewstep resume continues. `fewstep describe run` lists the keys of [run], `fewstep "
      "describe\n"
      "maml-ppo` those of an agent.\n\n"
      "Examples:\n"
      "  fewstep train experiments/recipes/quickstart.toml\n"
      "  fewstep train recipe.toml --set run.seed=2 --set agent.inner_learning_rate=0.05\n"
      "  fewstep train recipe.toml --seeds 1..3");
  command->add_option("recipe", arguments->recipe, "Recipe (TOML)")->required();
  command->add_option("--set", arguments->sets, "Override: table.key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--seeds", arguments->seeds,
                      "Train once for each seed, as 1..3 or 1,2,5, and report all together");
  command->add_option("--device", arguments->device, "cpu or cuda, instead of run.device");
  auto* resume = command->add_flag("--resume", arguments->resume, "Continue the run if it exists");
  command
      ->add_flag("--restart", arguments->restart,
                 "Start anew if the run exists; the earlier one is kept as NAME.1, NAME.2, ...")
      ->excludes(resume);
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print the final evaluation as JSON");
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
                   "Override of run.iterations, run.threads, run.checkpoint_interval, "
                   "run.keep_checkpoints or run.device")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--device", arguments->device, "cpu or cuda, instead of run.device");
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print the final evaluation as JSON");
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunResume(*arguments, common); });
}

}  // namespace fewstep

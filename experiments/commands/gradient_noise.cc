// fewstep gradient-noise
#include "experiments/studies/gradient_noise.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/checkpoint_store.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/table.h"
#include "experiments/running/progress.h"

namespace fewstep {
namespace {

struct GradientNoiseArguments {
  std::string run, checkpoint;
  std::vector<std::string> surrogates;
  int rounds = 10, tasks = 0;
  int64_t seed = -1, threads = 0;
  bool all = false;
};

int RunGradientNoise(const GradientNoiseArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  auto [catalog, config] = OpenRun(arguments.run, common.catalog);
  config.run.threads = arguments.threads;
  GradientNoiseOptions options{
      .rounds = arguments.rounds,
      .tasks = arguments.tasks,
      .seed = arguments.seed >= 0 ? static_cast<uint64_t>(arguments.seed) : EvaluationSeed(config)};
  if (!arguments.surrogates.empty()) options.surrogates.clear();
  for (const std::string& name : arguments.surrogates) {
    options.surrogates.push_back(ValueOf(kSurrogateNames, name));
  }

  // the newest checkpoint, the one that was named, or all that the run kept, oldest first
  std::vector<TensorFile> checkpoints;
  if (arguments.all) {
    const auto kept = CheckpointStore(config.run_path() + "/checkpoints").List();
    for (auto it = kept.rbegin(); it != kept.rend(); ++it) {
      checkpoints.push_back(CheckpointStore::Load(it->path));
    }
  }
  if (checkpoints.empty()) checkpoints.push_back(OpenCheckpoint(config, arguments.checkpoint));

  const int64_t estimates =
      static_cast<int64_t>(checkpoints.size() * options.surrogates.size()) * options.rounds;
  LogInfo(fmt::format("{}: {} meta-gradients ...", config.run_path(), estimates));
  Table table({{"iteration", Align::kRight},
               {"inner surrogate"},
               {"signal", Align::kRight},
               {"deviation", Align::kRight},
               {"relative", Align::kRight},
               {"cosine", Align::kRight}});
  nlohmann::ordered_json json = {{"run", config.run_path()},
                                 {"agent", config.agent_name},
                                 {"family", config.family_name},
                                 {"rounds", options.rounds},
                                 {"seed", options.seed}};
  int64_t done = 0;
  Progress progress(0, estimates, {.quiet = common.quiet, .item = "meta-gradient"});
  for (const TensorFile& checkpoint : checkpoints) {
    const auto iteration = checkpoint.Scalar<int64_t>("run.iteration");
    const std::vector<GradientNoise> study = MeasureGradientNoise(
        config, catalog, checkpoint, options, [&] { progress.Update({.iteration = ++done}); });
    for (const GradientNoise& noise : study) {
      table.AddRow({fmt::format("{}", iteration), NameOf(kSurrogateNames, noise.surrogate),
                    noise.signal ? fmt::format("{:.4g}", *noise.signal) : "no signal",
                    fmt::format("{:.4g}", noise.deviation),
                    noise.relative ? fmt::format("{:.2f}", *noise.relative) : "-",
                    fmt::format("{:.3f}", noise.agreement)});
      nlohmann::ordered_json row = {{"iteration", iteration},
                                    {"inner_surrogate", NameOf(kSurrogateNames, noise.surrogate)},
                                    {"mean_norm", noise.mean_norm},
                                    {"deviation", noise.deviation},
                                    {"signal", nullptr},
                                    {"relative_deviation", nullptr},
                                    {"mean_cosine", noise.agreement}};
      if (noise.signal) row["signal"] = *noise.signal;
      if (noise.relative) row["relative_deviation"] = *noise.relative;
      json["study"].push_back(std::move(row));
    }
  }
  progress.Finish();
  Print(common.json ? ToText(json) : FittedText(table));
  return 0;
}

}  // namespace

void AddGradientNoiseCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<GradientNoiseArguments>();
  CLI::App* command = app.add_subcommand(
      "gradient-noise",
      "Measure how noisy the meta-gradient of a run is with each inner surrogate.");
  command->footer(
      "Estimates the meta-gradient again and again on fresh tasks and episodes, at the parameters\n"
      "of a checkpoint, with the same episodes for every surrogate. Columns: the signal, the norm "
      "of\n"
      "the expected estimate (that of the mean without the noise which the mean still has; \"no\n"
      "signal\" where noise alone explains it: take more rounds or tasks); the deviation of one "
      "estimate\n"
      "(the square root of the summed variances); their ratio, the noise beside the signal; and\n"
      "the mean cosine between two estimates.\n\n"
      "Examples:\n"
      "  fewstep gradient-noise runs/quickstart\n"
      "  fewstep gradient-noise runs/quickstart --all --rounds 20 --json");
  command->add_option("run", arguments->run, "Run directory")->required();
  auto* named =
      command->add_option("--checkpoint", arguments->checkpoint, "A checkpoint; default: newest");
  command->add_flag("--all", arguments->all, "Every checkpoint that the run kept")->excludes(named);
  std::vector<std::string> surrogates;
  for (const Surrogate surrogate : GradientNoiseOptions().surrogates) {
    surrogates.push_back(NameOf(kSurrogateNames, surrogate));
  }
  command->add_option("--surrogates", arguments->surrogates, "Inner surrogates to compare")
      ->delimiter(',')
      ->check(CLI::IsMember(surrogates));
  command->add_option("--rounds", arguments->rounds, "Estimates of each")
      ->check(CLI::Range(3, 100000))
      ->capture_default_str();
  command->add_option("--tasks", arguments->tasks, "Tasks of an estimate, 0 for as in training")
      ->check(CLI::Range(0, 100000));
  command->add_option("--seed", arguments->seed, "Other tasks and episodes than the run's own")
      ->check(CLI::Range(int64_t{0}, kLargestSeed));
  command->add_option("--threads", arguments->threads, "0 for one a processor")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print JSON");
  AddPluginOptions(*command, common);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunGradientNoise(*arguments, common); });
}

}  // namespace fewstep

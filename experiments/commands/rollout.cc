// fewstep rollout
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "envs/task_family.h"
#include "experiments/cli.h"
#include "experiments/csv.h"
#include "experiments/output.h"
#include "experiments/running/run_config.h"

namespace fewstep {
namespace {

struct RolloutArguments {
  std::string family, actions, initial_state, out;
  std::vector<std::string> task;
  int64_t seed = 0, horizon = 0;
  bool observe_task = false;
};

void AppendRow(std::string& csv, int64_t step, std::span<const double> observation,
               const std::string& rest) {
  csv += fmt::format("{}", step);
  for (const double value : observation) csv += fmt::format(",{:.17g}", value);
  csv += rest;
  csv += '\n';
}

int RunRollout(const RolloutArguments& arguments, const CommonOptions& common) {
  // --out is replaced by a rename, which would replace a device or a pipe by a file: refuse them
  std::error_code error;
  const auto status = std::filesystem::status(arguments.out, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(
        ErrorKind::kUsage, "this is not a file",
        {.file = arguments.out, .key = "--out", .remedy = "Without --out the CSV goes to stdout"});
  }
  const FamilyCatalog& families = common.catalog.families;
  const std::unique_ptr<FamilyOptions> options = families.MakeOptions(arguments.family);
  options->horizon = arguments.horizon;
  options->observe_task = arguments.observe_task;
  const std::unique_ptr<TaskFamily> family = families.Make(arguments.family, *options);
  const FamilySpec& spec = family->spec();
  const Task task = ParseTask(spec, arguments.task);
  const std::vector<std::vector<double>> actions =
      ReadCsv(arguments.actions, static_cast<size_t>(spec.action_width()));
  if (actions.empty()) {
    throw Error(ErrorKind::kData, "there are no actions in it", {.file = arguments.actions});
  }
  if (actions.size() > static_cast<size_t>(spec.horizon)) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("{} actions, but an episode has {} steps", actions.size(), spec.horizon),
        {.file = arguments.actions, .remedy = fmt::format("Add --horizon {}", actions.size())});
  }
  for (size_t row = 0; spec.action_kind == ActionKind::kDiscrete && row < actions.size(); ++row) {
    const double choice = actions[row][0];
    if (choice != std::floor(choice) || choice < 0 || choice >= spec.action_size) {
      throw Error(ErrorKind::kData,
                  fmt::format("action {} is not one of 0 to {}", choice, spec.action_size - 1),
                  {.file = arguments.actions});
    }
  }

  // one simulation at the asked state
  const std::unique_ptr<VectorEnv> env = family->MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  const int id = 0;
  std::vector<float> rounded(static_cast<size_t>(spec.observation_size));
  env->Reset({&id, 1}, Rng(static_cast<uint64_t>(arguments.seed)).Fork("rollout"), rounded);
  if (!arguments.initial_state.empty()) {
    const auto rows = ReadCsv(arguments.initial_state, spec.state.size());
    if (rows.size() != 1) {
      throw Error(ErrorKind::kData, fmt::format("expected one row, found {}", rows.size()),
                  {.file = arguments.initial_state,
                   .remedy = fmt::format("Its columns are {}", fmt::join(spec.state, ","))});
    }
    env->SetState(0, rows[0]);
  }

  // header, the first observation, and one row a step
  std::string csv = "step";
  for (int i = 0; i < spec.observation_size; ++i) csv += fmt::format(",observation_{}", i);
  csv += ",reward,terminated,truncated,diverged";
  for (const std::string& metric : spec.metrics) csv += "," + metric;
  csv += '\n';
  std::vector<double> observation(static_cast<size_t>(spec.observation_size));
  env->Observe(0, observation);
  AppendRow(csv, 0, observation, ",,,," + std::string(spec.metrics.size(), ','));
  StepBatch batch = env->MakeStepBatch();
  double total = 0;
  int64_t step = 0;
  bool ended = false;
  for (; step < static_cast<int64_t>(actions.size()) && !ended; ++step) {
    env->Step(actions[static_cast<size_t>(step)], batch);
    total += batch.rewards[0];
    ended = batch.terminated[0] || batch.truncated[0] || batch.diverged[0];
    std::string rest = fmt::format(",{:.17g},{},{},{}", batch.rewards[0], batch.terminated[0],
                                   batch.truncated[0], batch.diverged[0]);
    for (const double metric : batch.metrics) rest += fmt::format(",{:.17g}", metric);
    AppendRow(csv, step + 1, batch.observations64, rest);
  }
  if (!arguments.out.empty()) WriteFileAtomically(arguments.out, csv);

  if (common.json) {
    const nlohmann::ordered_json json = {{"family", spec.name},
                                         {"family_hash", family->hash()},
                                         {"task", ToString(spec, task)},
                                         {"steps", step},
                                         {"return", total},
                                         {"terminated", batch.terminated[0] != 0},
                                         {"truncated", batch.truncated[0] != 0},
                                         {"diverged", batch.diverged[0] != 0},
                                         {"out", arguments.out}};
    Print(ToText(json));
  } else if (arguments.out.empty()) {
    Print(csv);
  } else {
    Print("{} ({}), {}: {} steps, return {:.17g}{}; written to {}\n", spec.name, family->hash(),
          ToString(spec, task), step, total, batch.diverged[0] ? ", diverged" : "", arguments.out);
  }
  return 0;
}

}  // namespace

void AddRolloutCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<RolloutArguments>();
  CLI::App* command = app.add_subcommand(
      "rollout", "Replay given actions and write what the family answers, with 17 digits.");
  command->footer(
      "For comparing a family with another implementation. ACTIONS has one row a control step, in\n"
      "the units of the policy's output (see `fewstep describe FAMILY`); INITIAL_STATE has one "
      "row\n"
      "with the numbers that `describe` lists under state. Without --out the CSV goes to "
      "stdout.\n\n"
      "Example:\n"
      "  fewstep rollout half-cheetah-dir@promp --task direction=1 --actions actions.csv \\\n"
      "      --initial-state state.csv --seed 0 --out trajectory.csv");
  command->add_option("family", arguments->family, "Family, as listed by fewstep list")->required();
  command->add_option("--task", arguments->task, "A task parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("--actions", arguments->actions, "CSV, one row a control step")->required();
  command->add_option("--initial-state", arguments->initial_state, "CSV with one row");
  command->add_option("--seed", arguments->seed, "Of the reset and the dynamics")
      ->check(CLI::Range(int64_t{0}, kLargestSeed))
      ->capture_default_str();
  command->add_option("--horizon", arguments->horizon, "Another horizon than the published one")
      ->check(CLI::Range(0, 1000000000));
  command->add_flag("--observe-task", arguments->observe_task,
                    "Write the task behind each observation");
  command->add_option("--out", arguments->out, "CSV to write");
  command->add_flag("--json", common.json, "Print a summary as JSON");
  AddPluginOptions(*command, common);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunRollout(*arguments, common); });
}

}  // namespace fewstep

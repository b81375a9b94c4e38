// fewstep view
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/running/agent_controller.h"
#include "experiments/running/workbench.h"
#include "viewer/window.h"

namespace fewstep {
namespace {

// Tasks that the key N goes through.
constexpr int kTasks = 100;

struct ViewArguments {
  std::string run, checkpoint, screenshot;
  std::vector<std::string> task;
  int64_t units = 3, seed = -1, threads = 0;
  double seconds = 0;
  bool deterministic = false;
};

int RunView(const ViewArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  auto [catalog, config] = OpenRun(arguments.run, common.catalog);
  config.run.threads = arguments.threads;
  Workbench bench(config, catalog);

  // the agent as it was saved
  const TensorFile checkpoint = OpenCheckpoint(config, arguments.checkpoint);
  LoadAgent(checkpoint, bench, config);

  // the tasks to play: the one asked for, or those of evaluations
  if (arguments.seed >= 0) config.run.evaluation_seed = arguments.seed;
  const EvaluationOptions evaluation = EvaluationOf(config);
  const Rng rng(evaluation.seed);
  std::vector<Task> tasks;
  if (arguments.task.empty()) {
    tasks = bench.family->Sample(Split::kTest, kTasks, Rng(evaluation.task_seed).Fork("tasks"));
  } else {
    tasks.push_back(ParseTask(bench.family->spec(), arguments.task));
  }

  // open the window before anything that takes long: there may be no display
  Window window(fmt::format("fewstep: {}, {}", config.run_path(), config.family_name));
  LogInfo(fmt::format("{}: adapting to {}. F1 in the window lists the keys.", checkpoint.path(),
                      ToString(bench.family->spec(), tasks.front())));
  AgentController controller(
      *bench.agent, bench.sampler,
      {.units = static_cast<int>(arguments.units), .deterministic = arguments.deterministic},
      rng.Fork("controller"));
  Playback playback(*bench.family, controller, std::move(tasks), rng.Fork("playback"));
  window.Play(playback, arguments.seconds);
  if (!arguments.screenshot.empty()) {
    WriteFileAtomically(arguments.screenshot, ToPpm(window.Capture(playback)));
    LogInfo(fmt::format("Saved the last picture as {}", arguments.screenshot));
  }
  return 0;
}

}  // namespace

void AddViewCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<ViewArguments>();
  CLI::App* command =
      app.add_subcommand("view", "Watch a trained agent before and after it adapts, in a window.");
  command->footer(
      "The agent first adapts to the task in episodes that are not shown. The window then plays\n"
      "episodes in real time. The keys 0, 1, 2, ... choose after how many units of adaptation\n"
      "(gradient steps for gradient-based agents), N goes to the next held-out task, and F1\n"
      "lists all keys. It needs a display; `xvfb-run -a fewstep view ...` works without one.\n\n"
      "Examples:\n"
      "  fewstep view runs/quickstart\n"
      "  fewstep view runs/quickstart --task direction=-1 --units 1\n"
      "  fewstep view runs/quickstart --seconds 5 --screenshot quickstart.ppm");
  command->add_option("run", arguments->run, "Run directory")->required();
  command->add_option("--checkpoint", arguments->checkpoint, "A checkpoint; default: the newest");
  command->add_option("--task", arguments->task, "A task parameter; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command->add_option("--units", arguments->units, "Units of adaptation that can be shown")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Other tasks than those of run.evaluation_seed")
      ->check(CLI::Range(int64_t{0}, kLargestSeed));
  command->add_option("--threads", arguments->threads, "For adapting; 0 for one a processor")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--deterministic", arguments->deterministic,
                    "Act with the mode of the policy instead of sampling; an agent that adapts by\n"
                    "gradients goes on sampling what it adapts on");
  command->add_option("--seconds", arguments->seconds, "Close the window after so many seconds")
      ->check(CLI::PositiveNumber);
  command->add_option("--screenshot", arguments->screenshot,
                      "Write the last picture here, as a PPM image");
  command->add_flag("--quiet", common.quiet, "No progress");
  AddPluginOptions(*command, common);
  command->callback([arguments, &common, &exit_code] { exit_code = RunView(*arguments, common); });
}

}  // namespace fewstep

// fewstep view
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/commands/watching.h"
#include "viewer/window.h"

namespace fewstep {
namespace {

struct ViewArguments : WatchArguments {
  std::string screenshot;
  double seconds = 0, scale = 0;
  bool full_screen = false;
};

int RunView(const ViewArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const std::unique_ptr<Watched> watched = OpenWatched(arguments, common);
  Window window(watched->title(), 1280, 800, arguments.scale);
  window.Open(*watched->show);
  if (arguments.full_screen) window.Send({.key = {.key = Key::kF5}});
  LogInfo(fmt::format("{}. F1 in the window lists the keys.", watched->title()));
  BeginTask(arguments, *watched);
  window.Play(arguments.seconds);
  if (!arguments.screenshot.empty()) {
    watched->show->WaitUntilAdapted();
    WriteFileAtomically(arguments.screenshot, ToPng(window.Capture()));
    LogInfo(fmt::format("Saved the last picture as {}", arguments.screenshot));
  }
  return 0;
}

}  // namespace

void AddViewCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<ViewArguments>();
  CLI::App* command = app.add_subcommand("view", "Watch an agent adapt, in a window.");
  command->footer(
      "Panes side by side show the agent at one task before adapting and after each unit of\n"
      "adaptation (gradient steps, episodes of a trial), from the same start. Sliders set another\n"
      "task: the agent adapts to it in the background, and the panes begin anew. The mouse turns\n"
      "the camera, and with Ctrl pushes the robot; F1 lists all keys, which are those of MuJoCo's\n"
      "own viewer where it has them. Without a display: fewstep record.\n"
      "Of a run of few-shot learning it shows an episode and what is predicted of it after each\n"
      "unit; a button takes the next episode, sliders set shots, units and, where the learner\n"
      "allows, ways.\n\n"
      "Examples:\n"
      "  fewstep view runs/quickstart\n"
      "  fewstep view runs/quickstart --task direction=-1 --show 0,1\n"
      "  fewstep view runs/promp-point-nav runs/maml-trpo-point-nav\n"
      "  fewstep view bandit-bernoulli@rl2 --agent thompson\n"
      "  fewstep view runs/maml-sinusoid-5 --units 10\n"
      "  fewstep view runs/quickstart --seconds 5 --screenshot quickstart.png");
  AddWatchOptions(*command, *arguments);
  command->add_flag("--full-screen", arguments->full_screen, "Fill the screen");
  command
      ->add_option("--scale", arguments->scale,
                   "Size of letters and lines; default: as the display says")
      ->check(CLI::Range(0.5, 8.0));
  command->add_option("--seconds", arguments->seconds, "Close the window after so many seconds")
      ->check(CLI::PositiveNumber);
  command->add_option("--screenshot", arguments->screenshot, "Write the last picture here, as PNG");
  command->add_flag("--quiet", common.quiet, "No progress");
  AddPluginOptions(*command, common);
  command->callback([arguments, &common, &exit_code] { exit_code = RunView(*arguments, common); });
}

}  // namespace fewstep

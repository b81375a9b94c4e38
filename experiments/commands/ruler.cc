// fewstep ruler
#include "experiments/studies/ruler.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/running/run_config.h"

namespace fewstep {
namespace {

int RunRuler(const RulerOptions& options, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const Ruler ruler = MeasureRuler(options, common.catalog);
  Print(common.json ? RulerJson(ruler) : RulerText(ruler, OutputWidth()));
  return 0;
}

}  // namespace

void AddRulerCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto options = std::make_shared<RulerOptions>();
  CLI::App* command =
      app.add_subcommand("ruler", "Measure the classical agents on a bandit or a tabular process.");
  command->footer(
      "Every classical agent plays the same held-out tasks under the evaluator that meta-learners\n"
      "get: the sum of returns over a trial, with its standard error, and what can be computed\n"
      "exactly. Where the published figures are made by another rule than the agent's default, "
      "that\n"
      "rule is a row of its own, and only it is compared with them: the difference, less the\n"
      "rounding of what was published, in standard errors of both means. --tune chooses the\n"
      "constant of every rule on as many training tasks from a grid, and says when the best value\n"
      "is the last one of it.\n\n"
      "Examples:\n"
      "  fewstep ruler bandit-bernoulli@rl2\n"
      "  fewstep ruler bandit-bernoulli@rl2 --arms 50 --episodes 500 --tune\n"
      "  fewstep ruler bandit-bernoulli@rl2 --trials 20000 --agents greedy,gittins --runs "
      "runs/mine "
      "--against greedy\n"
      "  fewstep ruler tabular-mdp@rl2 --episodes 100 --agents psrl,ucrl2 --json");
  command->add_option("family", options->family, "A bandit or tabular-mdp@rl2")->required();
  command->add_option("--arms", options->arms, "Arms of a bandit; 0: the published")
      ->check(CLI::Range(0, 10000));
  command
      ->add_option("--episodes", options->episodes,
                   "Episodes of a trial (pulls of a bandit); 0: the published")
      ->check(CLI::Range(0, 100000));
  command->add_option("--trials", options->trials, "Tasks, one trial each")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of tasks, episodes and intervals")
      ->check(CLI::Range(int64_t{0}, kLargestSeed))
      ->capture_default_str();
  command->add_option("--agents", options->agents, "Some of them, as random,thompson")
      ->delimiter(',');
  command
      ->add_option("--runs", options->runs,
                   "Runs of trained agents that play the same tasks, as runs/a,runs/b")
      ->delimiter(',');
  command->add_flag("--deterministic", options->deterministic,
                    "Trained agents act with the mode of their policy");
  command->add_option("--against", options->against,
                      "Name of an agent or run that all others are compared with, task by task");
  command->add_flag("--control-variate", options->control_variate,
                    "Also means with a control variate, which have smaller errors (Bernoulli "
                    "bandits)");
  command->add_option("--threads", options->threads, "0 for one a processor")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--tune", options->tune, "Choose constants on training tasks");
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print JSON");
  AddPluginOptions(*command, common);
  command->callback([options, &common, &exit_code] { exit_code = RunRuler(*options, common); });
}

}  // namespace fewstep

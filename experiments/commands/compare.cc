// fewstep compare
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/comparison.h"

namespace fewstep {
namespace {

struct CompareArguments {
  std::vector<std::string> reports;
  std::optional<int> unit;
  bool markdown = false;
};

int RunCompare(const CompareArguments& arguments, const CommonOptions& common) {
  const Comparison comparison = Compare(ReadSeedReports(arguments.reports), arguments.unit);
  Print(common.json ? ComparisonJson(comparison)
                    : ComparisonText(comparison, arguments.markdown, OutputWidth()));
  return 0;
}

}  // namespace

void AddCompareCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand(
      "compare", "Put recipes that were run with several seeds side by side; say which is better.");
  command->footer(
      "Reads what `fewstep train RECIPE --seeds 1..5` writes, runs/NAME-seeds.json, or "
      "evaluations\n"
      "called NAME-seed1.json, NAME-seed2.json, ..., of recipes that were judged on the same "
      "tasks.\n"
      "Shows the mean over runs after every unit of adaptation, and of every pair the difference\n"
      "after --unit units with an interval: one recipe is called better only where all intervals\n"
      "together allow it. Agents that learn while they act are compared by the return of a whole\n"
      "trial. Few-shot learners are compared by accuracy or error on the same episodes, after\n"
      "their last step.\n\n"
      "Examples:\n"
      "  fewstep compare runs/promp-half-cheetah-vel-seeds.json "
      "runs/maml-ppo-half-cheetah-vel-seeds.json\n"
      "  fewstep compare runs/*-half-cheetah-vel-seeds.json --unit 3 --markdown");
  command->add_option("reports", arguments->reports, "Reports of several seeds, or evaluations")
      ->required();
  command
      ->add_option("--unit", arguments->unit,
                   "Compare after so many units of adaptation; default: trial returns where all "
                   "have them, else 1, or the last of few-shot learners")
      ->check(CLI::Range(0, 100000));
  auto* markdown = command->add_flag("--markdown", arguments->markdown, "Print Markdown");
  command->add_flag("--json", common.json, "Print JSON")->excludes(markdown);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunCompare(*arguments, common); });
}

}  // namespace fewstep

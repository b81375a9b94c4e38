// fewstep compare
#include <memory>

#include <CLI/CLI.hpp>

#include "experiments/cli.h"
#include "experiments/comparison.h"
#include "experiments/output.h"

namespace fewstep {
namespace {

struct CompareArguments {
  std::vector<std::string> reports;
  int unit = 1;
  bool markdown = false;
};

int RunCompare(const CompareArguments& arguments, const CommonOptions& common) {
  std::vector<SeedReport> reports;
  for (const std::string& path : arguments.reports) reports.push_back(ReadSeedReport(path));
  const Comparison comparison = Compare(std::move(reports), arguments.unit);
  Print(common.json ? ComparisonJson(comparison) : ComparisonText(comparison, arguments.markdown));
  return 0;
}

}  // namespace

void AddCompareCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<CompareArguments>();
  CLI::App* command = app.add_subcommand(
      "compare", "Put recipes that were run with several seeds side by side; say which is better.");
  command->footer(
      "Reads what `fewstep train RECIPE --seeds 1..5` writes, runs/NAME-seeds.json, of recipes\n"
      "that were judged on the same tasks. Shows the mean over runs after every unit of\n"
      "adaptation, and of every pair the difference after --unit units with an interval: one\n"
      "recipe is called better only where all intervals together allow it.\n\n"
      "Examples:\n"
      "  fewstep compare runs/promp-half-cheetah-vel-seeds.json "
      "runs/maml-ppo-half-cheetah-vel-seeds.json\n"
      "  fewstep compare runs/*-half-cheetah-vel-seeds.json --unit 3 --markdown");
  command->add_option("reports", arguments->reports, "NAME-seeds.json files")->required();
  command->add_option("--unit", arguments->unit, "Compare after so many units of adaptation")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  auto* markdown = command->add_flag("--markdown", arguments->markdown, "Print Markdown");
  command->add_flag("--json", common.json, "Print JSON")->excludes(markdown);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunCompare(*arguments, common); });
}

}  // namespace fewstep

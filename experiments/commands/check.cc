// fewstep check
#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/child_process.h"
#include "core/error.h"
#include "envs/contract/family_contract.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/running/catalog.h"

namespace fewstep {
namespace {

// What the child tells its parent, a line each: "family NAME", "begin RULE", "ok RULE",
// "fail RULE: what was found".
void Tell(std::string_view word, std::string_view text) {
  std::string line = fmt::format("{} {}", word, text);
  std::ranges::replace(line, '\n', ' ');
  Print("{}\n", line);
  std::fflush(stdout);
}

struct Verdict {
  std::string family, rule, found;  // found: "" where it holds
};

// The parent's view of what the child told and how it ended.
std::vector<Verdict> ReadVerdicts(const ChildResult& child, double seconds) {
  std::vector<Verdict> verdicts;
  std::string family, begun;
  for (size_t start = 0; start < child.output.size();) {
    const size_t end = std::min(child.output.find('\n', start), child.output.size());
    const std::string line = child.output.substr(start, end - start);
    start = end + 1;
    const size_t space = std::min(line.find(' '), line.size());
    const std::string word = line.substr(0, space);
    const std::string rest = space < line.size() ? line.substr(space + 1) : "";
    if (word == "family") {
      family = rest;
    } else if (word == "begin") {
      begun = rest;
    } else if (word == "ok" && rest == begun) {
      verdicts.push_back({family, begun, ""});
      begun.clear();
    } else if (word == "fail" && !begun.empty() && rest.starts_with(begun + ": ")) {
      verdicts.push_back({family, begun, rest.substr(begun.size() + 2)});
      begun.clear();
    }
    // what a plug-in prints itself is none of these
  }
  if (child.timed_out) {
    verdicts.push_back({family, begun.empty() ? "it comes to an end" : begun,
                        fmt::format("it does not return within {:.0f} seconds", seconds)});
  } else if (child.signal != 0) {
    verdicts.push_back({family, begun.empty() ? "it can be opened" : begun,
                        fmt::format("it crashes: {}", strsignal(child.signal))});
  } else if (child.exit_code != 0 || !begun.empty()) {
    verdicts.push_back({family, begun.empty() ? "it can be opened" : begun,
                        fmt::format("it ends the program with exit code {}", child.exit_code)});
  }
  return verdicts;
}

struct CheckArguments {
  std::string path;
  double seconds = 120;
};

int RunCheck(const CheckArguments& arguments, const CommonOptions& common) {
  std::error_code error;
  if (!std::filesystem::exists(arguments.path, error)) {
    throw Error(ErrorKind::kUsage, "there is nothing here", {.file = arguments.path});
  }
  // this program again: whatever the family does happens to the child
  const ChildResult child =
      RunChild({"/proc/self/exe", kCheckFamilyWord, arguments.path}, arguments.seconds);
  const std::vector<Verdict> verdicts = ReadVerdicts(child, arguments.seconds);

  const auto failed =
      std::ranges::count_if(verdicts, [](const Verdict& v) { return !v.found.empty(); });
  nlohmann::ordered_json json = {{"path", arguments.path}, {"sound", failed == 0}};
  std::string family;
  for (const Verdict& verdict : verdicts) {
    json["verdicts"].push_back(
        {{"family", verdict.family}, {"rule", verdict.rule}, {"found", verdict.found}});
    if (common.json) continue;
    if (verdict.family != family) Print("{}\n", family = verdict.family);
    if (verdict.found.empty()) {
      Print("  ok    {}\n", verdict.rule);
    } else {
      Print("  FAIL  {}: {}\n", verdict.rule, verdict.found);
    }
  }
  if (common.json) {
    Print(ToText(json));
  } else if (failed == 0) {
    Print("{} holds to every rule.\n", arguments.path);
  } else {
    Print("{} of {} rules do not hold.\n", failed, verdicts.size());
  }
  return failed == 0 ? 0 : static_cast<int>(ErrorKind::kPlugin);
}

}  // namespace

int CheckFamilies(const std::string& path, const FamilyOpener& opener) {
  EndWithParent();
  FamilyCatalog catalog;
  constexpr const char* kOpens = "it can be opened";
  Tell("begin", kOpens);
  try {
    AddFamilies(path, opener, Clash::kRefuse, catalog);
  } catch (const std::exception& problem) {
    Tell("fail", fmt::format("{}: {}", kOpens, problem.what()));
    return 0;
  }
  Tell("ok", kOpens);
  for (const std::string& name : catalog.Names()) {
    Tell("family", name);
    constexpr const char* kIsMade = "it can be made";
    Tell("begin", kIsMade);
    std::unique_ptr<TaskFamily> family;
    try {
      family = catalog.Make(name);
    } catch (const std::exception& problem) {
      Tell("fail", fmt::format("{}: {}", kIsMade, problem.what()));
      continue;
    }
    Tell("ok", kIsMade);
    for (const Rule& rule : FamilyRules()) {
      Tell("begin", rule.name);
      std::string found;
      try {
        found = rule.check(*family);
      } catch (const std::exception& problem) {
        found = problem.what();
      }
      if (found.empty()) {
        Tell("ok", rule.name);
      } else {
        Tell("fail", fmt::format("{}: {}", rule.name, found));
      }
    }
  }
  return 0;
}

void AddCheckCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* command =
      app.add_subcommand("check", "Put a family from outside to every rule that families hold to.");
  std::string rules;
  for (const Rule& rule : FamilyRules()) {
    rules += fmt::format("  {:<30} {}\n", rule.name, rule.meaning);
  }
  command->footer(fmt::format(
      "PATH is a folder with a family.toml, a plug-in (*.so), or a folder of such. It is opened in "
      "a "
      "process\nof its own: nothing that it does, a crash or an endless loop, harms this one. Exit "
      "code 4 when a rule\ndoes not hold. The rules:\n{}\n"
      "Examples:\n"
      "  fewstep check families/arm-reach\n"
      "  fewstep check ./libcart.so --json",
      rules));
  command->add_option("path", arguments->path, "A family from outside")->required();
  command->add_option("--seconds", arguments->seconds, "After which it is stopped")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command->add_flag("--json", common.json, "Print JSON");
  command->callback([arguments, &common, &exit_code] { exit_code = RunCheck(*arguments, common); });
}

}  // namespace fewstep

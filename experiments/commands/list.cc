// fewstep list
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/checkpoint_store.h"
#include "core/error.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/run_config.h"
#include "experiments/table.h"

namespace fewstep {
namespace {

constexpr const char* kDefaultDirectory = "runs";

using Rows = std::vector<std::vector<std::string>>;

struct Section {
  std::string name;
  std::vector<TableColumn> columns;
  Rows rows;
};

Section Families() {
  Section section{"families", {{"name"}, {"what"}, {"tasks"}}, {}};
  const FamilyRegistry families = BuiltinFamilies();
  for (const std::string& name : families.Names()) {
    const std::unique_ptr<TaskFamily> family = families.Get(name)(FamilyOptions{});
    std::vector<std::string> laws;
    const FamilySpec& spec = family->spec();
    for (const ParameterGroup& group : GroupParameters(spec)) {
      laws.push_back(
          fmt::format("{} ~ {}", ToString(spec, group), spec.parameters[group.first].law));
    }
    section.rows.push_back(
        {name, family->spec().summary, fmt::format("{}", fmt::join(laws, ", "))});
  }
  return section;
}

Section Agents() {
  Section section{"agents", {{"name"}, {"what"}}, {}};
  const AgentRegistry agents = BuiltinAgents();
  for (const std::string& name : agents.Names()) {
    section.rows.push_back({name, agents.Get(name).summary});
  }
  return section;
}

// Folders of `directory` that hold a run, with their newest checkpoint.
Section Runs(const std::string& directory) {
  std::error_code error;
  if (directory != kDefaultDirectory && !std::filesystem::is_directory(directory, error)) {
    throw Error(ErrorKind::kUsage, "this is not a folder", {.file = directory});
  }
  Section section{"runs", {{"path"}, {"agent"}, {"family"}, {"checkpoint", Align::kRight}}, {}};
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!std::filesystem::exists(it->path() / "run.toml", ignored)) continue;
    const std::string path = it->path().string();
    try {
      const RunConfig config = ReadRun(path);
      const auto checkpoints = CheckpointStore(path + "/checkpoints").List();
      section.rows.push_back(
          {path, config.agent_name, config.family_name,
           checkpoints.empty()
               ? "none"
               : fmt::format("{} of {}", checkpoints.front().iteration, config.run.iterations)});
    } catch (const Error& problem) {
      section.rows.push_back({path, fmt::format("unreadable: {}", problem.what()), "", ""});
    }
  }
  std::ranges::sort(section.rows);
  return section;
}

int RunList(const std::string& what, const std::string& directory, const CommonOptions& common) {
  std::vector<Section> sections;
  if (what == "all" || what == "families") sections.push_back(Families());
  if (what == "all" || what == "agents") sections.push_back(Agents());
  if (what == "all" || what == "runs") sections.push_back(Runs(directory));

  nlohmann::ordered_json json;
  for (const Section& section : sections) {
    Table table(section.columns);
    json[section.name] = nlohmann::ordered_json::array();
    for (const std::vector<std::string>& row : section.rows) {
      table.AddRow(row);
      nlohmann::ordered_json object;
      for (size_t i = 0; i < row.size(); ++i) object[section.columns[i].name] = row[i];
      json[section.name].push_back(std::move(object));
    }
    if (!common.json) Print("{}\n{}\n", section.name, table.Text());
  }
  if (common.json) Print(ToText(json));
  return 0;
}

}  // namespace

void AddListCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto what = std::make_shared<std::string>("all");
  auto directory = std::make_shared<std::string>(kDefaultDirectory);
  CLI::App* command = app.add_subcommand("list", "List task families, agents and runs.");
  command->footer("Examples:\n  fewstep list\n  fewstep list families --json");
  command->add_option("what", *what, "all, families, agents or runs")
      ->check(CLI::IsMember({"all", "families", "agents", "runs"}))
      ->capture_default_str();
  command->add_option("--directory", *directory, "Folder that holds run folders")
      ->capture_default_str();
  command->add_flag("--json", common.json, "Print JSON");
  command->callback(
      [what, directory, &common, &exit_code] { exit_code = RunList(*what, *directory, common); });
}

}  // namespace fewstep

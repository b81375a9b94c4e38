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
#include "experiments/reports/table.h"
#include "experiments/running/recipe_book.h"
#include "experiments/running/run_config.h"

namespace fewstep {
namespace {

constexpr const char* kDefaultDirectory = "runs";

// What is listed, for people and for programs.
class Section {
 public:
  Section(std::string name, std::vector<TableColumn> columns)
      : name_(std::move(name)), columns_(columns), table_(std::move(columns)) {}

  // Without `object`, programs get the cells by the names of their columns.
  void Add(std::vector<std::string> cells, nlohmann::ordered_json object = {}) {
    if (object.empty()) {
      for (size_t i = 0; i < cells.size(); ++i) object[columns_[i].name] = cells[i];
    }
    table_.AddRow(std::move(cells));
    json_.push_back(std::move(object));
  }

  const std::string& name() const { return name_; }
  const Table& table() const { return table_; }
  const nlohmann::ordered_json& json() const { return json_; }

 private:
  std::string name_;
  std::vector<TableColumn> columns_;
  Table table_;
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

Section Families(const FamilyCatalog& families) {
  Section section("families",
                  {{"name"}, {"what [its tasks] (where it comes from, if not built in)"}});
  const auto add_problem = [&](const std::string& name, const std::string& origin,
                               std::string_view problem) {
    section.Add({name, fmt::format("cannot be used: {}", problem)},
                {{"name", name}, {"origin", origin}, {"problem", problem}});
  };
  for (const std::string& name : families.Names()) {
    const std::string& origin = families.Get(name).origin;
    std::unique_ptr<TaskFamily> family;
    try {
      family = families.Make(name);
    } catch (const Error& problem) {
      if (origin == kBuiltIn) throw;
      add_problem(name, origin, problem.what());
      continue;
    }
    std::vector<std::string> laws;
    const FamilySpec& spec = family->spec();
    for (const ParameterGroup& group : GroupParameters(spec)) {
      laws.push_back(
          fmt::format("{} ~ {}", ToString(spec, group), spec.parameters[group.first].law));
    }
    const std::string tasks = fmt::format("{}", fmt::join(laws, ", "));
    const std::string from = origin == kBuiltIn ? "" : fmt::format(" ({})", origin);
    section.Add({name, fmt::format("{} [{}]{}", spec.summary, tasks, from)},
                {{"name", name}, {"what", spec.summary}, {"tasks", tasks}, {"origin", origin}});
  }
  for (const auto& [path, problem] : families.problems()) add_problem(path, path, problem);
  return section;
}

Section Agents(const AgentRegistry& agents) {
  Section section("agents", {{"name"}, {"what"}});
  for (const std::string& name : agents.Names()) section.Add({name, agents.Get(name).summary});
  return section;
}

Section Data(const Catalog& catalog) {
  Section section("data", {{"name"}, {"what"}});
  const auto add = [&](const std::string& name, const std::string& summary,
                       const std::string& source) {
    section.Add({name, fmt::format("{} [{}]", summary, source)},
                {{"name", name}, {"what", summary}, {"source", source}});
  };
  for (const std::string& name : catalog.data.Names()) {
    add(name, catalog.data.Get(name).summary, catalog.data.Get(name).source);
  }
  for (const std::string& name : catalog.functions.Names()) {
    add(name, catalog.functions.Get(name).summary, catalog.functions.Get(name).source);
  }
  return section;
}

Section Learners(const LearnerRegistry& learners) {
  Section section("learners", {{"name"}, {"what"}});
  for (const std::string& name : learners.Names()) section.Add({name, learners.Get(name).summary});
  return section;
}

Section Recipes() {
  Section section("recipes", {{"name"}, {"takes"}, {"what, and what to expect"}});
  for (const BuiltinRecipe& recipe : BuiltinRecipes()) {
    const RecipeNotes& notes = recipe.notes;
    section.Add(
        {recipe.name, notes.time(), fmt::format("{} Expect: {}", notes.summary(), notes.expect)},
        {{"name", recipe.name},
         {"what", notes.what},
         {"expect", notes.expect},
         {"takes", notes.takes}});
  }
  return section;
}

// Folders of `directory` that hold a run, with their newest checkpoint.
Section Runs(const std::string& directory, const Catalog& catalog) {
  std::error_code error;
  if (directory != kDefaultDirectory && !std::filesystem::is_directory(directory, error)) {
    throw Error(ErrorKind::kUsage, "this is not a folder", {.file = directory});
  }
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (std::filesystem::exists(it->path() / "run.toml", ignored)) {
      paths.push_back(it->path().string());
    }
  }
  std::ranges::sort(paths);
  // a problem takes the place of the agent, where a long text has room
  Section section("runs", {{"path"}, {"checkpoint", Align::kRight}, {"on"}, {"what"}});
  for (const std::string& path : paths) {
    try {
      const RunConfig config = OpenRun(path, catalog).config;
      const auto checkpoints = CheckpointStore(path + "/checkpoints").List();
      section.Add({path,
                   checkpoints.empty() ? "none"
                                       : fmt::format("{} of {}", checkpoints.front().iteration,
                                                     config.run.iterations),
                   config.subject_name(), config.trained_name()});
    } catch (const Error& problem) {
      section.Add({path, "", "", fmt::format("unreadable: {}", problem.what())});
    }
  }
  return section;
}

enum class Listed { kAll, kFamilies, kAgents, kData, kLearners, kRecipes, kRuns };
constexpr ChoiceName<Listed> kListedNames[] = {
    {"all", Listed::kAll},   {"families", Listed::kFamilies}, {"agents", Listed::kAgents},
    {"data", Listed::kData}, {"learners", Listed::kLearners}, {"recipes", Listed::kRecipes},
    {"runs", Listed::kRuns}};

int RunList(Listed what, const std::string& directory, const CommonOptions& common) {
  const auto wanted = [what](Listed section) { return what == Listed::kAll || what == section; };
  std::vector<Section> sections;
  if (wanted(Listed::kFamilies)) sections.push_back(Families(common.catalog.families));
  if (wanted(Listed::kAgents)) sections.push_back(Agents(common.catalog.agents));
  if (wanted(Listed::kData)) sections.push_back(Data(common.catalog));
  if (wanted(Listed::kLearners)) sections.push_back(Learners(common.catalog.learners));
  if (wanted(Listed::kRecipes)) sections.push_back(Recipes());
  if (wanted(Listed::kRuns)) sections.push_back(Runs(directory, common.catalog));

  nlohmann::ordered_json json;
  for (const Section& section : sections) {
    json[section.name()] = section.json();
    if (!common.json) Print("{}\n{}\n", section.name(), FittedText(section.table()));
  }
  if (common.json) Print(ToText(json));
  return 0;
}

}  // namespace

void AddListCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto what = std::make_shared<std::string>("all");
  auto directory = std::make_shared<std::string>(kDefaultDirectory);
  CLI::App* command =
      app.add_subcommand("list", "List task families, agents, data, learners, recipes and runs.");
  command->footer(
      "`fewstep describe NAME` says more about each of them.\n\n"
      "Examples:\n"
      "  fewstep list\n"
      "  fewstep list recipes\n"
      "  fewstep list families --json");
  command->add_option("what", *what, "all, families, agents, data, learners, recipes or runs")
      ->check(CLI::IsMember(NamesOf(kListedNames)))
      ->capture_default_str();
  command->add_option("--directory", *directory, "Folder that holds run folders")
      ->capture_default_str();
  command->add_flag("--json", common.json, "Print JSON");
  AddPluginOptions(*command, common);
  command->callback([what, directory, &common, &exit_code] {
    exit_code = RunList(ValueOf(kListedNames, *what), *directory, common);
  });
}

}  // namespace fewstep

// fewstep describe

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "envs/declarative/family_file.h"
#include "envs/declarative/family_folder.h"
#include "envs/declarative/randomization.h"
#include "envs/declarative/signals.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/table.h"
#include "experiments/running/recipe_book.h"
#include "experiments/running/run_config.h"

namespace fewstep {
namespace {

nlohmann::ordered_json KeysJson(Options& options) {
  nlohmann::ordered_json keys;
  for (const FieldDescription& field : DescribeFields(options)) {
    keys.push_back({{"key", field.key},
                    {"type", field.type},
                    {"default", field.value},
                    {"unit", field.unit},
                    {"range", field.range},
                    {"help", field.help}});
  }
  return keys;
}

void PrintWrapped(std::string_view text) {
  for (const std::string& line : WrapText(text, OutputWidth())) Print("{}\n", line);
}

Table KeysTable(Options& options) {
  Table table({{"key"}, {"default"}, {"meaning"}});
  for (const FieldDescription& field : DescribeFields(options)) {
    // "[1 to 100 steps]"; a number without a unit has the unit 1
    std::string values = field.range;
    if (!field.unit.empty() && field.unit != "1") {
      values += (values.empty() ? "" : " ") + field.unit;
    }
    table.AddRow({field.key, field.value,
                  values.empty() ? field.help : fmt::format("{} [{}]", field.help, values)});
  }
  return table;
}

nlohmann::ordered_json OptionsJson(const std::string& table_name, const std::string& summary,
                                   Options& options) {
  return {{"table", table_name}, {"summary", summary}, {"keys", KeysJson(options)}};
}

void DescribeOptions(const std::string& table_name, const std::string& summary, Options& options,
                     bool json) {
  if (json) {
    Print(ToText(OptionsJson(table_name, summary, options)));
    return;
  }
  PrintWrapped(fmt::format("[{}]  {}", table_name, summary));
  Print("\n");
  Print(FittedText(KeysTable(options)));
}

// A table of a recipe that is named after one of the things that it can name.
struct NamedTable {
  std::string table, summary;
  std::unique_ptr<Options> options;
};

// One, or several things that share a name: the document of the first has the others as "also".
void DescribeNamed(std::string name, const std::vector<NamedTable>& tables, bool json) {
  nlohmann::ordered_json document;
  for (const NamedTable& table : tables) {
    NamedOptions named(name, *table.options);
    const std::string summary = fmt::format("{}: {}", name, table.summary);
    if (json) {
      nlohmann::ordered_json own = OptionsJson(table.table, summary, named);
      if (&table == &tables.front()) {
        document = std::move(own);
      } else {
        document["also"].push_back(std::move(own));
      }
      continue;
    }
    if (&table != &tables.front()) Print("\n");
    DescribeOptions(table.table, summary, named, false);
  }
  if (json) Print(ToText(document));
}

nlohmann::ordered_json FamilyJson(const TaskFamily& family, const FamilyEntry& entry) {
  const FamilySpec& spec = family.spec();
  nlohmann::ordered_json json = {{"name", spec.name},
                                 {"hash", family.hash()},
                                 {"origin", entry.origin},
                                 {"summary", spec.summary},
                                 {"source", spec.source},
                                 {"model", spec.model},
                                 {"reset", spec.reset},
                                 {"reward", spec.reward},
                                 {"termination", spec.termination},
                                 {"action", spec.action},
                                 {"observation", spec.observation},
                                 {"splits", spec.splits},
                                 {"observation_size", spec.observation_size},
                                 {"action_size", spec.action_size},
                                 {"discrete_actions", spec.action_kind == ActionKind::kDiscrete},
                                 {"action_low", spec.action_low},
                                 {"action_high", spec.action_high},
                                 {"horizon", spec.horizon},
                                 {"control_dt", spec.control_dt},
                                 {"finite", spec.finite},
                                 {"metrics", spec.metrics},
                                 {"state", spec.state}};
  if (spec.trial_episodes > 1) json["trial_episodes"] = spec.trial_episodes;
  if (spec.change) {
    nlohmann::ordered_json change = {
        {"kind", spec.change->kind == TaskChange::Kind::kDrift ? "drift" : "redraw"},
        {"clock", spec.change->clock == TaskChange::Clock::kSteps ? "steps" : "episodes"},
        {"every", spec.change->every}};
    for (const size_t index : spec.change->parameters) {
      change["parameters"].push_back(spec.parameters[index].name);
    }
    if (!spec.change->drift.empty()) change["drift"] = spec.change->drift;
    json["change"] = std::move(change);
  }
  // parameters that differ by nothing but their names stand together
  for (const ParameterGroup& group : GroupParameters(spec)) {
    const ParameterSpec& parameter = spec.parameters[group.first];
    nlohmann::ordered_json object = {{"name", parameter.name},       {"unit", parameter.unit},
                                     {"low", parameter.low},         {"high", parameter.high},
                                     {"choices", parameter.choices}, {"law", parameter.law}};
    if (parameter.valid) {
      object["valid_low"] = parameter.valid->low;
      object["valid_high"] = parameter.valid->high;
    }
    if (group.count > 1) {
      object["last_name"] = spec.parameters[group.first + group.count - 1].name;
      object["count"] = group.count;
    }
    json["parameters"].push_back(std::move(object));
  }
  const std::unique_ptr<FamilyOptions> options = entry.make_options();
  std::string name = spec.name;
  NamedOptions named(name, *options);
  json["keys"] = KeysJson(named);
  return json;
}

void DescribeFamily(const TaskFamily& family, const FamilyEntry& entry, bool json) {
  const FamilySpec& spec = family.spec();
  if (json) {
    Print(ToText(FamilyJson(family, entry)));
    return;
  }
  // long texts go on under their beginning
  constexpr size_t kIndent = 13, kNarrowest = 20;
  const size_t width = std::max(OutputWidth(), kIndent + kNarrowest) - kIndent;
  const auto line = [&](std::string_view name, std::string_view text) {
    if (text.empty()) return;
    for (const std::string& part : WrapText(text, width)) {
      Print("{:<{}}{}\n", name, kIndent, part);
      name = "";
    }
  };
  Print("{}  (hash {})\n", spec.name, family.hash());
  PrintWrapped(spec.summary);
  Print("\n");
  if (entry.origin != kBuiltIn) line("origin", entry.origin);
  line("source", spec.source);
  line("model", spec.model);
  for (const ParameterGroup& group : GroupParameters(spec)) {
    const ParameterSpec& parameter = spec.parameters[group.first];
    std::string text = fmt::format("{} ~ {}{}{}, from {} to {}", ToString(spec, group),
                                   parameter.law, parameter.unit.empty() ? "" : " ", parameter.unit,
                                   parameter.low, parameter.high);
    if (parameter.valid) {
      text +=
          fmt::format("; a task may hold {} to {}", parameter.valid->low, parameter.valid->high);
    }
    line("parameter", text);
  }
  line("reset", spec.reset);
  line("action", spec.action);
  line("reward", spec.reward);
  if (!spec.dense_reward.empty()) line("in training", spec.dense_reward);
  line("termination", spec.termination);
  line("horizon", spec.control_dt > 0
                      ? fmt::format("{} control steps of {} s", spec.horizon, spec.control_dt)
                      : fmt::format("{} steps", spec.horizon));
  if (spec.trial_episodes > 1) line("trial", fmt::format("{} episodes", spec.trial_episodes));
  for (size_t i = 0; i < spec.observation.size(); ++i) {
    line(i == 0 ? fmt::format("observation") : "", spec.observation[i]);
  }
  line("splits", spec.splits);
  line("metrics", fmt::format("{}", fmt::join(spec.metrics, ", ")));
  line("state", fmt::format("{}", fmt::join(spec.state, ", ")));
  Print("\n");
  const std::unique_ptr<FamilyOptions> options = entry.make_options();
  std::string name = spec.name;
  NamedOptions named(name, *options);
  DescribeOptions("family", "its keys in a recipe", named, false);
}

// The file itself, so that `fewstep describe NAME > recipe.toml` is one to start from.
void DescribeRecipe(const BuiltinRecipe& recipe, bool json) {
  if (!json) {
    Print(recipe.text);
    return;
  }
  Print(ToText({{"name", recipe.name},
                {"what", recipe.notes.what},
                {"expect", recipe.notes.expect},
                {"takes", recipe.notes.takes},
                {"toml", recipe.text}}));
}

// The keys of family.toml table by table, and what a task may change of a model.
void DescribeFamilyFile(bool json) {
  declarative::FamilyFile file;
  nlohmann::ordered_json quantities = nlohmann::ordered_json::array();
  Table table({{"quantity"}, {"of"}, {"numbers, and what stays true [what is written]"}});
  for (const declarative::Quantity& quantity : declarative::Quantities()) {
    const std::string of(
        quantity.object == mjOBJ_UNKNOWN ? "the model" : declarative::ObjectNoun(quantity.object));
    const std::string numbers =
        fmt::format("{}{}{}", quantity.width, quantity.unit.empty() ? "" : " ", quantity.unit);
    table.AddRow({std::string(quantity.name), of,
                  fmt::format("{}{}{} [{}]", numbers, quantity.invariant.empty() ? "" : "; ",
                              quantity.invariant, quantity.writes)});
    quantities.push_back({{"name", quantity.name},
                          {"of", of},
                          {"numbers", quantity.width},
                          {"unit", quantity.unit},
                          {"writes", quantity.writes},
                          {"invariant", quantity.invariant}});
  }
  if (json) {
    Print(ToText({{"keys", KeysJson(file)},
                  {"signals", declarative::kSignalHelp},
                  {"quantities", quantities}}));
    return;
  }
  PrintWrapped(
      "A folder with family.toml and an MJCF model is a task family. Its keys; [] stands for "
      "tables "
      "of which there may be any number, as [[parameter]]:");
  Print("\n");
  Print(FittedText(KeysTable(file)));
  Print("\n");
  PrintWrapped(fmt::format("A signal is {}", declarative::kSignalHelp));
  Print("\nQuantities of [[randomization]], always from the values in the model:\n\n");
  Print(FittedText(table));
}

struct DescribeArguments {
  std::string name;
  std::vector<std::string> sets;
};

int RunDescribe(const DescribeArguments& arguments, const CommonOptions& common) {
  const FamilyCatalog& families = common.catalog.families;
  const Catalog& catalog = common.catalog;
  const AgentRegistry& agents = catalog.agents;
  const std::string& name = arguments.name;
  if (families.Contains(name)) {
    Config config;
    for (const std::string& set : arguments.sets) config.Set("family." + set);
    const std::unique_ptr<FamilyOptions> options = families.MakeOptions(name);
    config.Read("family", *options);
    DescribeFamily(*families.Make(name, *options), families.Get(name), common.json);
  } else if (agents.Contains(name) || catalog.learners.Contains(name)) {
    // some algorithms are both: an agent of meta-RL and a learner of few-shot learning
    std::vector<NamedTable> tables;
    if (agents.Contains(name)) {
      const AgentEntry& entry = agents.Get(name);
      tables.push_back({"agent", entry.summary, entry.make_options()});
    }
    if (catalog.learners.Contains(name)) {
      const LearnerEntry& entry = catalog.learners.Get(name);
      tables.push_back({"learner", entry.summary, entry.make_options()});
    }
    DescribeNamed(name, tables, common.json);
  } else if (catalog.data.Contains(name) || catalog.functions.Contains(name)) {
    std::string summary;
    if (catalog.data.Contains(name)) {
      const DataEntry& entry = catalog.data.Get(name);
      summary = fmt::format("{} Source: {}.", entry.summary, entry.source);
      if (!entry.files.empty()) summary += fmt::format(" In the data directory: {}.", entry.files);
    } else {
      const RegressionEntry& entry = catalog.functions.Get(name);
      summary = fmt::format("{} Source: {}.", entry.summary, entry.source);
    }
    std::vector<NamedTable> tables;
    tables.push_back({"data", summary, catalog.MakeDataOptions(name)});
    DescribeNamed(name, tables, common.json);
  } else if (name == declarative::kFamilyFileName) {
    DescribeFamilyFile(common.json);
  } else if (name == "run") {
    RunOptions options;
    DescribeOptions("run", "what every recipe has", options, common.json);
  } else if (const BuiltinRecipe* recipe = FindBuiltinRecipe(name)) {
    DescribeRecipe(*recipe, common.json);
  } else {
    std::vector<std::string> known = families.Names();
    for (const auto& names : {agents.Names(), catalog.learners.Names(), catalog.data.Names(),
                              catalog.functions.Names()}) {
      known.insert(known.end(), names.begin(), names.end());
    }
    for (const std::string& builtin : BuiltinRecipeNames()) known.push_back(builtin);
    known.emplace_back("run");
    known.emplace_back(declarative::kFamilyFileName);
    throw Error(ErrorKind::kUsage,
                fmt::format("nothing is called '{}'{}", name, DidYouMean(name, known)),
                {.remedy = "fewstep list shows what there is; run is the table that "
                           "every recipe has, family.toml what defines a family"});
  }
  return 0;
}

}  // namespace

void AddDescribeCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<DescribeArguments>();
  CLI::App* command = app.add_subcommand(
      "describe",
      "Print a family's exact definition, the keys of an agent, a learner, data, of [run] or of "
      "family.toml, or a recipe.");
  command->footer(
      "Examples:\n"
      "  fewstep describe half-cheetah-vel@promp     reward, observation, tasks, hash\n"
      "  fewstep describe bandit-bernoulli@rl2 --set arms=10 --set trial_episodes=100\n"
      "  fewstep describe maml-ppo                   the keys of [agent]\n"
      "  fewstep describe omniglot                   the keys of [data]\n"
      "  fewstep describe prototypical               the keys of [learner]\n"
      "  fewstep describe run                        the keys of [run]\n"
      "  fewstep describe family.toml                how a folder defines a family\n"
      "  fewstep describe quickstart > my.toml       a recipe to start from");
  command
      ->add_option("name", arguments->name,
                   "A family, an agent, data, a learner, a recipe, run, or family.toml")
      ->required();
  command
      ->add_option("--set", arguments->sets,
                   "A family with one of its keys set, as horizon=50; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_flag("--json", common.json, "Print JSON");
  AddPluginOptions(*command, common);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunDescribe(*arguments, common); });
}

}  // namespace fewstep

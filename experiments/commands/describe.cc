// fewstep describe

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/run_config.h"
#include "experiments/table.h"

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

void DescribeOptions(const std::string& table_name, const std::string& summary, Options& options,
                     bool json) {
  if (json) {
    Print(ToText({{"table", table_name}, {"summary", summary}, {"keys", KeysJson(options)}}));
    return;
  }
  Print("[{}]  {}\n\n", table_name, summary);
  Table table({{"key"}, {"default"}, {"unit"}, {"range"}, {"meaning"}});
  for (const FieldDescription& field : DescribeFields(options)) {
    table.AddRow({field.key, field.value, field.unit, field.range, field.help});
  }
  Print(table.Text());
}

nlohmann::ordered_json FamilyJson(const TaskFamily& family) {
  const FamilySpec& spec = family.spec();
  nlohmann::ordered_json json = {{"name", spec.name},
                                 {"hash", family.hash()},
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
  // parameters that differ by nothing but their names stand together
  for (const ParameterGroup& group : GroupParameters(spec)) {
    const ParameterSpec& parameter = spec.parameters[group.first];
    nlohmann::ordered_json object = {{"name", parameter.name},       {"unit", parameter.unit},
                                     {"low", parameter.low},         {"high", parameter.high},
                                     {"choices", parameter.choices}, {"law", parameter.law}};
    if (group.count > 1) {
      object["last_name"] = spec.parameters[group.first + group.count - 1].name;
      object["count"] = group.count;
    }
    json["parameters"].push_back(std::move(object));
  }
  FamilyOptions options;
  std::string name = spec.name;
  NamedOptions named(name, options);
  json["keys"] = KeysJson(named);
  return json;
}

void DescribeFamily(const TaskFamily& family, bool json) {
  const FamilySpec& spec = family.spec();
  if (json) {
    Print(ToText(FamilyJson(family)));
    return;
  }
  const auto line = [](std::string_view name, std::string_view text) {
    if (!text.empty()) Print("{:<13}{}\n", name, text);
  };
  Print("{}  (hash {})\n{}\n\n", spec.name, family.hash(), spec.summary);
  line("source", spec.source);
  line("model", spec.model);
  for (const ParameterGroup& group : GroupParameters(spec)) {
    const ParameterSpec& parameter = spec.parameters[group.first];
    line("parameter", fmt::format("{} ~ {}{}{}, from {} to {}", ToString(spec, group),
                                  parameter.law, parameter.unit.empty() ? "" : " ", parameter.unit,
                                  parameter.low, parameter.high));
  }
  line("reset", spec.reset);
  line("action", spec.action);
  line("reward", spec.reward);
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
  FamilyOptions options;
  std::string name = spec.name;
  NamedOptions named(name, options);
  DescribeOptions("family", "its keys in a recipe", named, false);
}

int RunDescribe(const std::string& name, const FamilyOptions& family_options,
                const CommonOptions& common) {
  const FamilyRegistry families = BuiltinFamilies();
  const AgentRegistry agents = BuiltinAgents();
  if (families.Contains(name)) {
    DescribeFamily(*families.Get(name)(family_options), common.json);
  } else if (agents.Contains(name)) {
    const std::unique_ptr<Options> options = agents.Get(name).make_options();
    std::string agent = name;
    NamedOptions named(agent, *options);
    DescribeOptions("agent", fmt::format("{}: {}", name, agents.Get(name).summary), named,
                    common.json);
  } else if (name == "run") {
    RunOptions options;
    DescribeOptions("run", "what every recipe has", options, common.json);
  } else {
    std::vector<std::string> known = families.Names();
    for (const std::string& agent : agents.Names()) known.push_back(agent);
    known.emplace_back("run");
    throw Error(ErrorKind::kUsage,
                fmt::format("nothing is called '{}'{}", name, DidYouMean(name, known)),
                {.remedy = fmt::format("Known: {}", fmt::join(known, ", "))});
  }
  return 0;
}

}  // namespace

void AddDescribeCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<FamilyOptions>();
  CLI::App* command = app.add_subcommand(
      "describe", "Print a family's exact definition, or the keys of an agent or of [run].");
  command->footer(
      "Examples:\n"
      "  fewstep describe half-cheetah-vel@promp     reward, observation, tasks, hash\n"
      "  fewstep describe maml-ppo                   the keys of [agent]\n"
      "  fewstep describe run                        the keys of [run]");
  command->add_option("name", *name, "A family, an agent, or run")->required();
  command->add_option("--horizon", options->horizon, "The family with another horizon")
      ->check(CLI::Range(0, 1000000));
  command->add_option("--arms", options->arms, "A bandit with another number of arms")
      ->check(CLI::Range(0, 10000));
  command->add_flag("--observe-task", options->observe_task, "The family that is told its task");
  command->add_flag("--json", common.json, "Print JSON");
  command->callback(
      [name, options, &common, &exit_code] { exit_code = RunDescribe(*name, *options, common); });
}

}  // namespace fewstep

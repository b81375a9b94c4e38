#include "experiments/run_config.h"

#include <sched.h>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {

void RunOptions::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e9;
  v.Field("name", name, {.help = "Name of the run: its folder inside directory."});
  v.Field("directory", directory, {.help = "Folder that holds run folders."});
  v.Field("seed", seed, {.help = "Everything random derives from it.", .min = 0, .max = 1e15});
  v.Field("iterations", iterations,
          {.help = "Meta-training iterations.", .unit = "iterations", .min = 0, .max = kMany});
  v.Field("threads", threads,
          {.help = "Threads for sampling and learning, 0 for one a processor; does not change "
                   "results.",
           .unit = "threads",
           .min = 0,
           .max = 4096});
  v.Field("device", device, {.help = "Where the learner computes.", .choices = {"cpu", "cuda"}});
  v.Field("sampling_plan", sampling_plan,
          {.help = "How episodes are collected: whole episodes inside workers, or all simulations "
                   "in lockstep with one batched policy evaluation.",
           .choices = {"auto", "episodes", "lockstep"}});
  v.Field(
      "checkpoint_interval", checkpoint_interval,
      {.help = "Iterations between checkpoints.", .unit = "iterations", .min = 1, .max = kMany});
  v.Field("keep_checkpoints", keep_checkpoints,
          {.help = "Newest checkpoints that stay.", .min = 2, .max = kMany});
  v.Field("evaluation_interval", evaluation_interval,
          {.help = "Iterations between evaluations on held-out tasks, 0 for only after the last.",
           .unit = "iterations",
           .min = 0,
           .max = kMany});
  v.Field("evaluation_tasks", evaluation_tasks,
          {.help = "Held-out tasks of an evaluation.", .unit = "tasks", .min = 2, .max = 1e6});
  v.Field(
      "evaluation_units", evaluation_units,
      {.help = "Units of adaptation of an evaluation (gradient steps for gradient-based agents).",
       .unit = "units",
       .min = 0,
       .max = 1000});
  v.Field("evaluation_episodes", evaluation_episodes,
          {.help = "Episodes for each task and unit, 0 for as many as in training.",
           .unit = "episodes",
           .min = 0,
           .max = 1e6});
}

namespace {

// [family] and [agent] are a name and the options of what it names.
class Named final : public Options {
 public:
  Named(std::string& name, Options& options) : name_(name), options_(options) {}
  void Visit(FieldVisitor& v) override {
    v.Field("name", name_, {.help = "Registered name."});
    options_.Visit(v);
  }

 private:
  std::string& name_;
  Options& options_;
};

std::string RequiredName(const Config& config, std::string_view table,
                         const std::vector<std::string>& known) {
  if (!config.Has(table, "name")) {
    throw Error(ErrorKind::kUsage, fmt::format("a recipe needs '{}.name'", table),
                {.remedy = fmt::format("Known: {}", fmt::join(known, ", "))});
  }
  return config.String(table, "name", "");
}

}  // namespace

std::string RunConfig::ToToml() {
  Named named_family(family_name, family), named_agent(agent_name, *agent);
  return WriteToml("run", run) + "\n" + WriteToml("family", named_family) + "\n" +
         WriteToml("agent", named_agent);
}

RunConfig ReadRunConfig(const Config& config, const FamilyRegistry& families,
                        const AgentRegistry& agents) {
  config.CheckTables({"run", "family", "agent"});
  RunConfig read;
  config.Read("run", read.run);
  read.family_name = RequiredName(config, "family", families.Names());
  families.Get(read.family_name);
  config.Read("family", read.family, {"name"});
  read.agent_name = RequiredName(config, "agent", agents.Names());
  read.agent = agents.Get(read.agent_name).make_options();
  config.Read("agent", *read.agent, {"name"});

  // the name is a folder of its own
  const std::string& name = read.run.name;
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' cannot be the name of a folder", name),
                {.key = "run.name"});
  }
  return read;
}

int ResolveThreads(int64_t threads) {
  if (threads > 0) return static_cast<int>(threads);
  // what this process may use, which in a container can be less than the machine has
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace fewstep

#include "experiments/commands/watching.h"

#include <algorithm>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "envs/declarative/family_folder.h"
#include "experiments/commands/watching_few_shot.h"
#include "experiments/running/agent_adaptation.h"
#include "viewer/family_subject.h"

namespace fewstep {
namespace {

namespace fs = std::filesystem;

// More panes than this are asked for one by one.
constexpr int kMostPanes = 4;

// A run, as it was trained, and which of its checkpoints.
struct Source {
  std::unique_ptr<OpenedRun> run;
  std::string checkpoint;  // "": the newest
  bool trained = true;
};

// An agent without a run: a family that is played at random, or by a classical agent.
Source OpenFamily(const std::string& name, const WatchArguments& arguments,
                  const CommonOptions& common) {
  const std::string agent = arguments.agent.empty() ? "random" : arguments.agent;
  const AgentEntry& entry = common.catalog.agents.Get(agent);
  if (entry.trained) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' has to be trained first", agent),
                {.key = "--agent",
                 .remedy = "Watch a run of it, or one of the agents that fewstep list calls "
                           "classical"});
  }
  if (!arguments.checkpoint.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' has no checkpoints", name),
                {.key = "--checkpoint"});
  }
  Source source{.run = std::make_unique<OpenedRun>(OpenedRun{common.catalog, {}}),
                .trained = false};
  std::string family = name;
  if (declarative::IsFamilyFolder(name)) {
    auto opened = source.run->catalog.opener.Open(name);
    family = opened.front().first;
    source.run->catalog.families.Replace(family, std::move(opened.front().second));
  }
  const std::string recipe = fmt::format(
      "[run]\niterations = 0\n[family]\nname = \"{}\"\n[agent]\nname = \"{}\"\n", family, agent);
  source.run->config = ReadRunConfig(Config::ParseText(recipe, name), source.run->catalog, agent);
  return source;
}

Source OpenSource(const std::string& what, const WatchArguments& arguments,
                  const CommonOptions& common) {
  std::error_code ignored;
  const bool is_checkpoint = fs::is_regular_file(what, ignored);
  const bool is_run = fs::exists(fs::path(what) / "run.toml", ignored);
  if ((is_checkpoint || is_run) && !arguments.agent.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("{} has its own agent", what),
                {.key = "--agent", .remedy = "It is for families that are no runs"});
  }
  if (is_checkpoint && !arguments.checkpoint.empty()) {
    throw Error(ErrorKind::kUsage, "two checkpoints at once",
                {.key = "--checkpoint", .remedy = "Name the run and one checkpoint of it"});
  }
  // a checkpoint lies in a folder of its run
  if (is_checkpoint) {
    const fs::path run = fs::absolute(what, ignored).parent_path().parent_path();
    if (!fs::exists(run / "run.toml", ignored)) {
      throw Error(ErrorKind::kUsage, "this is a file, and no checkpoint of a run",
                  {.file = what,
                   .remedy = "A checkpoint is in RUN/checkpoints; the recipe beside it is needed, "
                             "too"});
    }
    return {.run = std::make_unique<OpenedRun>(
                OpenRun(fs::relative(run, ignored).string(), common.catalog)),
            .checkpoint = what};
  }
  if (is_run) {
    return {.run = std::make_unique<OpenedRun>(OpenRun(what, common.catalog)),
            .checkpoint = arguments.checkpoint};
  }
  if (common.catalog.families.Contains(what) || declarative::IsFamilyFolder(what)) {
    return OpenFamily(what, arguments, common);
  }
  if (common.catalog.data.Contains(what) || common.catalog.functions.Contains(what)) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is data, and nothing that learns", what),
                {.remedy = "Watch a run of a learner on it"});
  }
  const std::string near = DidYouMean(what, common.catalog.families.Names());
  throw Error(ErrorKind::kUsage,
              fmt::format("'{}' is no run, no checkpoint and no family{}", what, near),
              {.remedy = "fewstep list shows the families, and the runs in ./runs"});
}

std::unique_ptr<Watched::Agent> OpenAgent(Source source, const WatchArguments& arguments) {
  auto agent = std::make_unique<Watched::Agent>();
  agent->run = std::move(source.run);
  RunConfig& config = agent->run->config;
  if (config.few_shot()) {
    OpenLearner(*agent, source.checkpoint, arguments);
    return agent;
  }
  config.run.threads = arguments.threads;
  config.run.device = DeviceKind::kCpu;  // of one task there is little to compute
  if (arguments.seed >= 0) config.run.evaluation_seed = arguments.seed;
  agent->bench = std::make_unique<Workbench>(config, agent->run->catalog);
  if (source.trained && agent->run->catalog.agents.Get(config.agent_name).trained) {
    LoadAgent(OpenCheckpoint(config, source.checkpoint), *agent->bench, config);
  }
  agent->adapts = source.trained || !arguments.agent.empty();
  agent->name = source.trained ? fmt::format("{}: {} on {}", config.run.name, config.agent_name,
                                             config.family_name)
                               : fmt::format("{}: {}", config.family_name, config.agent_name);
  return agent;
}

// Episodes of a unit: as in the run's evaluations, unless somebody says.
int EpisodesOf(const Watched::Agent& agent, const WatchArguments& arguments) {
  if (arguments.episodes > 0) return static_cast<int>(arguments.episodes);
  const int64_t own = agent.run->config.run.evaluation_episodes;
  return own > 0 ? static_cast<int>(own) : agent.bench->agent->episodes_per_unit();
}

// Units of adaptation that an agent is watched for, when nobody says.
int UsualUnits(const Watched::Agent& agent, const WatchArguments& arguments) {
  if (arguments.units >= 0) return static_cast<int>(arguments.units);
  const FamilySpec& spec = agent.bench->family->spec();
  // who acts at random is the same after any number of episodes
  if (!agent.bench->agent->adapts() || (!agent.adapts && !spec.drawing.arms)) return 0;
  const int episodes = EpisodesOf(agent, arguments);
  // of a bandit all pulls are seen while it adapts
  if (spec.drawing.arms) return std::max(1, (spec.trial_episodes + episodes - 1) / episodes);
  return EvaluationUnits(EvaluationOf(agent.run->config), spec, episodes);
}

}  // namespace

std::string Watched::title() const {
  std::string title = "fewstep: " + agents[0]->name;
  for (size_t i = 1; i < agents.size(); ++i) title += " | " + agents[i]->name;
  return title;
}

void AddWatchOptions(CLI::App& command, WatchArguments& arguments) {
  command
      .add_option("what", arguments.what,
                  "A run, a checkpoint, or a family (then played at random, or by --agent);\n"
                  "two of them are watched on the same task")
      ->type_name("RUN|CHECKPOINT|FAMILY")
      ->required()
      ->expected(1, 2);
  command.add_option("--checkpoint", arguments.checkpoint,
                     "A checkpoint of the run; default: the newest");
  command.add_option("--agent", arguments.agent,
                     "Who plays a family: random, thompson, ... (fewstep list agents)");
  command
      .add_option("--task", arguments.task,
                  "A task parameter; of few-shot runs episode, ways or shots; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command
      .add_option("--units", arguments.units,
                  "Units of adaptation; default: as in the run's evaluations")
      ->check(CLI::Range(0, 10000));
  command
      .add_option("--show", arguments.shown,
                  "Units after which there is a pane, as in 0,1,3; default: all, or of\nmany the "
                  "first two and the last; of few-shot runs one pane that goes through them")
      ->delimiter(',')
      ->check(CLI::Range(0, 10000));
  command
      .add_option("--episodes", arguments.episodes,
                  "Episodes that a unit adapts on; 0: as in the run's evaluations")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  command.add_option("--speed", arguments.speed, "Seconds of the simulation in one of the picture")
      ->check(CLI::Range(0.03, 32.0))
      ->capture_default_str();
  command.add_option("--seed", arguments.seed, "Other tasks than those of run.evaluation_seed")
      ->check(CLI::Range(int64_t{0}, kLargestSeed));
  command
      .add_option("--threads", arguments.threads, "For adapting, on the processor; 0: one a core")
      ->check(CLI::Range(0, 4096));
  command.add_flag("--deterministic", arguments.deterministic,
                   "Act with the mode of the policy instead of sampling; an agent that adapts by\n"
                   "gradients goes on sampling what it adapts on");
}

std::unique_ptr<Watched> OpenWatched(const WatchArguments& arguments, const CommonOptions& common) {
  auto watched = std::make_unique<Watched>();
  for (const std::string& what : arguments.what) {
    watched->agents.push_back(OpenAgent(OpenSource(what, arguments, common), arguments));
  }
  const auto learners = std::ranges::count_if(
      watched->agents, [](const auto& agent) { return agent->learner != nullptr; });
  if (learners > 0) {
    if (learners < static_cast<std::ptrdiff_t>(watched->agents.size())) {
      throw Error(ErrorKind::kUsage, "an agent and a few-shot learner have no task in common");
    }
    watched->show = MakeFewShotShow(watched->agents, arguments);
    if (!arguments.task.empty()) ParseEpisode(*watched->show, arguments.task);
    return watched;
  }
  const TaskFamily& family = *watched->agents[0]->bench->family;
  for (const auto& agent : watched->agents) {
    const TaskFamily& other = *agent->bench->family;
    if (other.hash() == family.hash()) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("{} ({}) and {} ({}) are different families: their agents cannot be "
                            "watched on the same task",
                            family.spec().name, family.hash(), other.spec().name, other.hash()));
  }
  if (!arguments.task.empty()) ParseTask(family.spec(), arguments.task);

  // the agents, each with a sampler of its own
  const EvaluationOptions evaluation = EvaluationOf(watched->agents[0]->run->config);
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const auto& agent : watched->agents) {
    subjects.push_back(MakeFamilySubject(
        agent->name, family,  // one for all: their definitions are the same

        MakeAgentAdaptation(*agent->bench->agent, agent->bench->sampler,
                            {.episodes = EpisodesOf(*agent, arguments),
                             .deterministic = arguments.deterministic ||
                                              agent->run->config.run.evaluation_deterministic},
                            Rng(EvaluationOf(agent->run->config).seed)),
        evaluation.task_seed));
  }

  ShowOptions options{.units = 0, .shown = arguments.shown, .speed = arguments.speed};
  for (const auto& agent : watched->agents) {
    options.units = std::max(options.units, UsualUnits(*agent, arguments));
  }
  for (const int unit : options.shown) {
    if (unit <= options.units) continue;
    if (arguments.units < 0) {
      options.units = unit;
      continue;
    }
    throw Error(ErrorKind::kUsage, fmt::format("a pane after {} of {} units", unit, options.units),
                {.key = "--show", .remedy = fmt::format("Add --units {}", unit)});
  }
  if (options.shown.empty() && options.units >= kMostPanes) {
    options.shown = {0, 1, options.units};
  }
  // no episode lies outside of the family's trial
  const int trial = family.spec().trial_episodes;
  options.last_score =
      trial <= 1 || (options.units + 1) * EpisodesOf(*watched->agents[0], arguments) <= trial;
  watched->show = std::make_unique<Show>(std::move(subjects), std::move(options),
                                         Rng(evaluation.seed).Fork("show"));
  return watched;
}

void BeginTask(const WatchArguments& arguments, Watched& watched) {
  if (arguments.task.empty()) return watched.show->NextTask();
  if (watched.agents[0]->learner) {
    return watched.show->SetTask(ParseEpisode(*watched.show, arguments.task));
  }
  const FamilySpec& spec = watched.agents[0]->bench->family->spec();
  watched.show->SetTask(ParseTask(spec, arguments.task).values);
}

}  // namespace fewstep

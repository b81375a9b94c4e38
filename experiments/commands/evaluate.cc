// fewstep evaluate
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <tuple>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/curve_report.h"
#include "experiments/running/few_shot_trainable.h"
#include "experiments/running/meta_rl_trainable.h"
#include "experiments/running/run_directory.h"

namespace fewstep {
namespace {

struct EvaluateArguments {
  std::string run, checkpoint, split = "test", measure = "episodes", device, data;
  int64_t tasks = -1, units = -1, episodes = -1, seed = -1, threads = 0;
  int64_t ways = 0, shots = 0, queries = 0;
  bool deterministic = false, sampled = false, best = false;
  std::vector<std::string> sets;
};

// What another run's checkpoint gives must not be saved among the evaluations of this one.
void CheckOwnCheckpoint(const TensorFile& checkpoint, const RunConfig& config) {
  const auto folder = [](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
  };
  if (folder(checkpoint.path()).parent_path() == folder(config.run_path()) / "checkpoints") return;
  throw Error(ErrorKind::kUsage, fmt::format("it is no checkpoint of {}", config.run_path()),
              {.file = checkpoint.path(),
               .remedy = "Give the checkpoint in place of the run: fewstep evaluate CHECKPOINT"});
}

// "data.path=my/digits" as a part of a file's name: "path=my_digits".
std::string NamePart(const std::string& set) {
  constexpr size_t kLongest = 40;
  std::string part = set.substr(set.find('.') + 1);
  if (part.size() > kLongest) {
    part = part.substr(0, std::min(kLongest, part.find('='))) + "=" + HashOf(part);
  }
  for (char& c : part) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '=' && c != '.' && c != '-') {
      c = '_';
    }
  }
  return part;
}

// The data that --data and --set name; null where they are the run's own.
std::unique_ptr<EpisodeSource> OtherData(const EvaluateArguments& arguments, RunConfig& config,
                                         const Catalog& catalog, std::string& name) {
  name = arguments.data.empty() ? config.data_name : arguments.data;
  if (name == config.data_name && arguments.sets.empty()) return nullptr;
  if (!catalog.data.Contains(name) && !catalog.functions.Contains(name)) {
    throw Error(ErrorKind::kUsage, fmt::format("there are no data called '{}'", name),
                {.key = "--data", .remedy = "fewstep list data shows what there is"});
  }
  // other keys of the run's own data begin with its own
  Config keys = Config::ParseText(
      name == config.data_name ? WriteToml("data", *config.data) : "[data]\n", "--set");
  for (const std::string& set : arguments.sets) {
    if (!set.starts_with("data.") || set.starts_with("data.episodes")) {
      throw Error(ErrorKind::kUsage, fmt::format("'{}' is no key of the data", set),
                  {.key = "--set",
                   .remedy = "Keys are those of [data]; episodes have --ways, --shots, --queries"});
    }
    keys.Set(set);
  }
  const std::unique_ptr<DataOptions> options = catalog.MakeDataOptions(name);
  keys.Read("data", *options);
  return MakeEpisodeSource(name, *options, catalog);
}

// Of few-shot learning: other episodes, or more units.
int EvaluateFewShot(const EvaluateArguments& arguments, const RunOptions& recipe, RunConfig& config,
                    const Catalog& catalog, const std::string& checkpoint_path,
                    const CommonOptions& common) {
  if (arguments.episodes >= 0 || arguments.deterministic || arguments.sampled ||
      arguments.measure != "episodes") {
    throw Error(ErrorKind::kUsage,
                "--episodes, --deterministic, --sampled and --measure are for agents that act",
                {.file = config.run_path(),
                 .remedy = "--tasks says how many episodes a learner is judged on"});
  }
  const std::optional<DataSplit> split = FindValue(kDataSplitNames, arguments.split);
  if (!split) {
    throw Error(ErrorKind::kUsage, fmt::format("data have no split '{}'", arguments.split),
                {.key = "--split",
                 .remedy = fmt::format("One of {}", fmt::join(NamesOf(kDataSplitNames), ", "))});
  }
  FewShotBench bench(config, catalog);
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  const TensorFile checkpoint =
      OpenCheckpoint(config, arguments.best ? directory.best_path() : checkpoint_path);
  LoadLearner(checkpoint, bench, config);
  CheckOwnCheckpoint(checkpoint, config);
  const int64_t iteration = checkpoint.Scalar<int64_t>("run.iteration");
  FewShotEvaluation options = FewShotEvaluationOf(config);
  options.split = *split;
  if (arguments.ways > 0 && !bench.source->form().classification) {
    throw Error(ErrorKind::kUsage, "what is regressed has no ways", {.key = "--ways"});
  }
  if (options.shape.size == EpisodeSize::kVariable &&
      (arguments.ways > 0 || arguments.shots > 0 || arguments.queries > 0)) {
    throw Error(ErrorKind::kUsage, "the run's episodes have ways and shots of chance",
                {.key = "data.episodes.size"});
  }
  if (arguments.ways > 0) options.shape.ways = arguments.ways;
  if (arguments.shots > 0) options.shape.shots = arguments.shots;
  if (arguments.queries > 0) options.shape.queries = arguments.queries;
  const std::unique_ptr<EpisodeSource> other =
      OtherData(arguments, config, catalog, options.data_name);
  options.source = other.get();
  LogInfo(fmt::format("Evaluating {} on {} {} episodes ...", checkpoint.path(), options.episodes,
                      arguments.split));
  const AdaptationCurve curve = Evaluate(bench, config, options);
  if (common.json) {
    Print(CurveJson(curve, iteration));
  } else {
    PrintCurve(curve, iteration);
  }
  // every option that differs from the recipe's is part of the name
  std::string name = fmt::format("iteration-{:06}", iteration);
  if (options.data_name != config.data_name) name += "-" + options.data_name;
  for (const std::string& set : arguments.sets) name += "-" + NamePart(set);
  const EpisodeOptions &shape = options.shape, &own = config.data->episodes;
  for (const auto& [key, value, of_recipe] : {std::tuple{"ways", shape.ways, own.ways},
                                              {"shots", shape.shots, own.shots},
                                              {"queries", shape.queries, own.queries}}) {
    if (value != of_recipe) name += fmt::format("-{}{}", key, value);
  }
  if (*split != DataSplit::kTest) name += "-" + arguments.split;
  for (const auto& [key, value, of_recipe] :
       {std::tuple{"tasks", config.run.evaluation_tasks, recipe.evaluation_tasks},
        {"units", config.run.evaluation_units, recipe.evaluation_units},
        {"seed", config.run.evaluation_seed, recipe.evaluation_seed}}) {
    if (value != of_recipe) name += fmt::format("-{}{}", key, value);
  }
  const std::string base = directory.SaveEvaluation(curve, iteration, name);
  if (!common.json) {
    Print("Saved as {}.{{json,md,svg}}\n", base);
    if (!curve.few_shot->fits.empty()) Print("Fits are in {}-fits.svg\n", base);
  }
  return 0;
}

int RunEvaluate(const EvaluateArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  // a checkpoint file names its run
  std::string run = arguments.run, checkpoint_path = arguments.checkpoint;
  if (run.ends_with(".safetensors")) {
    if (!checkpoint_path.empty()) {
      throw Error(ErrorKind::kUsage, "two checkpoints were given", {.key = "--checkpoint"});
    }
    checkpoint_path = run;
    run = std::filesystem::absolute(run).parent_path().parent_path().string();
  }
  auto [catalog, config] = OpenRun(run, common.catalog);
  if (arguments.best && !checkpoint_path.empty()) {
    throw Error(ErrorKind::kUsage, "two checkpoints were given", {.key = "--best"});
  }
  if (arguments.best && config.run.validation_interval == 0) {
    throw Error(ErrorKind::kUsage, "the run has no validation to tell which checkpoint is best",
                {.file = config.run_path(),
                 .key = "--best",
                 .remedy = "Train few-shot learners with run.validation_interval"});
  }
  const EvaluationOptions own = EvaluationOf(config);
  const RunOptions recipe = config.run;
  config.run.threads = arguments.threads;
  if (arguments.seed >= 0) config.run.evaluation_seed = arguments.seed;
  if (arguments.tasks >= 0) config.run.evaluation_tasks = arguments.tasks;
  if (arguments.units >= 0) config.run.evaluation_units = arguments.units;
  if (arguments.episodes >= 0) config.run.evaluation_episodes = arguments.episodes;
  if (!arguments.device.empty()) config.run.device = ValueOf(kDeviceNames, arguments.device);
  if (config.few_shot())
    return EvaluateFewShot(arguments, recipe, config, catalog, checkpoint_path, common);
  if (arguments.ways > 0 || arguments.shots > 0 || arguments.queries > 0 ||
      !arguments.data.empty() || !arguments.sets.empty()) {
    throw Error(ErrorKind::kUsage,
                "--data, --set, --ways, --shots and --queries are for few-shot learners",
                {.file = config.run_path()});
  }
  if (!FindValue(kSplitNames, arguments.split)) {
    throw Error(ErrorKind::kUsage, fmt::format("a family has no split '{}'", arguments.split),
                {.key = "--split",
                 .remedy = fmt::format("One of {}", fmt::join(NamesOf(kSplitNames), ", "))});
  }

  Workbench bench(config, catalog);
  CheckFootprint(EvaluationFootprint(bench, EvaluationOf(config)));
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  const TensorFile checkpoint = OpenCheckpoint(config, checkpoint_path);
  LoadAgent(checkpoint, bench, config);
  CheckOwnCheckpoint(checkpoint, config);
  const int64_t iteration = checkpoint.Scalar<int64_t>("run.iteration");

  EvaluationOptions options = EvaluationOf(config);
  options.split = ValueOf(kSplitNames, arguments.split);
  options.deterministic = arguments.deterministic || (own.deterministic && !arguments.sampled);
  options.measure = ValueOf(kMeasureNames, arguments.measure);
  LogInfo(fmt::format("Evaluating {} on {} {} tasks ...", checkpoint.path(), options.tasks,
                      arguments.split));
  const AdaptationCurve curve = Evaluate(*bench.agent, config.agent_name, bench.sampler, options);

  // first the screen: the curve is there even where it cannot be saved
  if (common.json) {
    Print(CurveJson(curve, iteration));
  } else {
    PrintCurve(curve, iteration);
  }
  const std::string base = directory.SaveEvaluation(
      curve, iteration,
      fmt::format(
          "iteration-{:06}{}", iteration,
          EvaluationSuffix(curve.options, Resolved(own, *bench.agent, bench.family->spec()))));
  if (!common.json) Print("Saved as {}.{{json,md,svg}}\n", base);
  return 0;
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "Let what was trained adapt to held-out tasks; print and save its curve.");
  command->footer(
      "The curve is the mean return after 0, 1, 2, ... units of adaptation (gradient steps for\n"
      "gradient-based agents), with 95 % intervals over tasks and the number of "
      "episodes\n"
      "used for adapting. The tasks are the same for every run with the same run.evaluation_seed.\n"
      "Saved in RUN/evaluations/ as JSON, Markdown and SVG, under a name that holds every option\n"
      "that differs from the recipe's. Of learners on functions of one number, fits of the first\n"
      "ones before and after adapting are saved beside it, as NAME-fits.svg; of agents that infer\n"
      "the task what they believe, as NAME-posterior.svg and, of goals in the plane, "
      "NAME-goals.svg.\n\n"
      "With --deterministic the agent is judged acting with the mode of its policy. What it "
      "adapts\n"
      "on stays as its kind needs it: a gradient-based agent samples those episodes and is judged\n"
      "on others; one that learns while it acts plays its whole trial with the mode.\n\n"
      "Few-shot learners are judged by accuracy, or by squared error, on held-out episodes.\n\n"
      "Examples:\n"
      "  fewstep evaluate runs/quickstart\n"
      "  fewstep evaluate runs/quickstart --tasks 100 --units 5 --json\n"
      "  fewstep evaluate runs/quickstart/checkpoints/checkpoint-000010.safetensors\n"
      "  fewstep evaluate runs/prototypical-omniglot --ways 20 --shots 5\n"
      "  fewstep evaluate runs/prototypical-omniglot --data folder --set data.path=my/pictures");
  command->add_option("run", arguments->run, "Run directory, or one of its checkpoints")
      ->required();
  command->add_option("--checkpoint", arguments->checkpoint, "Another checkpoint of the run");
  command->add_flag("--best", arguments->best,
                    "The checkpoint that was best by validation, of a few-shot run that validates");
  command
      ->add_option("--split", arguments->split,
                   "test, train or ood; of data test, train or validation")
      ->capture_default_str();
  command->add_option("--tasks", arguments->tasks, "Number of tasks; default: the recipe's")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--units", arguments->units, "Units of adaptation; default: the recipe's")
      ->check(CLI::Range(0, 100000));
  command
      ->add_option("--episodes", arguments->episodes,
                   "Episodes for each task and unit, 0 for the agent's own number")
      ->check(CLI::Range(0, 1000000));
  command->add_option("--seed", arguments->seed, "Other tasks than those of run.evaluation_seed")
      ->check(CLI::Range(int64_t{0}, kLargestSeed));
  command
      ->add_option("--measure", arguments->measure,
                   "episodes: the mean of the episodes; rllab: of those that end until as many "
                   "steps are complete, as MAML's figures were made")
      ->check(CLI::IsMember(NamesOf(kMeasureNames)))
      ->capture_default_str();
  command->add_option(
      "--data", arguments->data,
      "Of few-shot learning: other data of the same form, as they are by default but for --set; "
      "the run's own name means its own [data]");
  command->add_option("--set", arguments->sets,
                      "Of few-shot learning: data.KEY=VALUE of --data; may be repeated");
  command->add_option("--ways", arguments->ways, "Of few-shot learning: ways of the episodes")
      ->check(CLI::Range(2, 1000000));
  command->add_option("--shots", arguments->shots, "Of few-shot learning: shots of the episodes")
      ->check(CLI::Range(1, 1000000));
  command
      ->add_option("--queries", arguments->queries, "Of few-shot learning: queries of the episodes")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--threads", arguments->threads, "0 for one a processor")
      ->check(CLI::Range(0, 4096));
  command->add_option("--device", arguments->device, "cpu or cuda")
      ->check(CLI::IsMember(NamesOf(kDeviceNames)));
  auto* deterministic =
      command->add_flag("--deterministic", arguments->deterministic,
                        "Judge acting with the mode of the policy instead of sampling");
  command
      ->add_flag("--sampled", arguments->sampled,
                 "Judge sampling where the recipe (run.evaluation_deterministic) has the mode")
      ->excludes(deterministic);
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print JSON");
  AddPluginOptions(*command, common);
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunEvaluate(*arguments, common); });
}

}  // namespace fewstep

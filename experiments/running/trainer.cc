#include "experiments/running/trainer.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agents/device.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "experiments/build_info.h"
#include "experiments/output.h"
#include "experiments/reports/learning_curve.h"
#include "experiments/running/progress.h"
#include "experiments/running/signals.h"
#include "meta/gradient/gradient_agent.h"

namespace fewstep {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string BuildJson(const Workbench& bench, const TrainOptions& options) {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : BuildFacts()) json[name] = value;
  json["family"] = bench.family->spec().name;
  json["family_hash"] = bench.family->hash();
  json["threads"] = bench.pool.num_threads();
  json["device"] = bench.device.str();
  json["command"] = options.command_line;
  return ToText(json);
}

// "return_K" of the largest K: after all units of adaptation.
double ReturnAfter(const Metrics& metrics) {
  double value = std::nan("");
  for (int unit = 0; metrics.Has(fmt::format("return_{}", unit)); ++unit) {
    value = metrics.Get(fmt::format("return_{}", unit));
  }
  return value;
}

// Episodes for each task and unit.
int EvaluationEpisodes(const Workbench& bench, const EvaluationOptions& options) {
  return options.episodes > 0 ? options.episodes : bench.agent->episodes_per_unit();
}

// Columns that an evaluation adds to an iteration's metrics.
void AddEvaluation(const AdaptationCurve& curve, Metrics& metrics) {
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
    metrics.Add(fmt::format("evaluation_return_{}", unit), curve.mean[unit].point);
  }
}

std::vector<std::string> Columns(const Metrics& first, const Workbench& bench,
                                 const RunConfig& config) {
  std::vector<std::string> columns;
  for (const auto& [name, value] : first.entries()) {
    if (!name.starts_with("evaluation_")) columns.push_back(name);
  }
  if (config.run.evaluation_interval == 0) return columns;
  const EvaluationOptions options = EvaluationOf(config);
  const int units =
      EvaluationUnits(options, bench.family->spec(), EvaluationEpisodes(bench, options));
  for (int unit = 0; unit <= units; ++unit) {
    columns.push_back(fmt::format("evaluation_return_{}", unit));
  }
  return columns;
}

TensorFile MakeCheckpoint(const Workbench& bench, RunConfig& config,
                          const std::vector<std::string>& columns) {
  TensorFile file;
  bench.agent->Save(file);
  file.AddText("run.columns", fmt::format("{}", fmt::join(columns, ",")));
  file.SetMetadata("format", "fewstep checkpoint 1");
  file.SetMetadata("family_hash", bench.family->hash());
  file.SetMetadata("agent", config.agent_name);
  file.SetMetadata("recipe", config.ToToml());
  for (const auto& [name, value] : BuildFacts()) file.SetMetadata(name, value);
  return file;
}

std::vector<std::string> SplitColumns(std::string_view text) {
  std::vector<std::string> columns;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    columns.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

// Iterations first+1 .. iterations. `checkpoint` is the one training continues from, or null.
TrainResult Loop(Workbench& bench, RunConfig& config, RunDirectory& directory,
                 const TensorFile* checkpoint, int64_t first, const TrainOptions& options) {
  const RunOptions& run = config.run;
  const Rng root = Rng(static_cast<uint64_t>(run.seed)).Fork("training");
  std::vector<std::string> columns;
  if (checkpoint != nullptr) {
    columns = SplitColumns(checkpoint->Text("run.columns"));
    directory.OpenLogs(columns, checkpoint);
  } else if (!bench.agents.Get(config.agent_name).trained) {
    // complete as it is: what `evaluate` and `view` open
    directory.OpenLogs(columns, nullptr);
    directory.SaveCheckpoint(0, MakeCheckpoint(bench, config, columns));
  }
  const SignalGuard signals;
  Progress progress(first, run.iterations, {.quiet = options.quiet});
  TrainResult result{.iteration = first};
  int64_t steps = 0, saved = first;

  for (int64_t iteration = first + 1; iteration <= run.iterations; ++iteration) {
    // one iteration of meta-training
    const double start = Seconds(), sampling_before = bench.sampler.seconds();
    const Rng rng = root.Fork("iteration", static_cast<uint64_t>(iteration));
    const std::vector<Task> tasks =
        bench.family->Sample(Split::kTrain, bench.agent->meta_batch_size(), rng.Fork("tasks"));
    Metrics metrics = bench.agent->TrainIteration(tasks, bench.sampler, rng);
    const double seconds = Seconds() - start, sampling = bench.sampler.seconds() - sampling_before;

    // held-out tasks
    if (run.evaluation_interval > 0 && iteration % run.evaluation_interval == 0) {
      AddEvaluation(Evaluate(*bench.agent, config.agent_name, bench.sampler, EvaluationOf(config)),
                    metrics);
    }

    // files
    if (columns.empty()) {
      columns = Columns(metrics, bench, config);
      directory.OpenLogs(columns, nullptr);
    }
    const double environment_steps = metrics.GetOr("environment_steps", 0);
    Metrics timing;
    timing.Add("seconds", seconds);
    timing.Add("sampling_seconds", sampling);
    timing.Add("learning_seconds", seconds - sampling);
    timing.Add("steps_per_second", environment_steps / seconds);
    directory.Log(iteration, metrics, timing);
    result.iteration = iteration;
    result.signal = signals.received();
    if (iteration % run.checkpoint_interval == 0 || iteration == run.iterations ||
        result.signal != 0) {
      directory.SaveCheckpoint(iteration, MakeCheckpoint(bench, config, columns));
      saved = iteration;
    }

    // the person who waits
    steps += static_cast<int64_t>(environment_steps);
    progress.Update({.iteration = iteration,
                     .steps = steps,
                     .return_before = metrics.GetOr("return_0", std::nan("")),
                     .return_after = ReturnAfter(metrics)});
    if (result.signal != 0) {
      progress.Finish();
      LogInfo(fmt::format("Interrupted. Iteration {} is saved; continue with: fewstep resume {}",
                          saved, directory.path()));
      return result;
    }
  }
  progress.Finish();

  // the curve; who interrupts it finds every iteration saved
  result.evaluation =
      Evaluate(*bench.agent, config.agent_name, bench.sampler, EvaluationOf(config));
  result.evaluation_path = directory.SaveEvaluation(
      result.evaluation, result.iteration, fmt::format("iteration-{:06}", result.iteration));
  if (result.iteration > 0) {
    WriteFileAtomically(
        directory.path() + "/evaluations/learning.svg",
        LearningCurveSvg({directory.path()},
                         fmt::format("{}, {}{}", config.family_name, config.agent_name,
                                     result.evaluation.finite ? " (tasks of training)" : "")));
  }
  result.signal = signals.received();
  return result;
}

// Throws Error(kUsage) when so much is more than there is, or so many are more than can be counted.
void CheckSize(double bytes, double episodes, std::string_view purpose, const std::string& keys) {
  RequireMemory(bytes, purpose, keys);
  if (episodes > std::numeric_limits<int>::max()) {
    throw Error(ErrorKind::kUsage, fmt::format("{} has more than 2^31 episodes", purpose),
                {.key = keys, .remedy = "Lower one of them"});
  }
}

// A checkpoint goes on only with the recipe that it was trained with.
void CheckRecipe(const TensorFile& file, const Workbench& bench, RunConfig& config,
                 const std::string& recipe_path) {
  RunConfig trained = ReadRunConfig(Config::ParseText(file.Metadata("recipe"), file.path()),
                                    bench.families, bench.agents);
  for (const std::string& change : Changes(trained, config)) CheckResumable(change, recipe_path);
}

}  // namespace

Workbench::Workbench(const RunConfig& config)
    : families(BuiltinFamilies()),
      agents(BuiltinAgents()),
      family(families.Get(config.family_name)(config.family)),
      pool(ResolveThreads(config.run.threads), UseOneTorchThread),
      device(ParseDevice(config.run.device)),
      agent((UseOneTorchThread(),
             agents.Get(config.agent_name)
                 .make(*config.agent,
                       {.family = *family,
                        .pool = pool,
                        .device = device,
                        .init = Rng(static_cast<uint64_t>(config.run.seed)).Fork("init")}))),
      sampler(*family, pool, ParseSamplingPlan(config.run.sampling_plan), device) {
  CheckSize(agent->iteration_bytes(),
            static_cast<double>(agent->steps_per_iteration()) / family->spec().horizon,
            "an iteration", "agent.meta_batch_size, agent.episodes, agent.hidden, family.horizon");
  CheckEvaluation(*this, EvaluationOf(config));
}

uint64_t EvaluationSeed(const RunConfig& config) {
  return Rng(static_cast<uint64_t>(config.run.seed))
      .Fork("evaluation", static_cast<uint64_t>(config.run.evaluation_seed))
      .key();
}

EvaluationOptions EvaluationOf(const RunConfig& config) {
  const auto* gradient = dynamic_cast<const GradientAgentOptions*>(config.agent.get());
  std::optional<bool> bootstrap;
  if (gradient != nullptr) bootstrap = gradient->adaptation.advantage.bootstrap_at_horizon;
  return {.split = Split::kTest,
          .tasks = static_cast<int>(config.run.evaluation_tasks),
          .units = static_cast<int>(config.run.evaluation_units),
          .episodes = static_cast<int>(config.run.evaluation_episodes),
          .task_seed = static_cast<uint64_t>(config.run.evaluation_seed),
          .seed = EvaluationSeed(config),
          .bootstrap_at_horizon = bootstrap};
}

void CheckEvaluation(const Workbench& bench, const EvaluationOptions& options) {
  const double episodes = 1.0 * options.tasks * EvaluationEpisodes(bench, options);
  CheckSize(
      RolloutBytes(bench.family->spec(), episodes) + bench.agent->deployment_bytes(options.tasks),
      episodes, "an evaluation", "run.evaluation_tasks, run.evaluation_episodes, family.horizon");
}

TensorFile OpenCheckpoint(const RunConfig& config, const std::string& path) {
  if (!path.empty()) return CheckpointStore::Load(path);
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  LoadedCheckpoint newest = directory.checkpoints().LoadNewest();
  for (const std::string& warning : newest.warnings) LogWarning(warning);
  return std::move(newest.file);
}

void LoadAgent(const TensorFile& file, const Workbench& bench, const RunConfig& config) {
  const std::string& hash = file.Metadata("family_hash");
  if (hash != bench.family->hash()) {
    throw Error(ErrorKind::kData,
                fmt::format("it was trained on definition {} of {}, this program has {}", hash,
                            config.family_name, bench.family->hash()),
                {.file = file.path(),
                 .remedy = "Results of different definitions are not comparable; use the version "
                           "of fewstep named in the run's build.json"});
  }
  if (const std::string& agent = file.Metadata("agent"); agent != config.agent_name) {
    throw Error(ErrorKind::kData,
                fmt::format("it was saved by the agent {}, not {}", agent, config.agent_name),
                {.file = file.path()});
  }
  bench.agent->Load(file);
}

TrainResult Train(Workbench& bench, RunConfig& config, const TrainOptions& options) {
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  // a recipe that could not be read back could not be resumed
  const std::string recipe = config.ToToml();
  ReadRunConfig(Config::ParseText(recipe, directory.recipe_path()), bench.families, bench.agents);
  directory.Create(recipe, BuildJson(bench, options));
  LogInfo(fmt::format("{}: {} on {} ({}), {} iterations of {} steps, {} threads", directory.path(),
                      config.agent_name, config.family_name, bench.family->hash(),
                      config.run.iterations, bench.agent->steps_per_iteration(),
                      bench.pool.num_threads()));
  return Loop(bench, config, directory, nullptr, 0, options);
}

TrainResult Resume(Workbench& bench, RunConfig& config, const TrainOptions& options) {
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  directory.Lock();
  std::optional<LoadedCheckpoint> checkpoint;
  if (!directory.checkpoints().List().empty()) {
    checkpoint = directory.checkpoints().LoadNewest();
    for (const std::string& warning : checkpoint->warnings) LogWarning(warning);
    LoadAgent(checkpoint->file, bench, config);
    CheckRecipe(checkpoint->file, bench, config, directory.recipe_path());
    if (checkpoint->file.Scalar<int64_t>("run.iteration") != checkpoint->iteration) {
      throw Error(ErrorKind::kData, "its name and its content are of different iterations",
                  {.file = checkpoint->file.path(), .key = "run.iteration"});
    }
    if (checkpoint->iteration > config.run.iterations) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{} iterations are done, {} were asked for", checkpoint->iteration,
                              config.run.iterations),
                  {.file = directory.path(),
                   .key = "run.iterations",
                   .remedy = fmt::format("Add --set run.iterations={}", checkpoint->iteration)});
    }
  }

  // what was changed holds for the next resume as well
  RunConfig stored = ReadRun(directory.path());
  const std::vector<std::string> changes = Changes(stored, config);
  for (const std::string& change : changes) LogInfo(fmt::format("changed: {}", change));
  if (!changes.empty()) directory.WriteRecipe(config.ToToml());

  if (!checkpoint) {
    LogInfo(fmt::format("{}: no checkpoint yet, starting from the beginning", directory.path()));
    return Loop(bench, config, directory, nullptr, 0, options);
  }
  LogInfo(fmt::format("{}: continuing after iteration {} of {}", directory.path(),
                      checkpoint->iteration, config.run.iterations));
  return Loop(bench, config, directory, &checkpoint->file, checkpoint->iteration, options);
}

}  // namespace fewstep

#include "experiments/running/trainer.h"

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agents/device.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/build_info.h"
#include "experiments/output.h"
#include "experiments/running/few_shot_trainable.h"
#include "experiments/running/meta_rl_trainable.h"
#include "experiments/running/signals.h"
#include "experiments/running/training_loop.h"

namespace fewstep {
namespace {

std::string BuildJson(const Trainable& trainable, const RunConfig& config,
                      const TrainOptions& options) {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : BuildFacts()) json[name] = value;
  for (const auto& [name, value] : trainable.origin()) json[name] = value;
  for (const auto& [name, value] : trainable.identity()) json[name] = value;
  json["threads"] = ResolveThreads(config.run.threads);
  json["device"] = OpenDevice(config.run.device).str();
  json["command"] = options.command_line;
  return ToText(json);
}

// A checkpoint goes on only with the recipe that it was trained with.
void CheckRecipe(const TensorFile& file, const Catalog& catalog, RunConfig& config,
                 const std::string& recipe_path) {
  RunConfig trained =
      ReadRunConfig(Config::ParseText(file.Metadata("recipe"), file.path()), catalog);
  for (const std::string& change : Changes(trained, config)) CheckResumable(change, recipe_path);
}

// What the loop needs of a checkpoint; the rest would stay in memory beside what was loaded from
// it.
TensorFile OfTheRun(const TensorFile& file) {
  TensorFile part;
  part.set_path(file.path());
  for (const TensorEntry& entry : file.tensors()) {
    if (!entry.name.starts_with("run.")) continue;
    part.Add(entry.name, entry.dtype, entry.shape, entry.bytes.data());
  }
  return part;
}

// The newest checkpoint of a run, loaded; nothing when it has none.
std::optional<LoadedCheckpoint> LoadNewest(RunDirectory& directory, Trainable& trainable,
                                           const Catalog& catalog, RunConfig& config) {
  if (directory.checkpoints().List().empty()) return std::nullopt;
  const auto replay_in = [](const TensorFile& file) -> std::string {
    const auto found = file.metadata().find(kReplayKey);
    return found != file.metadata().end() ? found->second : kReplayNotKept;
  };
  const bool wants_replay = trainable.has_replay() && config.run.save_replay;
  const int64_t newest = directory.checkpoints().List().front().iteration;
  const auto complete = [&](const TensorFile& file) {
    return !wants_replay || (replay_in(file) != kReplayLeftOut && file.damaged().empty());
  };
  LoadedCheckpoint checkpoint =
      directory.checkpoints().LoadNewest(complete, {.spare = kReplayTensors});
  for (const std::string& warning : checkpoint.warnings) LogWarning(warning);
  if (!checkpoint.complete) {
    throw Error(ErrorKind::kData, "none of its readable checkpoints holds the replay",
                {.file = directory.path() + "/checkpoints",
                 .remedy = "Add --set run.save_replay=false to fill it anew; the run then goes "
                           "another way than without the interruption"});
  }
  const bool with_replay = trainable.has_replay() && checkpoint.file.damaged().empty() &&
                           replay_in(checkpoint.file) == kReplaySaved;
  trainable.Load(checkpoint.file, with_replay);
  if (trainable.has_replay() && !with_replay) {
    LogWarning(
        fmt::format("{}: the checkpoint holds no replay, or a damaged one; it is filled anew, and "
                    "the run goes "
                    "another way than without the interruption",
                    checkpoint.file.path()));
  }
  CheckRecipe(checkpoint.file, catalog, config, directory.recipe_path());
  if (checkpoint.file.Scalar<int64_t>("run.iteration") != checkpoint.iteration) {
    throw Error(ErrorKind::kData, "its name and its content are of different iterations",
                {.file = checkpoint.file.path(), .key = "run.iteration"});
  }
  if (checkpoint.iteration > config.run.iterations) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} iterations are done, {} were asked for", checkpoint.iteration,
                            config.run.iterations),
                {.file = directory.path(),
                 .key = "run.iterations",
                 .remedy = fmt::format("Add --set run.iterations={}", checkpoint.iteration)});
  }
  if (wants_replay && newest > checkpoint.iteration) {
    LogInfo(fmt::format("iterations {} to {} are repeated: their checkpoints hold no replay",
                        checkpoint.iteration + 1, newest));
    directory.checkpoints().ForgetIncompleteAfter(checkpoint.iteration);
  }
  checkpoint.file = OfTheRun(checkpoint.file);
  return checkpoint;
}

// What is judged is the best by validation, where there is one; its iteration. The file is apart
// from the generations: what of it is not what the run remembers is passed over.
int64_t LoadBest(Trainable& trainable, RunDirectory& directory, const LoopResult& loop) {
  if (loop.best_iteration < 0) return loop.iteration;
  try {
    const TensorFile best = CheckpointStore::Load(directory.best_path(), {.spare = kReplayTensors});
    if (best.Scalar<int64_t>("run.iteration") == loop.best_iteration) {
      trainable.Load(best, /*with_replay=*/false);
      LogInfo(fmt::format("judged as it was after iteration {}, the best by validation",
                          loop.best_iteration));
      return loop.best_iteration;
    }
    LogWarning(
        fmt::format("{} is not of iteration {}, the best by validation: the last one is "
                    "judged",
                    directory.best_path(), loop.best_iteration));
  } catch (const Error& error) {
    LogWarning(fmt::format("{}; the last iteration is judged instead of the best by validation",
                           error.what()));
  }
  return loop.iteration;
}

// Trains to the end and measures what came of it; who interrupts that finds every iteration saved.
TrainResult Finish(Trainable& trainable, RunConfig& config, RunDirectory& directory,
                   const TensorFile* checkpoint, int64_t first, const TrainOptions& options) {
  const LoopResult loop = RunTrainingLoop(trainable, config.run, directory, checkpoint, first,
                                          {.quiet = options.quiet, .recipe = config.ToToml()});
  TrainResult result{.iteration = loop.iteration,
                     .signal = loop.signal,
                     .evaluation = {},
                     .evaluation_path = {},
                     .learning_curve = trainable.learning_curve()};
  if (result.signal != 0) return result;
  const SignalGuard signals;
  const int64_t judged = LoadBest(trainable, directory, loop);
  result.evaluation = trainable.Evaluate();
  result.evaluation_path =
      directory.SaveEvaluation(result.evaluation, judged, fmt::format("iteration-{:06}", judged));
  if (result.iteration > 0) {
    const std::string title = fmt::format("{}, {}{}", config.subject_name(), config.trained_name(),
                                          result.evaluation.finite ? " (tasks of training)" : "");
    WriteFileAtomically(directory.path() + "/evaluations/learning.svg",
                        LearningCurveSvg({directory.path()}, title, result.learning_curve));
  }
  result.signal = signals.received();
  return result;
}

}  // namespace

TrainResult Train(RunConfig& config, const Catalog& catalog, bool resume,
                  const TrainOptions& options, const std::function<void()>& before_writing) {
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  const bool begins = !resume || directory.checkpoints().List().empty();
  const std::unique_ptr<Trainable> trainable = config.few_shot()
                                                   ? MakeFewShotTrainable(config, catalog, begins)
                                                   : MakeMetaRlTrainable(config, catalog);
  for (const Footprint& footprint : trainable->footprints()) CheckFootprint(footprint);
  if (before_writing) before_writing();

  if (!resume) {
    // a recipe that could not be read back could not be resumed
    const std::string recipe = config.ToToml();
    ReadRunConfig(Config::ParseText(recipe, directory.recipe_path()), catalog);
    directory.Create(recipe, BuildJson(*trainable, config, options), trainable->definition());
    LogInfo(fmt::format("{}: {}, {} iterations, {} threads", directory.path(),
                        trainable->description(), config.run.iterations,
                        ResolveThreads(config.run.threads)));
    return Finish(*trainable, config, directory, nullptr, 0, options);
  }

  directory.Lock();
  const std::optional<LoadedCheckpoint> checkpoint =
      LoadNewest(directory, *trainable, catalog, config);
  // what was changed holds for the next resume as well
  RunConfig stored = OpenRun(directory.path(), catalog).config;
  const std::vector<std::string> changes = Changes(stored, config);
  for (const std::string& change : changes) LogInfo(fmt::format("changed: {}", change));
  if (!changes.empty()) directory.WriteRecipe(config.ToToml());
  if (!checkpoint) {
    LogInfo(fmt::format("{}: no checkpoint yet, starting from the beginning", directory.path()));
    return Finish(*trainable, config, directory, nullptr, 0, options);
  }
  LogInfo(fmt::format("{}: continuing after iteration {} of {}", directory.path(),
                      checkpoint->iteration, config.run.iterations));
  return Finish(*trainable, config, directory, &checkpoint->file, checkpoint->iteration, options);
}

}  // namespace fewstep

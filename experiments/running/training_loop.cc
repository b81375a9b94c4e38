#include "experiments/running/training_loop.h"

#include <cmath>
#include <map>

#include <fmt/format.h>

#include "core/clock.h"
#include "core/log.h"
#include "experiments/build_info.h"
#include "experiments/running/progress.h"
#include "experiments/running/signals.h"

namespace fewstep {
namespace {

TensorFile MakeCheckpoint(const Trainable& trainable, const std::vector<std::string>& columns,
                          const std::string& recipe, const std::string& replay) {
  TensorFile file;
  trainable.Save(file, replay == kReplaySaved);
  if (trainable.has_replay()) file.SetMetadata(kReplayKey, replay);
  file.AddText("run.columns", fmt::format("{}", fmt::join(columns, ",")));
  file.SetMetadata("format", "fewstep checkpoint 1");
  for (const auto& [name, value] : trainable.identity()) file.SetMetadata(name, value);
  file.SetMetadata("recipe", recipe);
  for (const auto& [name, value] : BuildFacts()) file.SetMetadata(name, value);
  return file;
}

// The columns that the run's metrics.csv has, from its checkpoint: the agent in this program may
// declare others.
std::vector<std::string> ColumnsOf(const TensorFile& checkpoint) {
  const std::string_view text = checkpoint.Text("run.columns");
  std::vector<std::string> columns;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    columns.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

Metrics MetricsOf(const std::map<std::string, double>& values) {
  Metrics metrics;
  for (const auto& [name, value] : values) metrics.Add(name, value);
  return metrics;
}

void AddEvaluation(const AdaptationCurve& curve, Metrics& metrics) {
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
    metrics.Add(EvaluationColumn(curve.score, unit), curve.mean[unit].point);
  }
}

// The best validation so far, which checkpoints carry.
struct Best {
  double value = 0;
  int64_t iteration = -1;  // -1: there was none

  explicit Best(const TensorFile* checkpoint) {
    if (checkpoint == nullptr || checkpoint->Find("run.best_iteration") == nullptr) return;
    value = checkpoint->Scalar<double>("run.best_value");
    iteration = checkpoint->Scalar<int64_t>("run.best_iteration");
  }
  void Save(TensorFile& file) const {
    if (iteration < 0) return;
    file.AddScalar<double>("run.best_value", value);
    file.AddScalar<int64_t>("run.best_iteration", iteration);
  }
  bool IsBeatenBy(const Trainable::Validation& by) const {
    if (!std::isfinite(by.value)) return false;
    if (iteration < 0) return true;
    return by.larger_is_better ? by.value > value : by.value < value;
  }
};

}  // namespace

LoopResult RunTrainingLoop(Trainable& trainable, const RunOptions& run, RunDirectory& directory,
                           const TensorFile* checkpoint, int64_t first,
                           const LoopOptions& options) {
  const Rng root = Rng(static_cast<uint64_t>(run.seed)).Fork("training");
  const std::vector<std::string> columns =
      checkpoint != nullptr ? ColumnsOf(*checkpoint) : trainable.columns();
  directory.OpenLogs(columns, checkpoint);
  const bool saves_replay = trainable.has_replay() && run.save_replay;
  Best best(checkpoint);
  const auto save = [&](int64_t iteration, bool with_replay) {
    const char* replay = !saves_replay ? kReplayNotKept
                         : with_replay ? kReplaySaved
                                       : kReplayLeftOut;
    TensorFile file = MakeCheckpoint(trainable, columns, options.recipe, replay);
    best.Save(file);
    directory.SaveCheckpoint(iteration, std::move(file), replay != kReplayLeftOut);
  };
  // an agent that is not trained: save it once, for `evaluate` and `view`
  if (checkpoint == nullptr && !trainable.trained()) save(0, true);

  const SignalGuard signals;
  const LearningCurve curve = trainable.learning_curve();
  Progress progress(first, run.iterations,
                    {.quiet = options.quiet, .effort_unit = curve.effort_unit});
  LoopResult result{.iteration = first, .best_iteration = best.iteration};
  double effort = 0;
  // what was last known of the curve: some iterations have none of it
  std::map<std::string, double> latest;
  for (int64_t iteration = first + 1; iteration <= run.iterations; ++iteration) {
    const double start = SteadySeconds();
    Metrics metrics = trainable.Iterate(root.Fork("iteration", static_cast<uint64_t>(iteration)));
    const double seconds = SteadySeconds() - start;
    Metrics timing;
    timing.Add("seconds", seconds);
    timing.Append(trainable.Timing(metrics, seconds));
    effort += metrics.GetOr(curve.effort, 0);
    for (const LearningCurve::Line& line : curve.lines) {
      if (metrics.Has(line.column)) latest[line.column] = metrics.Get(line.column);
    }
    const std::string summary = Summary(curve, MetricsOf(latest));

    // validate, and keep what is best
    if (run.validation_interval > 0 && iteration % run.validation_interval == 0) {
      const Trainable::Validation validation = trainable.Validate();
      metrics.Add(validation.column, validation.value);
      if (best.IsBeatenBy(validation)) {
        best.value = validation.value;
        best.iteration = iteration;
        directory.SaveBest(iteration,
                           MakeCheckpoint(trainable, columns, options.recipe, kReplayNotKept));
      }
    }

    // evaluate on held-out tasks
    if (run.evaluation_interval > 0 && iteration % run.evaluation_interval == 0) {
      AddEvaluation(trainable.Evaluate(), metrics);
    }

    // logs and checkpoint
    directory.Log(iteration, metrics, timing);
    result = {
        .iteration = iteration, .signal = signals.received(), .best_iteration = best.iteration};
    const bool last = iteration == run.iterations;
    const bool due = iteration % run.checkpoint_interval == 0;
    const bool replay_due = run.replay_interval == 0 ? due : iteration % run.replay_interval == 0;
    const bool ends = last || result.signal != 0;
    if (due || ends || (saves_replay && replay_due)) save(iteration, replay_due || ends);

    // progress
    progress.Update({.iteration = iteration, .effort = effort, .summary = summary});
    if (result.signal != 0) {
      progress.Finish();
      LogInfo(fmt::format("Interrupted. Iteration {} is saved; continue with: fewstep resume {}",
                          iteration, directory.path()));
      return result;
    }
  }
  return result;
}

}  // namespace fewstep

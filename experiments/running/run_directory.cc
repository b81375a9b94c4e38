#include "experiments/running/run_directory.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "experiments/reports/belief_report.h"
#include "experiments/reports/curve_report.h"
#include "experiments/reports/fit_report.h"

namespace fewstep {
namespace {

void MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot make the folder: {}", error.message()),
                {.file = path, .remedy = "Choose another with --set run.directory=PATH"});
  }
}

}  // namespace

RunDirectory::RunDirectory(std::string path, int keep_checkpoints)
    : path_(std::move(path)), checkpoints_(path_ + "/checkpoints", keep_checkpoints) {}

bool RunDirectory::Exists() const {
  std::error_code error;
  for (std::filesystem::directory_iterator it(path_, error), end; !error && it != end;
       it.increment(error)) {
    // skip what Create makes before run.toml: a process killed in between leaves it
    const std::string name = it->path().filename().string();
    if (name == "build.json" || name == kFamilyCopy || name.starts_with('.')) continue;
    std::error_code ignored;
    if ((name == "checkpoints" || name == "evaluations") &&
        std::filesystem::is_empty(it->path(), ignored)) {
      continue;
    }
    return true;
  }
  return false;
}

void RunDirectory::Create(const std::string& recipe, const std::string& build_json,
                          const std::function<void(const std::string& folder)>& save_family) {
  MakeFolder(path_);
  Lock();
  MakeFolder(path_ + "/checkpoints");
  MakeFolder(path_ + "/evaluations");
  WriteFileAtomically(path_ + "/build.json", build_json);
  const std::string copy = fmt::format("{}/{}", path_, kFamilyCopy);
  std::error_code ignored;
  std::filesystem::remove_all(copy, ignored);  // of a run that was killed before it began
  if (save_family) save_family(copy);
  WriteRecipe(recipe);
}

void RunDirectory::Lock() {
  // the kernel gives the lock back when the process ends, however it ends
  lock_ = internal::OpenFile(AT_FDCWD, path_, O_RDONLY | O_DIRECTORY);
  if (lock_.valid() && flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(ErrorKind::kRuntime, "another process is training in it",
                {.file = path_, .remedy = "Wait for it, or end it"});
  }
}

void RunDirectory::WriteRecipe(const std::string& recipe) {
  WriteFileAtomically(recipe_path(), recipe);
}

void RunDirectory::OpenLogs(const std::vector<std::string>& columns, const TensorFile* checkpoint) {
  std::optional<int64_t> resumed_step;
  if (checkpoint != nullptr) {
    resumed_step = checkpoint->Scalar<int64_t>("run.iteration") + 1;
  } else if (std::filesystem::exists(path_ + "/tensorboard")) {
    resumed_step = 1;  // a run that was killed before its first checkpoint
  }
  columns_ = columns;
  logs_ = std::make_unique<Logs>(Logs{
      AppendFile(path_ + "/metrics.jsonl"), AppendFile(path_ + "/timing.jsonl"),
      AppendFile(path_ + "/metrics.csv"), TensorBoardWriter(path_ + "/tensorboard", resumed_step)});
  const auto cut = [&](AppendFile& log, const char* offset) {
    log.TruncateTo(checkpoint == nullptr ? 0 : checkpoint->Scalar<uint64_t>(offset));
  };
  cut(logs_->metrics, "run.metrics_bytes");
  cut(logs_->timing, "run.timing_bytes");
  cut(logs_->csv, "run.csv_bytes");
}

void RunDirectory::Log(int64_t iteration, const Metrics& metrics, const Metrics& timing) {
  logs_->metrics.WriteLine(JsonLine(iteration, metrics));
  logs_->timing.WriteLine(JsonLine(iteration, timing));
  if (logs_->csv.size() == 0) logs_->csv.WriteLine(CsvHeader(columns_));
  logs_->csv.WriteLine(CsvRow(iteration, metrics, columns_));
  for (const auto& [name, value] : metrics.entries()) {
    logs_->tensorboard.Scalar(name, iteration, value);
  }
  logs_->tensorboard.Flush();
}

void RunDirectory::SaveCheckpoint(int64_t iteration, TensorFile file, bool complete) {
  logs_->metrics.Sync();
  logs_->timing.Sync();
  logs_->csv.Sync();
  file.AddScalar<int64_t>("run.iteration", iteration);
  file.AddScalar<uint64_t>("run.metrics_bytes", logs_->metrics.size());
  file.AddScalar<uint64_t>("run.timing_bytes", logs_->timing.size());
  file.AddScalar<uint64_t>("run.csv_bytes", logs_->csv.size());
  checkpoints_.Save(iteration, file, complete);
}

void RunDirectory::SaveBest(int64_t iteration, TensorFile file) {
  file.AddScalar<int64_t>("run.iteration", iteration);
  MakeFolder(path_ + "/checkpoints");
  SaveTensorFile(file, best_path());
}

std::string RunDirectory::SaveEvaluation(const AdaptationCurve& curve, int64_t iteration,
                                         const std::string& name) {
  MakeFolder(path_ + "/evaluations");
  const std::string base = path_ + "/evaluations/" + name;
  const std::string title = fmt::format("{}, {}{}", curve.family, curve.agent,
                                        curve.finite ? " (tasks of training)" : "");
  WriteFileAtomically(base + ".json", CurveJson(curve, iteration));
  WriteFileAtomically(
      base + ".md",
      fmt::format("# {}\n\nDefinition {}, iteration {}. {}.\n\n{}\n{}", title, curve.family_hash,
                  iteration, TasksNote(curve), CurveTable(curve).Markdown(), CurveNote(curve)));
  WriteFileAtomically(base + ".svg", CurveSvg(curve, title));
  if (!curve.beliefs.empty()) {
    WriteFileAtomically(base + "-posterior.svg", PosteriorSvg(curve, title));
    if (!curve.beliefs[0].goals.empty()) {
      WriteFileAtomically(base + "-goals.svg", GoalsSvg(curve, title));
    }
  }
  if (curve.few_shot && !curve.few_shot->fits.empty()) {
    WriteFileAtomically(base + "-fits.svg", FitsSvg(curve, title));
  }
  return base;
}

}  // namespace fewstep

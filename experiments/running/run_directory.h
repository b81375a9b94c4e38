// The files of one run:
//   run.toml           the resolved recipe
//   build.json         versions, revision, machine, family hash, command line
//   metrics.jsonl/csv  one line an iteration; the same bytes for the same recipe and machine
//   timing.jsonl       clock values, apart from metrics so that those repeat byte for byte
//   tensorboard/       event files
//   checkpoints/       generations (docs/format_checkpoint.md), and best.safetensors of a run that
//                      validates
//   evaluations/       adaptation curves: JSON, Markdown, SVG
//   family/            a copy of the family's definition, unless it is compiled in
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/append_file.h"
#include "core/checkpoint_store.h"
#include "core/file_io.h"
#include "core/metrics.h"
#include "experiments/running/evaluation.h"
#include "experiments/running/tensorboard.h"

namespace fewstep {

// The folder inside a run's where its family is kept.
inline constexpr const char* kFamilyCopy = "family";

class RunDirectory {
 public:
  // Does nothing on the disk.
  RunDirectory(std::string path, int keep_checkpoints);

  const std::string& path() const { return path_; }
  std::string recipe_path() const { return path_ + "/run.toml"; }
  CheckpointStore& checkpoints() { return checkpoints_; }
  // Whether something of a run is there, so that a new one must not be started.
  bool Exists() const;

  // Makes the folders, locks the run and writes recipe and facts, and the family's definition by
  // `save_family` where there is one. Throws Error(kRuntime).
  void Create(const std::string& recipe, const std::string& build_json,
              const std::function<void(const std::string& folder)>& save_family = {});

  // Keeps other processes from training in this run while this object lives. Throws Error(kRuntime)
  // when another one does.
  void Lock();

  void WriteRecipe(const std::string& recipe);

  // Opens the logs; `columns` are those of the CSV. With a checkpoint, cuts the logs back to what
  // they held when it was saved.
  void OpenLogs(const std::vector<std::string>& columns, const TensorFile* checkpoint);

  // Appends one iteration to every sink.
  void Log(int64_t iteration, const Metrics& metrics, const Metrics& timing);

  // Saves a checkpoint with the logs' positions in it, after these are on the disk. `complete` as
  // in CheckpointStore::Save.
  void SaveCheckpoint(int64_t iteration, TensorFile file, bool complete);

  // The checkpoint that validated best, apart from the generations. SaveBest replaces it.
  std::string best_path() const { return path_ + "/checkpoints/best.safetensors"; }
  void SaveBest(int64_t iteration, TensorFile file);

  // Writes evaluations/NAME.{json,md,svg}, and NAME-posterior.svg and NAME-goals.svg of an agent
  // that has beliefs; returns the path without extension.
  std::string SaveEvaluation(const AdaptationCurve& curve, int64_t iteration,
                             const std::string& name);

 private:
  struct Logs {
    AppendFile metrics, timing, csv;
    TensorBoardWriter tensorboard;
  };

  std::string path_;
  CheckpointStore checkpoints_;
  std::vector<std::string> columns_;
  std::unique_ptr<Logs> logs_;
  internal::FileDescriptor lock_;
};

}  // namespace fewstep

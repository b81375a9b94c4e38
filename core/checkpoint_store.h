// The checkpoints of a run: a directory of generations, checkpoint-000123.safetensors, of which the
// newest is the one to resume from and the others are there in case it is damaged.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/safetensors.h"

namespace fewstep {

struct CheckpointInfo {
  int64_t iteration = 0;
  std::string path;
};

struct LoadedCheckpoint {
  int64_t iteration = 0;
  TensorFile file;       // file.path() says which one it is
  bool complete = true;  // holds all that a run goes on from
  // One a newer generation that could not be read, and why; and one a tensor that is left out.
  std::vector<std::string> warnings;
};

// Not thread-safe. At most one process saves into a directory; any number may read.
// Generations are ordered by iteration, not by time: a run that goes back to an older generation
// moves the newer ones away first.
class CheckpointStore {
 public:
  // Does nothing on the disk. `keep`: how many verified generations stay; Error(kUsage) below 2.
  explicit CheckpointStore(std::string directory, int keep = 3);

  // Writes the generation `iteration` >= 0, replacing one of the same number, and returns its path.
  // Creates the directory when it is missing. When this returns, the file is on the disk and was
  // read back. Only then are generations removed that are older than the `keep` newest ones known
  // to be good: written or read without error by this object. Throws Error(kRuntime) when the file
  // could not be written: the generations before it are untouched. A generation that cannot be
  // removed stays, without an error.
  //
  // `complete`: whether a run can go on from it exactly. Of those that are, the `keep` newest good
  // ones stay in any case; of the others those that are among the `keep` newest good ones of all.
  std::string Save(int64_t iteration, const TensorFile& file, bool complete = true);

  // Removes what is newer than `iteration`, was read without error and is not complete: the run
  // goes back to there, and repeats it.
  void ForgetIncompleteAfter(int64_t iteration);

  // The generations there are, newest first. Empty when the directory does not exist. Files of
  // other names are ignored. Throws Error(kRuntime) when the directory cannot be listed.
  std::vector<CheckpointInfo> List() const;

  // The newest generation that can be read; every newer one becomes a warning that names file,
  // tensor and damage. With `complete`, the newest of those that it holds for, and where it holds
  // for none the newest of all. Throws Error(kData) when there is none, saying what is wrong with
  // each. What `how` spares may be damaged; where it is, the warnings say so.
  LoadedCheckpoint LoadNewest(const std::function<bool(const TensorFile&)>& complete = {},
                              const ReadOptions& how = {});

  // One checkpoint, by path. Throws Error.
  static TensorFile Load(const std::string& path, const ReadOptions& how = {});

  const std::string& directory() const { return directory_; }

 private:
  void Prune();

  std::string directory_;
  size_t keep_;
  // Iterations whose files this object wrote or read without error, and whether they are complete.
  std::map<int64_t, bool> good_;
};

}  // namespace fewstep

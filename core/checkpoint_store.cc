#include "core/checkpoint_store.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/file_io.h"

namespace fewstep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kSuffix = ".safetensors";

std::string FileName(int64_t iteration) {
  return fmt::format("{}{:06}{}", kPrefix, iteration, kSuffix);
}

// The iteration in a file name; nothing unless it is exactly the name that Save gives.
std::optional<int64_t> IterationOf(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t iteration = 0;
  const char* digits = name.data() + kPrefix.size();
  if (std::from_chars(digits, name.data() + name.size(), iteration).ec != std::errc() ||
      iteration < 0 || name != FileName(iteration)) {
    return std::nullopt;
  }
  return iteration;
}

// Creates `directory` and what is missing above it, each durable in its parent.
void CreateDirectories(const std::string& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  // upwards only past what is known to be missing: "/" and "." are their own parents
  const std::string parent = internal::DirectoryOf(directory);
  if (!fs::exists(parent, error) && !error && parent != directory) CreateDirectories(parent);
  fs::create_directory(directory, error);
  if (error) internal::ThrowIoError(directory, "create the directory", error.value(), 0);
  if (int code = internal::SyncDirectoryOf(directory)) {
    internal::ThrowIoError(directory, "sync the directory above it", code, 0);
  }
}

// Newest first. With `error` set, the list may be incomplete.
std::vector<CheckpointInfo> ListGenerations(const std::string& directory, std::error_code& error) {
  std::vector<CheckpointInfo> generations;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (const auto iteration = IterationOf(it->path().filename().string())) {
      generations.push_back({*iteration, it->path().string()});
    }
  }
  std::sort(generations.begin(), generations.end(),
            [](const auto& a, const auto& b) { return a.iteration > b.iteration; });
  return generations;
}

}  // namespace

CheckpointStore::CheckpointStore(std::string directory, int keep)
    : directory_(std::move(directory)), keep_(static_cast<size_t>(std::max(keep, 0))) {
  if (keep < 2) {
    throw Error(ErrorKind::kUsage,
                fmt::format("keeping {} checkpoints leaves none when the newest is damaged", keep),
                {.remedy = "Keep at least 2"});
  }
}

std::string CheckpointStore::Save(int64_t iteration, const TensorFile& file, bool complete) {
  FEWSTEP_CHECK(iteration >= 0, "iteration {}", iteration);
  CreateDirectories(directory_);
  RemoveStaleTemporaries(directory_, kPrefix);
  const std::string path = (fs::path(directory_) / FileName(iteration)).string();
  good_.erase(iteration);
  SaveTensorFile(file, path);
  good_[iteration] = complete;
  Prune();
  return path;
}

std::vector<CheckpointInfo> CheckpointStore::List() const {
  std::error_code error;
  std::vector<CheckpointInfo> generations = ListGenerations(directory_, error);
  if (error && error != std::errc::no_such_file_or_directory) {
    internal::ThrowIoError(directory_, "list the directory", error.value(), 0);
  }
  return generations;
}

LoadedCheckpoint CheckpointStore::LoadNewest(const std::function<bool(const TensorFile&)>& complete,
                                             const ReadOptions& how) {
  LoadedCheckpoint loaded;
  std::optional<LoadedCheckpoint> incomplete;  // the newest
  for (const CheckpointInfo& generation : List()) {
    try {
      loaded.file = Load(generation.path, how);
      loaded.iteration = generation.iteration;
      std::ranges::copy(loaded.file.damaged(), std::back_inserter(loaded.warnings));
      loaded.complete = !complete || complete(loaded.file);
      good_[generation.iteration] = loaded.complete;
      if (loaded.complete) return loaded;
      if (!incomplete) incomplete = loaded;
    } catch (const Error& error) {
      good_.erase(generation.iteration);
      loaded.warnings.emplace_back(error.what());
    }
  }
  if (incomplete) {
    incomplete->warnings = loaded.warnings;
    return *std::move(incomplete);
  }
  if (loaded.warnings.empty()) {
    throw Error(ErrorKind::kData, "there is no checkpoint in this directory", {.file = directory_});
  }
  throw Error(ErrorKind::kData,
              fmt::format("none of the {} checkpoints can be read:\n  {}", loaded.warnings.size(),
                          fmt::join(loaded.warnings, "\n  ")),
              {.file = directory_});
}

void CheckpointStore::ForgetIncompleteAfter(int64_t iteration) {
  std::error_code ignored;
  for (const CheckpointInfo& generation : ListGenerations(directory_, ignored)) {
    const auto known = good_.find(generation.iteration);
    if (generation.iteration <= iteration || known == good_.end() || known->second) continue;
    fs::remove(generation.path, ignored);
    good_.erase(known);
  }
}

TensorFile CheckpointStore::Load(const std::string& path, const ReadOptions& how) {
  return LoadTensorFile(path, how);
}

void CheckpointStore::Prune() {
  // what is older than the keep-th newest good generation that is complete goes
  size_t all = 0, complete = 0;
  int64_t oldest = -1;
  std::set<int64_t> spare;  // incomplete ones beyond the keep newest
  for (auto it = good_.rbegin(); it != good_.rend(); ++it) {
    if (it->second && ++complete == keep_) oldest = it->first;
    if (++all > keep_ && !it->second) spare.insert(it->first);
  }
  std::error_code ignored;
  for (const CheckpointInfo& generation : ListGenerations(directory_, ignored)) {
    if (generation.iteration < oldest || spare.contains(generation.iteration)) {
      fs::remove(generation.path, ignored);
    }
  }
  std::erase_if(good_, [&](const auto& generation) {
    return generation.first < oldest || spare.contains(generation.first);
  });
}

}  // namespace fewstep

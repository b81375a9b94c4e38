// Saving on a file system that is really full or really read-only.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/append_file.h"
#include "core/checkpoint_store.h"
#include "core/error.h"
#include "tests/core/safetensors_samples.h"
#include "tests/core/scratch_directory.h"

namespace fewstep {
namespace {

// Runs `body` in a child; what it returns, "" for success, or "died".
std::string InChild(const std::function<std::string()>& body) {
  int channel[2];
  FEWSTEP_CHECK(pipe(channel) == 0, "pipe");
  const pid_t child = fork();
  if (child == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = fmt::format("unexpected: {}", error.what());
    }
    text += '\0';
    _exit(write(channel[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  close(channel[1]);
  std::string text;
  char block[512];
  for (ssize_t n = 0; (n = read(channel[0], block, sizeof(block))) > 0;) {
    text.append(block, static_cast<size_t>(n));
  }
  close(channel[0]);
  waitpid(child, nullptr, 0);
  if (text.empty()) return "died";
  text.pop_back();
  return text;
}

constexpr std::string_view kCannotMount = "cannot mount";

// In a child with mounts of its own, which vanish with it: a tmpfs of `kibibytes` at `directory`.
bool MountTmpfs(const std::string& directory, int kibibytes) {
  // without root, a user namespace gives the right to mount
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const std::string options = fmt::format("size={}k", kibibytes);
  return mount("none", directory.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

uint64_t FreeBytes(const std::string& directory) {
  struct statvfs state;
  FEWSTEP_CHECK(statvfs(directory.c_str(), &state) == 0, "statvfs");
  return state.f_bavail * state.f_frsize;
}

// The message of the Error of a save; "" when it succeeds.
std::string SaveComplaint(CheckpointStore& store, int64_t iteration, const TensorFile& file) {
  try {
    store.Save(iteration, file);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::kRuntime ? error.what() : "wrong kind";
  }
  return "";
}

// On a disk of 1 MiB with one generation of about 80 kB: what fits is saved; what does not is
// refused with the needed and the free bytes, and nothing else changes.
std::string SaveOnSmallDisk(const std::string& directory, int64_t floats) {
  if (!MountTmpfs(directory, 1024)) return std::string(kCannotMount);
  CheckpointStore store(directory, 2);
  store.Save(0, SampleFile(0, 20000));
  const uint64_t free_before = FreeBytes(directory);
  const TensorFile next = SampleFile(1, floats);
  const uint64_t needed = Serialize(next).size();
  const std::string message = SaveComplaint(store, 1, next);

  const bool fits = needed <= free_before;
  if (fits != message.empty()) return fmt::format("{} of {}: {}", needed, free_before, message);
  const LoadedCheckpoint loaded = store.LoadNewest();
  if (loaded.iteration != (fits ? 1 : 0) || !loaded.warnings.empty()) return "wrong generation";
  if (!(loaded.file == (fits ? next : SampleFile(0, 20000)))) return "wrong content";
  if (fits) return "";
  const std::string wanted = fmt::format(
      "{}/checkpoint-000001.safetensors: cannot write the file ({} bytes): {}. Free space or "
      "choose another directory: {} bytes are needed, {} are free",
      directory, needed, std::strerror(ENOSPC), needed, free_before);
  if (message != wanted) return "wrong message: " + message;
  if (FreeBytes(directory) != free_before) return "space was not given back";
  if (ScratchDirectory::NamesIn(directory).size() != 1) return "a temporary stayed";
  return "";
}

TEST(CheckpointSpace, FullDiskOf20Sizes) {
  const ScratchDirectory scratch;
  for (int64_t i = 1; i <= 20; ++i) {
    const std::string outcome = InChild([&] { return SaveOnSmallDisk(scratch.path(), 20000 * i); });
    if (outcome == kCannotMount) GTEST_SKIP() << "this user cannot mount a tmpfs";
    EXPECT_EQ(outcome, "") << 80000 * i << " bytes";
  }
}

// Training goes on after a failed save: when there is space again, the same object saves.
TEST(CheckpointSpace, RecoversWhenThereIsSpaceAgain) {
  const ScratchDirectory scratch;
  const std::string outcome = InChild([&]() -> std::string {
    if (!MountTmpfs(scratch.path(), 1024)) return std::string(kCannotMount);
    CheckpointStore store(scratch.File("checkpoints"), 2);
    AppendFile log(scratch.File("metrics.jsonl"));
    log.WriteLine("{}");
    store.Save(0, SampleFile(0));
    AppendFile filler(scratch.File("filler"));
    try {
      while (true) filler.WriteLine(std::string(1000, 'x'));
    } catch (const Error&) {
    }
    if (SaveComplaint(store, 1, SampleFile(1, 50000)).empty()) return "saved on a full disk";
    filler.TruncateTo(0);
    const std::string message = SaveComplaint(store, 1, SampleFile(1, 50000));
    if (!message.empty()) return message;
    return store.LoadNewest().iteration == 1 && log.size() == 3 ? "" : "wrong state";
  });
  if (outcome == kCannotMount) GTEST_SKIP() << "this user cannot mount a tmpfs";
  EXPECT_EQ(outcome, "");
}

TEST(CheckpointSpace, ReadOnlyFileSystem) {
  const ScratchDirectory scratch;
  const std::string outcome = InChild([&]() -> std::string {
    if (!MountTmpfs(scratch.path(), 1024)) return std::string(kCannotMount);
    CheckpointStore store(scratch.path(), 2);
    store.Save(0, SampleFile(0));
    if (mount("none", scratch.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      return "cannot remount";
    }
    const std::string message = SaveComplaint(store, 1, SampleFile(1));
    if (message.find(std::strerror(EROFS)) == std::string::npos ||
        message.find("Make '" + scratch.path() + "' writable") == std::string::npos) {
      return "wrong message: " + message;
    }
    return store.LoadNewest().file == SampleFile(0) ? "" : "the old generation is gone";
  });
  if (outcome == kCannotMount) GTEST_SKIP() << "this user cannot mount a tmpfs";
  EXPECT_EQ(outcome, "");
}

TEST(CheckpointSpace, DirectoryWithoutPermission) {
  const ScratchDirectory scratch("/tmp");  // nobody may not enter root's own folders
  const std::string directory = scratch.File("checkpoints");
  CheckpointStore(directory, 2).Save(0, SampleFile(0));
  ASSERT_EQ(chmod(scratch.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(directory.c_str(), 0555), 0);
  const std::string outcome = InChild([&]() -> std::string {
    // root may write anywhere: become nobody
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return "cannot drop root";
    CheckpointStore store(directory, 2);
    const std::string message = SaveComplaint(store, 1, SampleFile(1));
    if (message.find(std::strerror(EACCES)) == std::string::npos) return "message: " + message;
    return store.LoadNewest().file == SampleFile(0) ? "" : "the old generation is gone";
  });
  ASSERT_EQ(chmod(directory.c_str(), 0755), 0);
  EXPECT_EQ(outcome, "");
  EXPECT_EQ(ScratchDirectory::NamesIn(directory).size(), 1u);
}

}  // namespace
}  // namespace fewstep

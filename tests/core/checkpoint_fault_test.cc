// What a save leaves behind when it is killed or when the file system fails it, at every point.
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/checkpoint_store.h"
#include "core/rng.h"
#include "tests/core/safetensors_samples.h"
#include "tests/core/scratch_directory.h"
#include "tests/core/traced_run.h"

namespace fewstep {
namespace {

constexpr int kKeep = 2;
constexpr int64_t kFloats = 2000;  // 8 kB: a write that can be torn

TensorFile Generation(int64_t iteration) {
  return SampleFile(static_cast<uint64_t>(iteration), kFloats);
}

bool HasTemporary(const std::string& directory) {
  for (const std::string& name : ScratchDirectory::NamesIn(directory)) {
    if (name.find(".tmp.") != std::string::npos) return true;
  }
  return false;
}

// A fresh directory with generations 0 .. existing - 1, in which a child saves the next one under
// a fault, pruning included: the child has read the newest, so that it knows it to be good.
class FaultySave {
 public:
  FaultySave(int existing, const Fault& fault) : existing_(existing) {
    CheckpointStore writer(directory(), 100);
    for (int i = 0; i < existing; ++i) writer.Save(i, Generation(i));
    CheckpointStore store(directory(), kKeep);
    store.LoadNewest();
    const TensorFile next = Generation(existing);
    result_ = RunTraced([&] { store.Save(existing, next); }, fault);
  }

  // What must hold whatever happened: the newest readable generation is the new or the one before
  // it, bit for bit, and nothing there is damaged.
  void ExpectNewOrPrevious() const {
    CheckpointStore store(directory(), kKeep);
    const LoadedCheckpoint loaded = store.LoadNewest();
    EXPECT_TRUE(loaded.warnings.empty()) << loaded.warnings[0];
    EXPECT_GE(loaded.iteration, existing_ - 1);
    EXPECT_TRUE(loaded.file == Generation(loaded.iteration));
  }

  // The generations from before the save, all of them or, when `pruned`, the newest.
  void ExpectOldOnes(bool pruned) const {
    for (int i = pruned ? existing_ - 1 : 0; i < existing_; ++i) {
      const std::string path = fmt::format("{}/checkpoint-{:06}.safetensors", directory(), i);
      EXPECT_TRUE(CheckpointStore::Load(path) == Generation(i)) << path;
    }
  }

  // The next run saves, and sweeps up what the dead one left.
  void ExpectNextSaveWorks() const {
    CheckpointStore store(directory(), kKeep);
    store.Save(existing_ + 1, Generation(existing_ + 1));
    EXPECT_TRUE(store.LoadNewest().file == Generation(existing_ + 1));
    EXPECT_FALSE(HasTemporary(directory()));
  }

  std::string directory() const { return scratch_.File("checkpoints"); }
  const TracedResult& result() const { return result_; }

 private:
  ScratchDirectory scratch_;
  int existing_;
  TracedResult result_;
};

class CheckpointFault : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!TracingObstacle().empty()) GTEST_SKIP() << TracingObstacle();
  }
};

TEST_P(CheckpointFault, KilledBeforeEverySystemCall) {
  // create, write, 2 syncs, rename; with 3 generations 2 are pruned
  const FaultySave whole(GetParam(), {});
  ASSERT_EQ(whole.result().end, TracedResult::End::kReturned) << whole.result().message;
  ASSERT_GE(whole.result().mutations, GetParam() == 3 ? 7 : 5);

  int kills = 0;
  int saved = 0;
  for (int k = 1;; ++k) {
    const FaultySave save(GetParam(), {.kind = Fault::Kind::kKill, .at = k});
    if (save.result().end == TracedResult::End::kReturned) break;
    ASSERT_EQ(save.result().end, TracedResult::End::kKilled);
    ++kills;
    SCOPED_TRACE(fmt::format("killed before system call {}", k));
    save.ExpectNewOrPrevious();
    save.ExpectOldOnes(/*pruned=*/true);
    CheckpointStore store(save.directory(), kKeep);
    saved += store.LoadNewest().iteration == GetParam() ? 1 : 0;
    save.ExpectNextSaveWorks();
    if (HasFailure()) return;
  }
  EXPECT_GE(kills, whole.result().mutations);
  EXPECT_GT(saved, 0);      // some kills came after the rename,
  EXPECT_LT(saved, kills);  // some before it
  RecordProperty("kill points", kills);
}

// Generations 0 and 1 are complete, those that follow are not; the newest complete one is there and
// sound whatever kills the save of another, complete or not.
TEST_P(CheckpointFault, KilledBeforeEverySystemCallNoCompleteGenerationIsLost) {
  const auto is_complete = [](const TensorFile& file) {
    return file.metadata().contains("replay");
  };
  const auto generation = [](int64_t iteration, bool complete) {
    TensorFile file = Generation(iteration);
    if (complete) file.SetMetadata("replay", "saved");
    return file;
  };
  const int existing = GetParam() + 2;
  for (const bool complete : {false, true}) {
    for (int k = 1;; ++k) {
      const ScratchDirectory scratch;
      const std::string directory = scratch.File("checkpoints");
      CheckpointStore writer(directory, 100);
      for (int i = 0; i < existing; ++i) writer.Save(i, generation(i, i < 2), i < 2);
      CheckpointStore store(directory, kKeep);
      store.LoadNewest(is_complete);
      const TensorFile next = generation(existing, complete);
      const TracedResult result = RunTraced([&] { store.Save(existing, next, complete); },
                                            {.kind = Fault::Kind::kKill, .at = k});
      CheckpointStore reader(directory, kKeep);
      const LoadedCheckpoint loaded = reader.LoadNewest(is_complete);
      SCOPED_TRACE(fmt::format("killed before system call {}", k));
      EXPECT_TRUE(loaded.warnings.empty());
      EXPECT_TRUE(loaded.complete);
      EXPECT_TRUE(loaded.iteration == 1 || (complete && loaded.iteration == existing));
      EXPECT_TRUE(loaded.file == generation(loaded.iteration, true));
      if (HasFailure()) return;
      if (result.end == TracedResult::End::kReturned) {
        EXPECT_EQ(loaded.iteration, complete ? existing : 1);
        break;
      }
    }
  }
}

TEST_P(CheckpointFault, KilledInTheMiddleOfAWrite) {
  int kills = 0;
  for (int k = 1;; ++k) {
    const FaultySave save(GetParam(), {.kind = Fault::Kind::kTear, .at = k});
    if (save.result().end == TracedResult::End::kReturned) break;
    ASSERT_EQ(save.result().end, TracedResult::End::kKilled);
    ++kills;
    EXPECT_TRUE(HasTemporary(save.directory()));
    save.ExpectNewOrPrevious();
    save.ExpectOldOnes(/*pruned=*/false);
    save.ExpectNextSaveWorks();
    if (HasFailure()) return;
  }
  EXPECT_GT(kills, 0);
}

TEST_P(CheckpointFault, ErrorAtEveryFileCall) {
  int failed_saves = 0;
  for (const int error : {ENOSPC, EIO, EDQUOT, EINTR}) {
    for (const bool persistent : {false, true}) {
      for (int k = 1;; ++k) {
        const FaultySave save(
            GetParam(),
            {.kind = Fault::Kind::kError, .at = k, .error = error, .persistent = persistent});
        const TracedResult& result = save.result();
        if (result.calls < k) break;  // the save has fewer calls than that: all were tried
        SCOPED_TRACE(fmt::format("{} at file call {}, persistent: {}; message: {}",
                                 strerrorname_np(error), k, persistent, result.message));

        // it ends well or with our one exception; never a signal, never another type
        ASSERT_TRUE(result.end == TracedResult::End::kReturned ||
                    result.end == TracedResult::End::kError);
        save.ExpectNewOrPrevious();
        if (result.end == TracedResult::End::kError) {
          ++failed_saves;
          EXPECT_EQ(result.message.find(save.directory()), 0u);
          EXPECT_NE(result.message.find(" bytes)"), std::string::npos);
          EXPECT_NE(result.message.find(std::strerror(error)), std::string::npos);
          save.ExpectOldOnes(/*pruned=*/false);
          EXPECT_TRUE(persistent || !HasTemporary(save.directory()));
        } else {
          CheckpointStore store(save.directory(), kKeep);
          EXPECT_EQ(store.LoadNewest().iteration, GetParam());
        }
        if (error == EINTR && !persistent) {
          EXPECT_EQ(result.end, TracedResult::End::kReturned) << "an interruption is no failure";
        }
        save.ExpectNextSaveWorks();
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(failed_saves, 30);
  RecordProperty("failed saves", failed_saves);
}

TEST_P(CheckpointFault, ShortWritesAreContinued) {
  for (const bool persistent : {false, true}) {
    for (int k = 1;; ++k) {
      const FaultySave save(GetParam(),
                            {.kind = Fault::Kind::kShortWrite, .at = k, .persistent = persistent});
      ASSERT_EQ(save.result().end, TracedResult::End::kReturned) << save.result().message;
      CheckpointStore store(save.directory(), kKeep);
      const LoadedCheckpoint loaded = store.LoadNewest();
      EXPECT_EQ(loaded.iteration, GetParam());
      EXPECT_TRUE(loaded.file == Generation(loaded.iteration));
      if (save.result().calls < k) break;
    }
  }
}

TEST_P(CheckpointFault, AWriteThatStoresAWrongBitIsNoticed) {
  // the header, then every tensor
  int writes = 0;
  for (;; ++writes) {
    const FaultySave save(GetParam(), {.kind = Fault::Kind::kCorrupt, .at = writes + 1});
    if (save.result().calls <= writes) break;
    ASSERT_EQ(save.result().end, TracedResult::End::kError) << writes;
    EXPECT_NE(save.result().message.find("cannot read back what was written"), std::string::npos);
    EXPECT_FALSE(HasTemporary(save.directory()));
    CheckpointStore store(save.directory(), kKeep);
    EXPECT_EQ(store.LoadNewest().iteration, GetParam() - 1);
    save.ExpectOldOnes(/*pruned=*/false);
    save.ExpectNextSaveWorks();
  }
  EXPECT_GT(writes, 1);
}

// Loading under errors: a generation or Error, never a crash, never wrong content.
TEST_P(CheckpointFault, ErrorAtEveryFileCallOfALoad) {
  const FaultySave save(GetParam(), {});
  CheckpointStore store(save.directory(), kKeep);
  for (const bool persistent : {false, true}) {
    for (int k = 1;; ++k) {
      const auto body = [&] {
        const LoadedCheckpoint loaded = store.LoadNewest();
        if (!(loaded.file == Generation(loaded.iteration))) abort();
      };
      const TracedResult result = RunTraced(
          body, {.kind = Fault::Kind::kError, .at = k, .error = EIO, .persistent = persistent});
      if (result.calls < k) break;
      ASSERT_TRUE(result.end == TracedResult::End::kReturned ||
                  result.end == TracedResult::End::kError)
          << result.message;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Existing, CheckpointFault, testing::Values(1, 3));

TEST(CheckpointFaultRandom, NothingCompleteIsLostIn200Kills) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.File("checkpoints");
  Rng rng(20);
  int64_t last = -1;  // the newest generation that a child reported complete
  int progressed = 0;
  for (int round = 0; round < 200; ++round) {
    // a child that resumes and saves in a loop, reporting every completed save
    int channel[2];
    ASSERT_EQ(pipe(channel), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(channel[0]);
      CheckpointStore store(directory, kKeep);
      int64_t iteration = store.List().empty() ? -1 : store.LoadNewest().iteration;
      while (true) {
        ++iteration;
        store.Save(iteration, Generation(iteration));
        if (write(channel[1], &iteration, sizeof(iteration)) != sizeof(iteration)) _exit(1);
      }
    }
    close(channel[1]);
    // every other child may finish a save before its time runs out
    const int64_t before = last;
    int64_t iteration = 0;
    if (round % 2 == 0 && read(channel[0], &iteration, sizeof(iteration)) == sizeof(iteration)) {
      last = iteration;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(rng.Below(15000)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(channel[0], &iteration, sizeof(iteration)) == sizeof(iteration)) last = iteration;
    close(channel[0]);
    progressed += last > before ? 1 : 0;

    // what was reported is there, or one newer, and the newest file of all is whole
    if (last < 0) continue;
    CheckpointStore store(directory, kKeep);
    const LoadedCheckpoint loaded = store.LoadNewest();
    ASSERT_TRUE(loaded.warnings.empty()) << loaded.warnings[0];
    ASSERT_GE(loaded.iteration, last);
    ASSERT_TRUE(loaded.file == Generation(loaded.iteration));
    last = loaded.iteration;
  }
  EXPECT_GE(progressed, 100) << "the kills came before anything was saved";
}

}  // namespace
}  // namespace fewstep

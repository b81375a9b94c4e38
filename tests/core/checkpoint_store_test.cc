#include "core/checkpoint_store.h"

#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "tests/core/safetensors_samples.h"
#include "tests/core/scratch_directory.h"

namespace fewstep {
namespace {

std::string PathOf(const std::string& directory, int64_t iteration) {
  return fmt::format("{}/checkpoint-{:06}.safetensors", directory, iteration);
}

std::vector<int64_t> Iterations(const CheckpointStore& store) {
  std::vector<int64_t> iterations;
  for (const CheckpointInfo& generation : store.List()) iterations.push_back(generation.iteration);
  return iterations;
}

// Flips one bit, `from_end` bytes before the end of the file.
void Damage(const std::string& path, size_t from_end) {
  std::string bytes = ReadFile(path);
  bytes[bytes.size() - from_end] ^= 4;
  std::ofstream(path, std::ios::binary) << bytes;
}

using Generations = std::vector<int64_t>;

TEST(CheckpointStore, KeepsTheNewestGenerations) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.File("runs/a/checkpoints/"), 3);
  EXPECT_TRUE(store.List().empty());
  EXPECT_FALSE(std::filesystem::exists(scratch.File("runs")));
  size_t saved = 0;
  for (const int64_t iteration : {0, 10, 20, 30, 999999, 1000000, 25000000}) {
    const std::string path = store.Save(iteration, SampleFile(static_cast<uint64_t>(iteration)));
    EXPECT_TRUE(CheckpointStore::Load(path) == SampleFile(static_cast<uint64_t>(iteration)));
    EXPECT_EQ(Iterations(store).size(), std::min<size_t>(++saved, 3));
  }
  EXPECT_EQ(Iterations(store), (Generations{25000000, 1000000, 999999}));
  EXPECT_EQ(ScratchDirectory::NamesIn(store.directory()).size(), 3u);
  const LoadedCheckpoint loaded = store.LoadNewest();
  EXPECT_EQ(loaded.iteration, 25000000);
  EXPECT_TRUE(loaded.file == SampleFile(25000000));
  EXPECT_EQ(loaded.file.path(), store.List()[0].path);
  EXPECT_TRUE(loaded.warnings.empty());
}

// Of complete ones the newest stay whatever comes after them; of the others those among the newest.
TEST(CheckpointStore, KeepsTheNewestCompleteGenerations) {
  const ScratchDirectory scratch;
  const auto complete = [](const TensorFile& file) { return file.Metadata("replay") == "saved"; };
  const auto generation = [](int64_t iteration, bool whole) {
    TensorFile file = SampleFile(static_cast<uint64_t>(iteration));
    file.SetMetadata("replay", whole ? "saved" : "left out");
    return file;
  };
  CheckpointStore store(scratch.path(), 2);
  for (int64_t i = 0; i <= 13; ++i) store.Save(i, generation(i, i % 5 == 0), i % 5 == 0);
  EXPECT_EQ(Iterations(store), (Generations{13, 12, 10, 5}));
  EXPECT_EQ(store.LoadNewest().iteration, 13);
  EXPECT_EQ(store.LoadNewest(complete).iteration, 10);
  EXPECT_TRUE(store.LoadNewest(complete).complete);

  // also by one that did not write them, as far as it has read
  CheckpointStore resumed(scratch.path(), 2);
  EXPECT_EQ(resumed.LoadNewest(complete).iteration, 10);
  resumed.Save(14, generation(14, false), false);
  resumed.Save(15, generation(15, true), true);
  EXPECT_EQ(Iterations(resumed), (Generations{15, 14, 10}));

  // who goes back to a complete one forgets what came after it, but nothing that cannot be read
  CheckpointStore other(scratch.File("other"), 2);
  for (int64_t i = 0; i <= 3; ++i) other.Save(i, generation(i, i == 1), i == 1);
  Damage(PathOf(scratch.File("other"), 3), 1);
  EXPECT_EQ(other.LoadNewest(complete).iteration, 1);
  other.ForgetIncompleteAfter(1);
  EXPECT_EQ(Iterations(other), (Generations{3, 1}));

  // a damaged one is no complete one
  Damage(PathOf(scratch.path(), 15), 1);
  EXPECT_EQ(resumed.LoadNewest(complete).iteration, 10);
  Damage(PathOf(scratch.path(), 10), 1);
  const LoadedCheckpoint loaded = resumed.LoadNewest(complete);
  EXPECT_FALSE(loaded.complete);
  EXPECT_EQ(loaded.iteration, 14);
  EXPECT_EQ(loaded.warnings.size(), 2u);
}

TEST(CheckpointStore, FewerThanTwoGenerationsAreRefused) {
  for (const int keep : {1, 0, -1}) {
    EXPECT_THROW(CheckpointStore("anywhere", keep), Error);
  }
}

TEST(CheckpointStore, ADamagedNewestIsReportedAndTheOneBeforeItUsed) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.path(), 4);
  for (int64_t i = 0; i < 4; ++i) store.Save(i, SampleFile(static_cast<uint64_t>(i)));
  Damage(PathOf(scratch.path(), 3), 1);                          // in "config", laid out last
  std::filesystem::resize_file(PathOf(scratch.path(), 2), 100);  // cut in the header
  const LoadedCheckpoint loaded = store.LoadNewest();
  EXPECT_EQ(loaded.iteration, 1);
  EXPECT_TRUE(loaded.file == SampleFile(1));
  ASSERT_EQ(loaded.warnings.size(), 2u);
  EXPECT_EQ(
      loaded.warnings[0],
      PathOf(scratch.path(), 3) + ": 'config': the tensor is damaged: its checksum does not match");
  EXPECT_EQ(loaded.warnings[1].find(PathOf(scratch.path(), 2) + ": the header's length"), 0u);
}

// Who does not need a tensor goes on without it, and is told.
TEST(CheckpointStore, WhatIsSparedMayBeDamaged) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.path(), 4);
  for (int64_t i = 0; i < 2; ++i) store.Save(i, SampleFile(static_cast<uint64_t>(i)));
  Damage(PathOf(scratch.path(), 1), 1);  // in "config", laid out last
  const std::string damage =
      PathOf(scratch.path(), 1) + ": 'config': the tensor is damaged: its checksum does not match";
  const ReadOptions how{.spare = "conf"};
  const LoadedCheckpoint loaded = store.LoadNewest({}, how);
  EXPECT_EQ(loaded.iteration, 1);
  EXPECT_EQ(loaded.warnings, std::vector{damage});
  EXPECT_EQ(loaded.file.damaged(), loaded.warnings);
  EXPECT_EQ(loaded.file.Find("config"), nullptr);
  EXPECT_EQ(loaded.file.tensors().size() + 1, SampleFile(1).tensors().size());
  // to whom it matters, the one before is the newest
  const LoadedCheckpoint whole =
      store.LoadNewest([](const TensorFile& file) { return file.damaged().empty(); }, how);
  EXPECT_EQ(whole.iteration, 0);
  EXPECT_EQ(whole.warnings, std::vector{damage});
  EXPECT_THROW(CheckpointStore::Load(PathOf(scratch.path(), 1), {.spare = "x"}), Error);
}

TEST(CheckpointStore, NoneReadableSaysWhyForEach) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.path(), 2);
  store.Save(1, SampleFile(1));
  store.Save(2, SampleFile(2));
  Damage(PathOf(scratch.path(), 1), 1);
  std::ofstream(PathOf(scratch.path(), 2), std::ios::trunc).flush();
  try {
    store.LoadNewest();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    const std::string message = error.what();
    EXPECT_NE(message.find("none of the 2 checkpoints"), std::string::npos);
    EXPECT_NE(message.find(PathOf(scratch.path(), 1) + ": 'config'"), std::string::npos);
    EXPECT_NE(message.find(PathOf(scratch.path(), 2) + ": the file has 0 bytes"),
              std::string::npos);
  }
}

TEST(CheckpointStore, AnEmptyOrMissingDirectoryHasNoCheckpoint) {
  const ScratchDirectory scratch;
  EXPECT_THROW(CheckpointStore(scratch.path()).LoadNewest(), Error);
  EXPECT_THROW(CheckpointStore(scratch.File("missing")).LoadNewest(), Error);
}

TEST(CheckpointStore, DamagedOrUnknownGenerationsDoNotCountAsKept) {
  const ScratchDirectory scratch;
  {
    CheckpointStore store(scratch.path(), 10);
    for (int64_t i = 0; i < 6; ++i) store.Save(i, SampleFile(static_cast<uint64_t>(i)));
  }
  // the newest two are damaged: a resumed run goes on from 3 and writes 4 again
  Damage(PathOf(scratch.path(), 5), 1);
  Damage(PathOf(scratch.path(), 4), 1);
  CheckpointStore store(scratch.path(), 2);
  EXPECT_EQ(store.LoadNewest().iteration, 3);
  store.Save(4, SampleFile(4));
  EXPECT_EQ(Iterations(store), (Generations{5, 4, 3}));
  EXPECT_EQ(store.LoadNewest().iteration, 4);

  // an object that has verified nothing yet removes nothing until it wrote two good ones
  CheckpointStore fresh(scratch.path(), 2);
  fresh.Save(6, SampleFile(6));
  EXPECT_EQ(Iterations(fresh), (Generations{6, 5, 4, 3}));
  fresh.Save(7, SampleFile(7));
  EXPECT_EQ(Iterations(fresh), (Generations{7, 6}));
}

TEST(CheckpointStore, AGenerationIsReplacedBySavingItAgain) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.path(), 2);
  store.Save(5, SampleFile(1));
  store.Save(5, SampleFile(2));
  EXPECT_EQ(Iterations(store), (Generations{5}));
  EXPECT_TRUE(store.LoadNewest().file == SampleFile(2));
}

TEST(CheckpointStore, OtherFilesAreLeftAlone) {
  const ScratchDirectory scratch;
  const std::vector<std::string> names = {"best.safetensors",
                                          "checkpoint-1.safetensors",
                                          "checkpoint-0000001.safetensors",
                                          "checkpoint--00001.safetensors",
                                          "checkpoint-000001.safetensors.bak",
                                          "checkpoint-99999999999999999999.safetensors"};
  for (const std::string& name : names) std::ofstream(scratch.File(name)) << "x";
  CheckpointStore store(scratch.path(), 2);
  for (int64_t i = 2; i < 6; ++i) store.Save(i, SampleFile(1));
  EXPECT_EQ(Iterations(store), (Generations{5, 4}));
  for (const std::string& name : names) EXPECT_TRUE(std::filesystem::exists(scratch.File(name)));
}

TEST(CheckpointStore, SavingSweepsUpAfterAKilledRun) {
  const ScratchDirectory scratch;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  std::ofstream(scratch.File(fmt::format(".checkpoint-000001.safetensors.tmp.{}", dead))) << "x";
  CheckpointStore store(scratch.path(), 2);
  store.Save(2, SampleFile(2));
  EXPECT_EQ(scratch.Names(), std::vector<std::string>{"checkpoint-000002.safetensors"});
}

TEST(CheckpointStore, ContentThatCannotBeWrittenLeavesTheOldGeneration) {
  const ScratchDirectory scratch;
  CheckpointStore store(scratch.path(), 2);
  store.Save(1, SampleFile(1));
  TensorFile bad;
  bad.SetMetadata("note", "\xff");
  EXPECT_THROW(store.Save(1, bad), Error);
  EXPECT_TRUE(store.LoadNewest().file == SampleFile(1));
}

TEST(CheckpointStore, AFileInPlaceOfTheDirectoryIsAnError) {
  const ScratchDirectory scratch;
  std::ofstream(scratch.File("checkpoints")) << "x";
  CheckpointStore store(scratch.File("checkpoints"), 2);
  EXPECT_THROW(store.Save(1, SampleFile(1)), Error);
  EXPECT_THROW(store.List(), Error);
}

}  // namespace
}  // namespace fewstep

#include "core/atomic_file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/append_file.h"
#include "core/error.h"
#include "tests/core/scratch_directory.h"

namespace fewstep {
namespace {

// The Error that `body` throws, its message first; kind 0 when it throws none.
struct Thrown {
  std::string message;
  int kind = 0;
};
template <typename Body>
Thrown Catch(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return {error.what(), static_cast<int>(error.kind())};
  }
  return {};
}
constexpr int kRuntime = static_cast<int>(ErrorKind::kRuntime);
constexpr int kData = static_cast<int>(ErrorKind::kData);

void Put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A process id that belongs to nobody.
pid_t DeadProcess() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

TEST(AtomicFile, CreatesAndReplaces) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("a.bin");
  for (const size_t size : {0u, 1u, 4096u, (1u << 20) - 1, 1u << 20, (3u << 20) + 7, 5u}) {
    std::string content(size, '\0');
    for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 2654435761u >> 13);
    WriteFileAtomically(path, content);
    EXPECT_EQ(ReadFile(path), content);
    EXPECT_EQ(scratch.Names(), std::vector<std::string>{"a.bin"});
  }
}

TEST(AtomicFile, PathWithoutDirectory) {
  const ScratchDirectory scratch;
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  WriteFileAtomically("plain", "content");
  EXPECT_EQ(ReadFile("plain"), "content");
  std::filesystem::current_path(before);
}

TEST(AtomicFile, MissingDirectoryIsAnErrorWithARemedy) {
  const ScratchDirectory scratch;
  const Thrown thrown = Catch([&] { WriteFileAtomically(scratch.File("no/a"), "12345"); });
  EXPECT_EQ(thrown.kind, kRuntime);
  EXPECT_EQ(thrown.message, fmt::format("{0}/no/a: cannot open its directory (5 bytes): No such "
                                        "file or directory. Create the directory '{0}/no' first",
                                        scratch.path()));
}

TEST(AtomicFile, ADirectoryInTheWayStays) {
  const ScratchDirectory scratch;
  std::filesystem::create_directories(scratch.File("a/inner"));
  EXPECT_EQ(Catch([&] { WriteFileAtomically(scratch.File("a"), "text"); }).kind, kRuntime);
  EXPECT_EQ(scratch.Names(), std::vector<std::string>{"a"});
  EXPECT_TRUE(std::filesystem::is_directory(scratch.File("a/inner")));
}

TEST(AtomicFile, StaleTemporariesGoAndOthersStay) {
  const ScratchDirectory scratch;
  const pid_t dead = DeadProcess();
  const std::string by_dead = fmt::format(".a.tmp.{}", dead);
  const std::string by_us = fmt::format(".a.tmp.{}", getpid());  // a predecessor with our id
  const std::string by_living = fmt::format(".a.tmp.{}", getppid());
  const std::string of_another = fmt::format(".other.tmp.{}", dead);
  const std::vector<std::string> foreign = {".a.tmp.", ".a.tmp.12x", ".a.tmp.-1", ".tmp.1",
                                            fmt::format("a.tmp.{}", dead)};
  for (const auto& name : {by_dead, by_us, by_living, of_another}) Put(scratch.File(name), "x");
  for (const auto& name : foreign) Put(scratch.File(name), "x");

  WriteFileAtomically(scratch.File("a"), "content");
  std::vector<std::string> expected = {"a", by_living, of_another};
  expected.insert(expected.end(), foreign.begin(), foreign.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(scratch.Names(), expected);

  RemoveStaleTemporaries(scratch.path(), "oth");
  EXPECT_FALSE(std::filesystem::exists(scratch.File(of_another)));
}

TEST(AtomicFile, WritersAndReadersInThreadsSeeWholeFiles) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("a");
  const auto content = [](int writer) {
    return std::string(100000, static_cast<char>('a' + writer));
  };
  WriteFileAtomically(path, content(0));
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    while (!done) {
      const std::string seen = ReadFile(path);
      torn += seen != content(seen.empty() ? 0 : seen[0] - 'a') ? 1 : 0;
    }
  });
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 50; ++i) WriteFileAtomically(path, content(writer));
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(scratch.Names(), std::vector<std::string>{"a"});
}

// Runs `body` in a child under a file size limit; its exit status is what `body` returns.
template <typename Body>
int UnderFileSizeLimit(rlim_t bytes, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(99);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(AtomicFile, FileSizeLimitLeavesTheOldFile) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("a");
  WriteFileAtomically(path, "old");
  const int status = UnderFileSizeLimit(10000, [&] {
    const Thrown thrown = Catch([&] { WriteFileAtomically(path, std::string(10001, 'n')); });
    return thrown.kind == kRuntime && Contains(thrown.message, path) &&
                   Contains(thrown.message, std::strerror(EFBIG)) &&
                   Contains(thrown.message, "10001 bytes are needed")
               ? 0
               : 1;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_EQ(scratch.Names(), std::vector<std::string>{"a"});
}

TEST(ReadFile, RefusesWhatIsNoReadableFile) {
  const ScratchDirectory scratch;
  Put(scratch.File("a"), "12345");
  ASSERT_EQ(mkfifo(scratch.File("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(scratch.File("a"), 5), "12345");
  const Thrown large = Catch([&] { ReadFile(scratch.File("a"), 4); });
  EXPECT_EQ(large.kind, kData);
  EXPECT_TRUE(Contains(large.message, "5 bytes, more than the 4 allowed"));
  EXPECT_TRUE(Contains(Catch([&] { ReadFile(scratch.path()); }).message, "not a regular file"));
  EXPECT_TRUE(
      Contains(Catch([&] { ReadFile(scratch.File("pipe")); }).message, "not a regular file"));
  const Thrown missing = Catch([&] { ReadFile(scratch.File("b")); });
  EXPECT_EQ(missing.kind, kData);
  EXPECT_TRUE(Contains(missing.message, scratch.File("b")));
  EXPECT_TRUE(Contains(missing.message, "No such file"));
}

// ---- logs ----

TEST(AppendFile, LinesSizesAndReopening) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("log");
  uint64_t checkpoint = 0;
  {
    AppendFile log(path);
    EXPECT_EQ(log.size(), 0u);
    log.WriteLine("one");
    log.WriteLine("");
    log.Sync();
    checkpoint = log.size();
    log.WriteLine("lost on resume");
  }
  EXPECT_EQ(ReadFile(path), "one\n\nlost on resume\n");
  AppendFile log(path);
  EXPECT_EQ(log.size(), 20u);
  log.TruncateTo(checkpoint);
  log.WriteLine("three");
  EXPECT_EQ(ReadFile(path), "one\n\nthree\n");
  log.TruncateTo(0);
  EXPECT_EQ(ReadFile(path), "");
}

TEST(AppendFile, AnUnfinishedLastLineIsCutOff) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("log");
  // the last newline in this block of the search, one block back, and nowhere
  for (const size_t torn : {1u, 4095u, 4096u, 4097u, 10000u}) {
    Put(path, "first\nsecond\n" + std::string(torn, 'x'));
    AppendFile log(path);
    EXPECT_EQ(log.size(), 13u);
    EXPECT_EQ(ReadFile(path), "first\nsecond\n");
    Put(path, std::string(torn, 'x'));
    EXPECT_EQ(AppendFile(path).size(), 0u);
    EXPECT_EQ(ReadFile(path), "");
  }
}

TEST(AppendFile, AnotherLogIsNotTruncated) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("log");
  Put(path, "first\nsecond\n");
  AppendFile log(path);
  for (const uint64_t offset : {uint64_t{3}, uint64_t{14}, ~uint64_t{0}}) {
    const Thrown thrown = Catch([&] { log.TruncateTo(offset); });
    EXPECT_EQ(thrown.kind, kData);
    EXPECT_TRUE(Contains(thrown.message, "13 bytes and no line that begins at byte"));
  }
  EXPECT_EQ(ReadFile(path), "first\nsecond\n");
}

TEST(AppendFile, AFailedLineLeavesWholeLines) {
  const ScratchDirectory scratch;
  const std::string path = scratch.File("log");
  const int status = UnderFileSizeLimit(10, [&] {
    AppendFile log(path);
    log.WriteLine("first");
    const Thrown thrown = Catch([&] { log.WriteLine("second"); });
    if (thrown.kind != kRuntime || !Contains(thrown.message, std::strerror(EFBIG))) return 1;
    log.WriteLine("3rd");
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(path), "first\n3rd\n");
}

TEST(AppendFile, FullDeviceAndMissingDirectoryAreErrors) {
  const ScratchDirectory scratch;
  const Thrown missing = Catch([&] { AppendFile log(scratch.File("no/log")); });
  EXPECT_EQ(missing.kind, kRuntime);
  EXPECT_TRUE(Contains(missing.message, scratch.File("no/log")));
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "there is no /dev/full here";
  AppendFile full("/dev/full");
  const Thrown thrown = Catch([&] { full.WriteLine("text"); });
  EXPECT_EQ(thrown.kind, kRuntime);
  EXPECT_TRUE(Contains(thrown.message, std::strerror(ENOSPC)));
  EXPECT_TRUE(Contains(thrown.message, "5 bytes are needed"));
}

}  // namespace
}  // namespace fewstep

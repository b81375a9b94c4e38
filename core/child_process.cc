#include "core/child_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/file_io.h"

extern char** environ;

namespace fewstep {
namespace {

constexpr size_t kMostOutput = size_t{1} << 20;

[[noreturn]] void Fail(std::string_view what, int error) {
  throw Error(ErrorKind::kRuntime, fmt::format("{}: {}", what, std::strerror(error)));
}

// Starts the program in a process group of its own, so that what it starts can be ended with it.
// Its streams are these descriptors, or for -1 nothing.
pid_t Spawn(const std::vector<std::string>& words, int input, int output, int errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto connect = [&](int descriptor, int stream, int flags) {
    if (descriptor >= 0) {
      posix_spawn_file_actions_adddup2(&actions, descriptor, stream);
    } else {
      posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", flags, 0);
    }
  };
  connect(input, STDIN_FILENO, O_RDONLY);
  connect(output, STDOUT_FILENO, O_WRONLY);
  connect(errors, STDERR_FILENO, O_WRONLY);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);

  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) Fail(fmt::format("cannot start {}", words[0]), error);
  return child;
}

// How a process ended, as waitpid says.
void Describe(int status, ChildResult& result) {
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  while (result.output.ends_with('\n')) result.output.pop_back();
}

}  // namespace

ChildResult RunChild(const std::vector<std::string>& words, double seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("cannot make a pipe", errno);
  const internal::FileDescriptor reading(ends[0]);
  internal::FileDescriptor writing(ends[1]);
  const pid_t child = Spawn(words, -1, writing.get(), -1);
  writing.Close();

  // read until it closes its output or time is up
  ChildResult result;
  const double end = SteadySeconds() + seconds;
  for (bool open = true; open;) {
    const double left = end - SteadySeconds();
    pollfd wait{.fd = reading.get(), .events = POLLIN, .revents = 0};
    const int ready = left > 0 ? poll(&wait, 1, static_cast<int>(left * 1000) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      result.timed_out = true;
      break;
    }
    char buffer[4096];
    const ssize_t count =
        internal::RetryInterrupted([&] { return read(reading.get(), buffer, sizeof(buffer)); });
    open = count > 0;
    const size_t room = kMostOutput - std::min(kMostOutput, result.output.size());
    if (open) result.output.append(buffer, std::min(static_cast<size_t>(count), room));
  }

  // a child that closed its output may still run
  int status = 0;
  while (!result.timed_out) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) Fail("cannot wait for a process", errno);
    result.timed_out = SteadySeconds() > end;
    usleep(1000);
  }
  kill(-child, SIGKILL);
  if (result.timed_out) internal::RetryInterrupted([&] { return waitpid(child, &status, 0); });
  Describe(status, result);
  return result;
}

ChildWriter::ChildWriter(const std::vector<std::string>& words) : input_(-1), errors_(-1) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("cannot make a pipe", errno);
  internal::FileDescriptor reading(ends[0]);
  input_ = internal::FileDescriptor(ends[1]);
  errors_ = internal::FileDescriptor(memfd_create("errors", MFD_CLOEXEC));
  if (errors_.get() < 0) Fail("cannot make a file in memory", errno);
  child_ = Spawn(words, reading.get(), -1, errors_.get());
}

ChildWriter::~ChildWriter() {
  if (child_ == 0) return;
  kill(-child_, SIGKILL);
  internal::RetryInterrupted([&] { return waitpid(child_, nullptr, 0); });
}

bool ChildWriter::Write(std::span<const unsigned char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        internal::RetryInterrupted([&] { return write(input_.get(), bytes.data(), bytes.size()); });
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

ChildResult ChildWriter::Close() {
  input_.Close();
  int status = 0;
  internal::RetryInterrupted([&] { return waitpid(child_, &status, 0); });
  child_ = 0;
  ChildResult result;
  char buffer[4096];
  for (off_t from = 0; result.output.size() < kMostOutput;) {
    const ssize_t count = pread(errors_.get(), buffer, sizeof(buffer), from);
    if (count <= 0) break;
    result.output.append(buffer, static_cast<size_t>(count));
    from += count;
  }
  Describe(status, result);
  return result;
}

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

void EndWithParent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // it may have ended before this was asked for
  if (getppid() != parent) raise(SIGKILL);
}

}  // namespace fewstep

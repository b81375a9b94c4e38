#include "core/child_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
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
pid_t Spawn(const std::vector<std::string>& words, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
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

}  // namespace

ChildResult RunChild(const std::vector<std::string>& words, double seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("cannot make a pipe", errno);
  const internal::FileDescriptor reading(ends[0]);
  internal::FileDescriptor writing(ends[1]);
  const pid_t child = Spawn(words, writing.get());
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
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  while (result.output.ends_with('\n')) result.output.pop_back();
  return result;
}

void EndWithParent() {
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // it may have ended before this was asked for
  if (getppid() != parent) raise(SIGKILL);
}

}  // namespace fewstep

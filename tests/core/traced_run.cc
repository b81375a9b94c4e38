#include "tests/core/traced_run.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

namespace fewstep {

#if defined(__linux__) && defined(__x86_64__)
namespace {

// A system call that nothing else makes marks the beginning and the end of the body.
constexpr long kMarker = SYS_getppid;

// What the child tells its parent, in memory that both map.
struct Report {
  TracedResult::End end;
  char message[2048];
};

bool IsWrite(long call) { return call == SYS_write || call == SYS_pwrite64; }

bool IsMutation(const user_regs_struct& regs) {
  switch (static_cast<long>(regs.orig_rax)) {
    case SYS_openat:
      return (regs.rdx & O_CREAT) != 0;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_ftruncate:
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_mkdir:
    case SYS_mkdirat:
      return true;
    default:
      return false;
  }
}

// Calls on files whose failure an I/O error can be: all but memory, signals and process ids.
bool IsFileCall(const user_regs_struct& regs) {
  switch (static_cast<long>(regs.orig_rax)) {
    case SYS_open:
    case SYS_openat:
    case SYS_close:
    case SYS_read:
    case SYS_pread64:
    case SYS_getdents64:
    case SYS_stat:
    case SYS_lstat:
    case SYS_fstat:
    case SYS_newfstatat:
    case SYS_statfs:
    case SYS_fadvise64:
      return true;
    default:
      return IsMutation(regs);
  }
}

bool Concerns(Fault::Kind kind, const user_regs_struct& regs) {
  switch (kind) {
    case Fault::Kind::kNone:
    case Fault::Kind::kKill:
      return true;
    case Fault::Kind::kTear:
    case Fault::Kind::kShortWrite:
    case Fault::Kind::kCorrupt:
      return IsWrite(static_cast<long>(regs.orig_rax));
    case Fault::Kind::kError:
      return IsFileCall(regs);
  }
  return false;
}

[[noreturn]] void RunChild(const std::function<void()>& body, Report* report) {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  TracedResult::End end = TracedResult::End::kReturned;
  std::string message;
  syscall(kMarker);
  try {
    body();
  } catch (const Error& error) {
    end = TracedResult::End::kError;
    message = error.what();
  } catch (const std::exception& error) {
    end = TracedResult::End::kOther;
    message = error.what();
  }
  syscall(kMarker);
  std::strncpy(report->message, message.c_str(), sizeof(report->message) - 1);
  report->end = end;
  _exit(0);
}

// Inverts a bit of the word in the child's memory at the beginning of what it writes.
void InvertBit(pid_t child, unsigned long long address) {
  const long word = ptrace(PTRACE_PEEKDATA, child, address, nullptr);
  ptrace(PTRACE_POKEDATA, child, address, word ^ 0x100);
}

// Follows the child from stop to stop; every system call stops it at entry and at exit.
void Follow(pid_t child, const Fault& fault, TracedResult& result) {
  bool inside = false;    // between the markers
  bool entering = false;  // toggles
  bool tampered = false;  // the call that is being made was changed
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  long deliver = 0;
  while (true) {
    ptrace(PTRACE_SYSCALL, child, nullptr, deliver);
    deliver = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) return;
    if (WIFSIGNALED(status)) {
      result.end = TracedResult::End::kCrashed;
      result.message = fmt::format("signal {}", WTERMSIG(status));
      return;
    }
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      deliver = WSTOPSIG(status);
      continue;
    }
    entering = !entering;
    user_regs_struct regs;
    ptrace(PTRACE_GETREGS, child, nullptr, &regs);

    // at exit: put the answer in place of the call that was not made
    bool kill_now = false;
    if (!entering) {
      if (tampered && fault.kind == Fault::Kind::kError) {
        regs.rax = static_cast<unsigned long long>(-static_cast<long long>(fault.error));
        ptrace(PTRACE_SETREGS, child, nullptr, &regs);
      }
      if (tampered && fault.kind == Fault::Kind::kCorrupt) InvertBit(child, regs.rsi);
      kill_now = tampered && fault.kind == Fault::Kind::kTear;
      tampered = false;
    } else if (static_cast<long>(regs.orig_rax) == kMarker) {
      inside = !inside;
    } else if (inside) {
      // at entry: count, and change the call when it is the one
      result.mutations += IsMutation(regs) ? 1 : 0;
      if (Concerns(fault.kind, regs)) {
        ++result.calls;
        const bool hit = fault.persistent ? result.calls >= fault.at : result.calls == fault.at;
        if (hit && fault.kind == Fault::Kind::kKill) kill_now = true;
        if (hit && fault.kind == Fault::Kind::kError) {
          regs.orig_rax = static_cast<unsigned long long>(-1);
          tampered = true;
        }
        if (hit && (fault.kind == Fault::Kind::kTear || fault.kind == Fault::Kind::kShortWrite)) {
          regs.rdx = std::max<unsigned long long>(regs.rdx / 2, 1);
          tampered = true;
        }
        if (hit && fault.kind == Fault::Kind::kCorrupt) {
          InvertBit(child, regs.rsi);
          tampered = true;
        }
        if (tampered) ptrace(PTRACE_SETREGS, child, nullptr, &regs);
      }
    }
    if (kill_now) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      result.end = TracedResult::End::kKilled;
      return;
    }
  }
}

}  // namespace

TracedResult RunTraced(const std::function<void()>& body, const Fault& fault) {
  void* shared =
      mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FEWSTEP_CHECK(shared != MAP_FAILED, "mmap");
  auto* report = new (shared) Report{TracedResult::End::kCrashed, {}};
  const pid_t child = fork();
  FEWSTEP_CHECK(child >= 0, "fork");
  if (child == 0) RunChild(body, report);

  TracedResult result;
  result.end = TracedResult::End::kReturned;
  Follow(child, fault, result);
  if (result.end == TracedResult::End::kReturned) {
    result.end = report->end;
    result.message = report->message;
  }
  munmap(shared, sizeof(Report));
  return result;
}

std::string_view TracingObstacle() {
  static const bool works = [] {
    const pid_t child = fork();
    if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }();
  return works ? "" : "this machine does not allow ptrace";
}

#else

TracedResult RunTraced(const std::function<void()>&, const Fault&) { return {}; }
std::string_view TracingObstacle() { return "system calls are traced on x86-64 Linux only"; }

#endif

}  // namespace fewstep

// Runs a piece of code in a child process and, through ptrace, kills it or fails its system calls
// at an exact point. Linux on x86-64.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace fewstep {

struct Fault {
  enum class Kind {
    kNone,        // only count
    kKill,        // SIGKILL before the k-th system call of any sort
    kTear,        // the k-th write takes only half of its bytes, then SIGKILL
    kError,       // the k-th file call is not made and answers `error`
    kShortWrite,  // the k-th write takes only half of its bytes
    kCorrupt,     // the k-th write stores one wrong bit, as a bad disk or cable does
  };
  Kind kind = Kind::kNone;
  int at = 0;               // k, from 1
  int error = 0;            // errno
  bool persistent = false;  // the k-th and every later one
};

struct TracedResult {
  enum class End { kReturned, kError, kOther, kKilled, kCrashed };
  End end = End::kCrashed;
  std::string message;  // of the Error that `body` threw, or of what crashed
  int calls = 0;        // system calls of the fault's kind that were met
  int mutations = 0;    // those that change files: create, write, sync, rename, unlink, truncate
};

// Runs `body` in a forked child under `fault`. kReturned: it returned; kError: it threw
// fewstep::Error; kOther: it threw something else; kCrashed: it died of a signal or called exit.
TracedResult RunTraced(const std::function<void()>& body, const Fault& fault);

// Why RunTraced cannot work here; "" when it can. Sanitized builds are no obstacle: the child
// leaves through _exit, before a leak check that tracing would disturb.
std::string_view TracingObstacle();

}  // namespace fewstep

// SIGINT, SIGTERM and SIGHUP as a flag that the training loop looks at between iterations.
#pragma once

namespace fewstep {

// While one lives, the first signal is remembered and the second one ends the program at once.
// SIGHUP stays ignored where it is, as under nohup.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  int received() const;  // the signal's number, or 0
};

}  // namespace fewstep

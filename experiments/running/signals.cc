#include "experiments/running/signals.h"

#include <csignal>

namespace fewstep {
namespace {

volatile std::sig_atomic_t received_signal = 0;

void Remember(int signal) {
  received_signal = signal;
  // the next signal ends the program at once
  std::signal(signal, SIG_DFL);
}

}  // namespace

SignalGuard::SignalGuard() {
  received_signal = 0;
  std::signal(SIGINT, &Remember);
  std::signal(SIGTERM, &Remember);
  if (std::signal(SIGHUP, &Remember) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

SignalGuard::~SignalGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (std::signal(SIGHUP, SIG_DFL) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

int SignalGuard::received() const { return received_signal; }

}  // namespace fewstep

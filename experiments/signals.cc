#include "experiments/signals.h"

#include <csignal>

namespace fewstep {
namespace {

volatile std::sig_atomic_t received_signal = 0;

void Remember(int signal) {
  received_signal = signal;
  // the next one is not waited for
  std::signal(signal, SIG_DFL);
}

}  // namespace

SignalGuard::SignalGuard() {
  received_signal = 0;
  std::signal(SIGINT, &Remember);
  std::signal(SIGTERM, &Remember);
}

SignalGuard::~SignalGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int SignalGuard::received() const { return received_signal; }

}  // namespace fewstep

#include "server/cli/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace wakewatch {
namespace {

std::atomic<bool> stop{false};
std::atomic<bool> interrupted{false};
std::atomic<bool> abort_rest{false};
static_assert(std::atomic<bool>::is_always_lock_free, "signal handlers may only touch lock-free atomics");

void OnSignal(int) {
  if (interrupted.exchange(true)) abort_rest = true;
  stop = true;
}

void OnSignalExit(int) { _exit(130); }

void Handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a read or poll that waits must come back and see the flag.
  sigaction(signal, &action, nullptr);
}

}  // namespace

void CatchSignals() {
  Handle(SIGINT, OnSignal);
  Handle(SIGTERM, OnSignal);
  Handle(SIGPIPE, SIG_IGN);
}

void ExitOnSignals() {
  Handle(SIGINT, OnSignalExit);
  Handle(SIGTERM, OnSignalExit);
  if (interrupted) OnSignalExit(SIGINT);  // it came before
}

void RestoreSignals() {
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) Handle(signal, SIG_DFL);
}

std::atomic<bool>& StopFlag() { return stop; }
std::atomic<bool>& AbortFlag() { return abort_rest; }
bool Interrupted() { return interrupted; }

}  // namespace wakewatch

// Why: Ctrl-C must end a recording or an analysis in order, not tear it. Signals are the process's own, so this state
// is too: the first SIGINT or SIGTERM asks the work to stop, the second asks what follows (the report of a recording)
// to stop.
#pragma once

#include <atomic>

namespace wakewatch {

// Installs the handlers and ignores SIGPIPE: a reader that left shows as EPIPE where it is written to. Call once.
void CatchSignals();
// For work that has nothing to put in order: from here on SIGINT and SIGTERM end the process at once, with exit code
// 130.
void ExitOnSignals();
// Puts back what an executed command expects.
void RestoreSignals();

// Set by the first signal, or by whoever else wants the work to end (a command that exited).
std::atomic<bool>& StopFlag();
// Set by the second signal.
std::atomic<bool>& AbortFlag();
// A signal came.
bool Interrupted();

}  // namespace wakewatch

// Why: diagnostics go to standard error, one line each, with nothing in them that a terminal would act on: they quote
// file names and text from traces.
#pragma once

#include <string_view>

#include "analysis/base/result.h"
#include "server/cli/exit_code.h"

namespace wakewatch {

void SetUpDiagnostics();
void Say(std::string_view text);
void Warn(std::string_view text);
// Says what went wrong; answers kInterrupted when a signal is why, else kError.
ExitCode Complain(const Error& error);
// The same, but an argument that makes no sense is kUsage.
ExitCode ComplainOfUsage(const Error& error);

}  // namespace wakewatch

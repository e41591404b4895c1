#include "server/cli/diagnostics.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "analysis/report/printable.h"
#include "server/cli/interrupt.h"

namespace wakewatch {

void SetUpDiagnostics() {
  auto logger = spdlog::stderr_logger_st("wakewatch");
  logger->set_pattern("%n: %l: %v");
  spdlog::set_default_logger(std::move(logger));
}

void Say(std::string_view text) { spdlog::info("{}", PrintableText(text)); }
void Warn(std::string_view text) { spdlog::warn("{}", PrintableText(text)); }

ExitCode Complain(const Error& error) {
  if (error.code == ErrorCode::kInterrupted && Interrupted()) {
    Say("interrupted");
    return ExitCode::kInterrupted;
  }
  spdlog::error("{}", PrintableText(error.Text()));
  return ExitCode::kError;
}

ExitCode ComplainOfUsage(const Error& error) {
  const ExitCode code = Complain(error);
  const bool usage = code == ExitCode::kError && error.code == ErrorCode::kInvalidArgument;
  return usage ? ExitCode::kUsage : code;
}

}  // namespace wakewatch

#include "server/cli/chain.h"

#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/output.h"
#include "server/live/chain.h"

namespace wakewatch {

ChainVerb::ChainVerb(CommandLine* line)
    : Verb(line->AddVerb("chain", "Who woke whom in front of a task's worst wait, and where the time went")),
      input_(options()),
      server_(options()),
      span_(options()),
      format_(options(), {"text", "json"}) {
  options()->Text({.names = "--task",
                   .help = "Whose: a pid, a name, or the front of one with *; with a span only one task may match",
                   .type = "PID|NAME",
                   .required = true},
                  &task_);
  options()->Examples({"wakewatch chain trace.dat --task ksoftirqd/1",
                       "wakewatch chain rec.db --task 210 --since 41.5 --until 41.6 --json"});
}

Result<ChainAnswer> ChainVerb::Ask() const {
  if (!server_.server().empty()) {
    RemoteView view;
    auto recording = ParseRemoteRecording(input_.path());
    if (!recording) return Fail(recording.error());
    view.recording = *std::move(recording);
    if (auto status = span_.Fill(&view); !status) return Fail(status.error());
    return FindChainRemotely(server_.remote(), view, task_);
  }
  const auto input = input_.Open();
  if (!input) return Fail(input.error());
  EngineOptions span;
  if (auto status = span_.Fill((*input)->metadata(), &span); !status) return Fail(status.error());
  auto answer = FindChain(**input, {task_, span_.given(), span.since_ns, span.until_ns}, [] { return Interrupted(); });
  if (Interrupted()) return Fail(ErrorCode::kInterrupted, "interrupted");
  return answer;
}

ExitCode ChainVerb::Run() {
  const auto answer = Ask();
  if (!answer) return ComplainOfUsage(answer.error());
  const bool json = format_.format() == OutputFormat::kJson;
  const auto printed = Print(json ? ChainJson(*answer) : ChainText(*answer));
  if (!printed) return Complain(printed.error());
  return answer->has_gaps ? ExitCode::kGaps : ExitCode::kFine;
}

}  // namespace wakewatch

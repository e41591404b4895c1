#include "server/cli/check_against.h"

#include <utility>

#include "analysis/protocol/compiler/compiler.h"
#include "analysis/protocol/language/parser.h"
#include "analysis/protocol/sight/diagnosability.h"
#include "analysis/report/protocol_match.h"
#include "analysis/report/report_view.h"
#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/output.h"
#include "server/cli/progress.h"
#include "server/live/pipeline.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

RoleChoice ChoiceOf(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Result<Report> FindingsOf(const TraceInput& input) {
  Progress progress("analysed");
  PipelineOptions pipeline;
  pipeline.stop = &StopFlag();
  pipeline.progress = [&](uint64_t events) { progress.Show(events); };
  EngineOptions engine;
  engine.checks = {"lost-wakeup"};
  return AnalyseTrace(input, engine, pipeline);
}

protocol::Memory MemoryOf(const AgainstOptions& options, const protocol::ProtocolText& text) {
  if (options.memory.empty()) return protocol::MemoryThatLoses(text).value_or(protocol::Memory::kTso);
  return options.memory == protocol::Name(protocol::Memory::kSc) ? protocol::Memory::kSc : protocol::Memory::kTso;
}

struct Matched {
  ProtocolMatch match;
  bool has_gaps = false;
};

Result<Matched> Match(const ProtocolSource& source, const AgainstOptions& options) {
  const auto text = protocol::Parse(source.text, source.name);
  if (!text) return Fail(text.error());
  const auto program = protocol::Compile(*text, source.name, MemoryOf(options, *text));
  if (!program) return Fail(program.error());
  const auto input = OpenTraceOrRecording(options.trace);
  if (!input) return Fail(input.error());
  const auto report = FindingsOf(**input);
  if (!report) return Fail(report.error());
  ProtocolMatchOptions match;
  for (const std::string& role : options.roles) match.roles.push_back(ChoiceOf(role));
  match.explains = text->explains;
  match.findings = report->findings;
  match.stop = [] { return StopFlag().load(); };
  auto matched = MatchProtocol(**input, *program, match);
  if (!matched) return Fail(std::move(matched.error()));
  return Matched{*std::move(matched), Incomplete(*report)};
}

}  // namespace

Status CheckRole(const std::string& text) {
  const RoleChoice choice = ChoiceOf(text);
  if (!choice.role.empty() && !choice.task.empty() && text.find('=') != std::string::npos) return {};
  return Fail(Error{.code = ErrorCode::kInvalidArgument,
                    .cause = "\"" + text + "\" names no role and its thread",
                    .remedy = "as in --role worker=210 or --role 'waker=rx_*'"});
}

ExitCode CheckAgainst(const ProtocolSource& source, const AgainstOptions& options) {
  const auto matched = Match(source, options);
  if (Interrupted()) return Complain(Error{.code = ErrorCode::kInterrupted, .cause = "interrupted"});
  if (!matched) return Complain(matched.error());
  const auto printed =
      Print(options.json ? ProtocolMatchJson(matched->match) + '\n' : ProtocolMatchText(matched->match));
  if (!printed) return Complain(printed.error());
  if (matched->match.Counts()[static_cast<size_t>(SleepVerdict::kLosing)] > 0) return ExitCode::kFindings;
  return matched->has_gaps ? ExitCode::kGaps : ExitCode::kFine;
}

}  // namespace wakewatch

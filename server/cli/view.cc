#include "server/cli/view.h"

#include <string>

#include "server/cli/diagnostics.h"
#include "server/cli/output.h"
#include "server/cli/remote.h"

namespace wakewatch {
namespace {

// Pieces are many: what goes wrong with the output shows when it is flushed.
ExitCode ShowLocal(const AnalysisOptions& analysis, const ViewOptions& view, std::optional<Confidence> fail_on) {
  Output output;
  ViewWriter writer(view, [&](std::string_view text) { (void)output.Write(text); });
  std::function<void(const MeasuredWait&)> on_wait;
  if (writer.wants_wakeups()) on_wait = [&](const MeasuredWait& wait) { writer.Add(wait); };
  const auto report = analysis.Analyse(on_wait);
  if (!report) return ComplainOfUsage(report.error());
  writer.Finish(*report);
  const auto printed = output.Flush();
  return printed ? ExitFor(*report, fail_on) : Complain(printed.error());
}

ExitCode ShowRemote(const AnalysisOptions& analysis, const ViewOptions& view, std::optional<Confidence> fail_on) {
  const auto request = analysis.MakeRemoteView(view);
  if (!request) return ComplainOfUsage(request.error());
  Output output;
  const auto end = RenderRemotely(analysis.remote(), *request, [&](std::string_view text) {
    (void)output.Write(text);
    return !output.reader_left();
  });
  if (!end) return ComplainOfUsage(end.error());
  const auto printed = output.Flush();
  return printed ? ExitFor(end->incomplete, end->best, fail_on) : Complain(printed.error());
}

}  // namespace

ExitCode ShowView(const AnalysisOptions& analysis, ViewOptions view, std::optional<Confidence> fail_on) {
  view.all_threads = analysis.all_threads();
  return analysis.server().empty() ? ShowLocal(analysis, view, fail_on) : ShowRemote(analysis, view, fail_on);
}

}  // namespace wakewatch

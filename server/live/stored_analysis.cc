#include "server/live/stored_analysis.h"

#include <optional>
#include <utility>

#include "server/live/live_input.h"
#include "server/live/pipeline.h"
#include "server/store/recording.h"
#include "server/store/session_position.h"

namespace wakewatch {
namespace {

// None: there is no state that this build can read.
std::optional<Report> FromState(const TraceInput& input, const SessionPosition& position, FormatSets* sets,
                                EngineOptions options) {
  if (!position.checkpoint) return std::nullopt;
  options.live = true;
  LiveInput live(position.session, sets);
  if (!live.LearnFrom(input, position.formats)) return std::nullopt;
  const auto engine = Engine::Restore(live, options, position.checkpoint->state);
  if (!engine) return std::nullopt;
  return (*engine)->Snapshot({});
}

}  // namespace

Result<Report> SummariseStored(const std::string& folder, FormatSets* sets, const EngineOptions& options) {
  const auto input = OpenRecording(folder);
  if (!input) return Fail(input.error());
  const auto position = LoadPosition(folder);
  if (!position) return Fail(position.error());
  if (auto report = FromState(**input, *position, sets, options)) return *std::move(report);
  auto report = AnalyseTrace(**input, options, {});
  if (report) report->findings.clear();
  return report;
}

}  // namespace wakewatch

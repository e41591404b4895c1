#include "analysis/report/timeline_build.h"

#include <algorithm>

namespace wakewatch {
namespace {

constexpr size_t kBlockEvents = 1u << 14;

}  // namespace

Result<std::vector<TimelineRow>> BuildTimeline(const TraceInput& input, const std::function<bool()>& go_on) {
  const auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  TimelineBuilder builder;
  EventBlock block;
  uint64_t end_ns = 0;
  for (const auto& reader : *readers) {
    while (true) {
      if (go_on && !go_on()) return Fail(ErrorCode::kInterrupted, "building the timeline was stopped");
      const auto more = reader->Fill(&block, kBlockEvents);
      if (!more) return Fail(more.error());
      if (!*more) break;
      for (const Event& event : block.events) builder.Push(event);
      if (!block.events.empty()) end_ns = std::max(end_ns, block.events.back().ts_ns);
    }
  }
  return builder.Flush(end_ns);
}

}  // namespace wakewatch

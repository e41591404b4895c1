#include "analysis/report/timeline_build.h"

#include <algorithm>

namespace wakewatch {
namespace {

constexpr size_t kBlockEvents = 1u << 14;

}  // namespace

Status PushAllEvents(const TraceInput& input, const std::function<bool()>& go_on, TimelineBuilder* builder,
                     uint64_t* last_ns) {
  const auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  EventBlock block;
  for (const auto& reader : *readers) {
    while (true) {
      if (go_on && !go_on()) return Fail(ErrorCode::kInterrupted, "building the timeline was stopped");
      const auto more = reader->Fill(&block, kBlockEvents);
      if (!more) return Fail(more.error());
      if (!*more) break;
      for (const Event& event : block.events) builder->Push(event);
      if (!block.events.empty()) *last_ns = std::max(*last_ns, block.events.back().ts_ns);
    }
  }
  return {};
}

Result<std::vector<TimelineRow>> BuildTimeline(const TraceInput& input, const std::function<bool()>& go_on) {
  TimelineBuilder builder;
  uint64_t last_ns = 0;
  if (auto status = PushAllEvents(input, go_on, &builder, &last_ns); !status) return Fail(status.error());
  return builder.Flush(last_ns);
}

}  // namespace wakewatch

// Why: a recording that was imported, or made before there were timelines, has no rows of one; this makes them from its
// events, in one pass over each CPU.
#pragma once

#include <functional>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// Pushes all events of `input`, CPU by CPU; *last_ns is raised to the time of the last. `go_on` (may be empty) is asked
// every few milliseconds; when it answers false the error is kInterrupted.
Status PushAllEvents(const TraceInput& input, const std::function<bool()>& go_on, TimelineBuilder* builder,
                     uint64_t* last_ns);

// All rows of `input`, up to the last event of any CPU.
Result<std::vector<TimelineRow>> BuildTimeline(const TraceInput& input, const std::function<bool()>& go_on = {});

}  // namespace wakewatch

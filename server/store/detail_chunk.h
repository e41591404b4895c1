// Why: a timeline's details need a few fields of some events. They are taken from the columns that hold them, which is
// a fraction of what it takes to rebuild the records and decode them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline_detail.h"
#include "server/store/chunk_loader.h"

namespace wakewatch {

// What to take of a chunk.
struct DetailRange {
  uint64_t from_ns = 0, to_ns = UINT64_MAX;  // [from, to)
  // In front of it only what a TimelineDetailBuilder needs for `pids`, which are sorted.
  uint64_t whole_from_ns = 0;
  std::span<const int32_t> pids;
};

// Appends the events of the range to *events, in order. In front of them, where the chunk begins before the range, who
// is on the CPU when it begins: a kGeneric at from_ns. Names are valid while `loaded` is. Errors: those of the columns.
Status ReadDetailEvents(const LoadedChunk& loaded, const DetailRange& range, std::vector<DetailEvent>* events);

// What a chunk tells of `pids` in front of a moment.
struct DetailGlance {
  std::vector<uint64_t> switch_ns;  // by pid: the last switch to or away from it; 0: none
  std::optional<int32_t> on_cpu;    // who was there at the end; nothing: it has no event in front of it
  bool has_waking = false, has_wakeup = false;
};
Result<DetailGlance> GlanceAtDetail(const LoadedChunk& loaded, uint64_t before_ns, std::span<const int32_t> pids);

}  // namespace wakewatch

// Why: tests and fuzz targets read whole inputs and ask what came out. Not part of the reader.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/trace/reader.h"

namespace wakewatch::trace_dat_test {

struct ReadResult {
  std::optional<Error> error;
  std::map<std::pair<uint32_t, std::string>, uint64_t> counts;  // by CPU and event name, gaps left out
  std::vector<Event> gaps;                                      // in reading order
  std::map<uint32_t, std::vector<uint64_t>> times_ns;           // by CPU, gaps left out
  AnomalyCounts anomalies;                                      // of opening and of reading
  bool in_order = true;   // every block by time, no block before the end of the one in front of it
  bool in_bounds = true;  // every event names a format, and every record can be read to its end
  uint64_t checksum = 0;  // over all bytes of all records
  uint64_t events() const {
    uint64_t sum = 0;
    for (const auto& [key, count] : counts) sum += count;
    return sum;
  }
};

inline void TakeEvent(const Event& event, const FormatTable& formats, ReadResult* result) {
  if (event.type == EventType::kGap) {
    result->gaps.push_back(event);
    return;
  }
  if (event.format >= formats.events().size()) {
    result->in_bounds = false;
    return;
  }
  for (uint32_t i = 0; i < event.record_size; ++i) result->checksum = result->checksum * 31 + event.record[i];
  ++result->counts[{event.cpu, formats.events()[event.format].name}];
  result->times_ns[event.cpu].push_back(event.ts_ns);
}

// `target`: events a block.
inline ReadResult ReadAll(const TraceInput& input, size_t target) {
  ReadResult result;
  result.anomalies = input.metadata().anomalies;
  auto readers = input.OpenCpus();
  if (!readers) {
    result.error = readers.error();
    return result;
  }
  EventBlock block;
  for (auto& reader : *readers) {
    uint64_t last_ns = 0;
    for (;;) {
      const auto more = reader->Fill(&block, target);
      if (!more) {
        result.error = more.error();
        return result;
      }
      if (*more == block.events.empty()) result.in_bounds = false;  // an answer that contradicts the block
      if (!*more) break;
      for (const Event& event : block.events) {
        result.in_order = result.in_order && event.ts_ns >= last_ns;
        last_ns = event.ts_ns;
        TakeEvent(event, input.formats(), &result);
      }
    }
    result.anomalies.Merge(reader->anomalies());
  }
  return result;
}

}  // namespace wakewatch::trace_dat_test

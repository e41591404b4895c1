// Why: what a list of recordings says about each of them, and how to find it out again from its files alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// A session of a collector, in one or more part files. As Recording in proto/wakewatch/v1/fleet.proto.
struct RecordingRow {
  std::string host, id;  // id: the name of its folder
  std::string boot_id, kernel;
  uint64_t start_ns = 0, end_ns = 0;            // trace clock, of its first and last event
  uint64_t start_real_ns = 0, end_real_ns = 0;  // the same on the host's wall clock; 0: not known
  uint64_t events = 0;
  uint64_t bytes = 0;  // on disk
  uint32_t parts = 0;  // files
  uint64_t findings = 0;
  uint64_t gaps = 0;
  bool live = false;     // it still grows
  bool trimmed = false;  // of some part only the surroundings of its findings are kept

  bool operator==(const RecordingRow&) const = default;
};

// What one part adds to its recording.
struct PartSummary {
  std::string host, boot_id, kernel;
  uint64_t start_ns = 0, end_ns = 0;  // UINT64_MAX and 0: no event
  uint64_t start_real_ns = 0, end_real_ns = 0;
  uint64_t events = 0, bytes = 0, findings = 0, gaps = 0;
  uint64_t gaps_open = 0;      // of `gaps`: at its end, so they are carried into the next part
  uint64_t findings_open = 0;  // of `findings`, likewise
  bool trimmed = false, ended = false;
};

Result<PartSummary> SummarisePart(const Database& db);
// Opens the part to read. An old one is migrated.
Result<PartSummary> SummarisePart(const std::string& path);

// On the host's wall clock, by the clock pair nearest to `trace_ns`; 0: not known.
Result<uint64_t> RealTime(const Database& db, uint64_t trace_ns);

// A recording in `folder` from its parts, oldest first.
RecordingRow MakeRow(const std::string& folder, const std::vector<PartSummary>& parts);

}  // namespace wakewatch

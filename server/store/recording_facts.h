// Why: a list of hosts says of each what its newest recording is like: how sure its findings are, the longest latency
// that a scheduler without fault would have spared a kernel thread, and what was lost. The tables hold it; no event is
// read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"

namespace wakewatch {

using FindingsByConfidence = std::array<uint64_t, static_cast<size_t>(LastOf(Confidence{})) + 1>;

struct RecordingWorst {
  FindingsByConfidence findings{};  // by Confidence; one that is carried from part to part counts once
  uint64_t excess_ns = 0;           // of the threads that the parts' summaries name
};

struct RecordingFacts {
  RecordingWorst worst;
  uint64_t lost_events = 0;   // as far as they were counted
  bool lost_unknown = false;  // some losses were not
  uint32_t cpus = 0;
  std::string collector_version;
};

// `parts`: a recording's files, oldest first. Errors: those of opening a recording.
Result<RecordingFacts> ReadFacts(const std::vector<std::string>& parts);

}  // namespace wakewatch

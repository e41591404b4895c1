// Why: a list of hosts says of each how bad its newest recording is: how sure its findings are, and the longest latency
// that a scheduler without fault would have spared a kernel thread. The tables hold both; no event is read.
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
  uint64_t excess_ns = 0;           // as of the newest summaries
};

// `parts`: a recording's files, oldest first. Errors: those of opening a recording.
Result<RecordingWorst> ReadWorst(const std::vector<std::string>& parts);

}  // namespace wakewatch

// Why: a checkpoint is a file that a crash, a full disk or another build may have left behind. It says what it is and
// carries a checksum, so that a bad one is an error, and the events are replayed, instead of a wrong report.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"

namespace wakewatch {

// To be raised with every change of a Fields list, of what a field means, or of what the model or a check does: state
// that was made by other rules is not to be gone on with.
inline constexpr uint32_t kCheckpointVersion = 5;

// The state of a run, and what it was made under: `terms` holds options and the like, in any form, and the first
// `formats` formats of the input.
struct Checkpoint {
  size_t formats = 0;
  std::vector<uint8_t> terms, state;
};

std::vector<uint8_t> SealCheckpoint(const Checkpoint& checkpoint);

// The state. Errors: kTruncated, kCorrupt (no checkpoint, or its checksum is wrong), kUnsupported (another version, or
// made under other terms than terms(formats)).
Result<Bytes> OpenCheckpoint(Bytes bytes, const std::function<std::vector<uint8_t>(size_t formats)>& terms);

}  // namespace wakewatch

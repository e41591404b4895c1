// Why: a closed part is rewritten twice in its life. Sealing joins the small chunks of live batches into large ones,
// which take half the room and are read faster; trimming keeps only what surrounds the findings. Either writes a new
// file beside the part, makes it durable and renames it over: a crash leaves the one or the other, whole. A part must
// not be rewritten by two at a time, nor be the one that a live session writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

// Joins chunks of one CPU that follow one another up to about kChunkEventsTarget events; never across a gap. Event
// numbers stay. A chunk that cannot be read is copied as it is. Does nothing to a part that is sealed. Error kIo:
// somebody reads the part's log at the moment; try again later.
Status SealPart(const std::string& path);

struct KeptSpan {
  uint64_t start_ns = 0, end_ns = 0;
};

// Keeps the chunks of events and of waits that overlap one of `spans`, and all that is no chunk. A run of chunks that
// go becomes a gap, with the gaps inside it, so that nothing is measured across.
Status TrimPart(const std::string& path, const std::vector<KeptSpan>& spans);

}  // namespace wakewatch

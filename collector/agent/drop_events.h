// Why: when the server is slow or away, events are the only thing that may be lost: what a batch says besides them is
// small, and later batches cannot be read without it. These two functions take the events out of a batch that has to
// go and leave, for each CPU, one gap that says where how many are missing.
#pragma once

#include <cstdint>
#include <map>

#include "analysis/chunk/batch.h"

namespace wakewatch {

// Time of the last event, or of the end of a gap, of each CPU in front of a batch; a CPU without one is not in it.
using LastEvents = std::map<uint32_t, uint64_t>;

uint64_t EventsOf(const Batch& batch);

// Moves *last on to what *batch holds.
void SeeEvents(const Batch& batch, LastEvents* last);

// Takes the chunks out of *batch. Each CPU that had any gets one gap in their place, which takes in the gaps between
// them: from the last event before to the batch's frontier, or to the last event that was dropped where the frontier
// is behind it. Answers with the events dropped.
uint64_t DropEvents(const LastEvents& before, Batch* batch);

// Puts what `dropped`, the batch in front of *next, says besides its events in front of what *next says. The events
// become a gap that ends with the CPU's first event in *next; where that begins with a gap, the two are one. Lists that
// would grow for as long as batches are dropped are thinned. Answers with the events dropped.
uint64_t DropInto(const LastEvents& before, Batch dropped, Batch* next);

}  // namespace wakewatch

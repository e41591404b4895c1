// Why: what the fields of probe events mean, and how they are written in evidence.
#pragma once

#include "analysis/trace/event.h"

namespace wakewatch {

// Of wake_up: nobody stands in the queue, so its list points at itself. `head` lies 8 bytes into wait_queue_head,
// behind its lock; 32 where spinlocks sleep (PREEMPT_RT). Source: include/linux/wait.h.
inline bool IsEmptyQueue(const Event::Probe& probe) {
  const uint64_t offset = probe.head - probe.object;
  return probe.head != 0 && (offset == 8 || offset == 32);
}

// Of complete and complete_all: nobody waits. The list lies 16 bytes into a completion, behind `done` and a raw lock.
// Source: include/linux/completion.h, include/linux/swait.h.
inline bool IsEmptyCompletion(const Event::Probe& probe) { return probe.head != 0 && probe.head - probe.object == 16; }

}  // namespace wakewatch

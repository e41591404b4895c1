// Why: the streaming model accounts for a wait, and for what the wait deserved, in one pass and with counters. Here the
// same is written down as it is defined: lists of what each CPU did, of the run queues a wait was on and of who waits
// at a moment, summed up wait by wait and moment by moment. It is slow, and shares nothing with the streaming model but
// the states of the tasks (SchedModel: who waits, which waits are measured), which have tests of their own.
//
// A wait deserves to run while more CPUs would give way to it than tasks of its rank or better compete for them:
//   F: the CPUs that it may run on, and that are known to be idle or to run a task of a strictly lower rank.
//   C: the other waiting tasks of its rank or better that may run on one of F, or of which it is not known where.
//   It deserves to run while |F| > |C|.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/model/delay_buckets.h"
#include "analysis/model/task.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch::slow {

// One measured wait, ns of the trace clock.
struct Account {
  WaitKind kind = WaitKind::kNone;
  int32_t pid = 0;
  uint64_t start_ns = 0, wakeup_ns = 0, in_ns = 0;
  DelayBuckets buckets;
  uint64_t deserved_ns = 0;
  bool affinity_known = false;  // at the switch to it

  uint64_t ExcessNs(uint64_t tolerance_ns) const { return deserved_ns > tolerance_ns ? deserved_ns - tolerance_ns : 0; }
};

// The measured waits of `events`, which are in merged order, by their ends.
std::vector<Account> Accounts(const TraceInput& input, std::span<const Event> events);

}  // namespace wakewatch::slow

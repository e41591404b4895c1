// Why: what the checks count besides findings: distributions with their n, and what was censored or voided, one value a
// thread, work function, softirq vector, tasklet and CPU. All times are nanoseconds of the trace clock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/base/histogram.h"
#include "analysis/model/thread_kind.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct ThreadSummary {
  int32_t pid = 0;
  uint64_t first_seen_ns = 0;  // tells two users of one pid apart
  std::string comm;
  ThreadKind kind = ThreadKind::kUser;
  KindSource kind_source = KindSource::kName;
  uint64_t wakeups = 0;
  Histogram wakeup_latency_ns, delivery_ns, runqueue_ns, preempted_ns;
  uint64_t on_cpu_ns = 0;
  uint64_t censored = 0;  // waits still open when the trace ended
  uint64_t voided = 0;    // waits given up because a gap or a contradiction touched them
};

struct WorkSummary {
  std::string function;
  Histogram queue_to_start_ns, run_ns;
  uint64_t censored = 0, voided = 0;
  uint64_t unmatched = 0;  // executions whose queueing was not seen (flush barriers, before the trace)
};

struct SoftirqSummary {
  std::string vector;
  Histogram raise_to_entry_ns;
  uint64_t in_ksoftirqd = 0;  // entries that ran in ksoftirqd
  uint64_t entries = 0, censored = 0, voided = 0;
};

struct TaskletSummary {
  std::string function;
  Histogram raise_to_entry_ns, run_ns;
};

struct CpuSummary {
  uint32_t cpu = 0;
  uint64_t first_ns = 0, last_ns = 0, events = 0, gaps = 0;
  uint64_t lost = 0;          // events, as far as they were counted
  bool lost_unknown = false;  // at least one gap has no count
  CpuStats stats;             // the kernel's own account when known
  bool have_stats = false;
  static void Fields(auto& self, auto& archive) {  // of events and gaps: the kernel's account is the input's
    archive(self.first_ns, self.last_ns, self.events, self.gaps, self.lost, self.lost_unknown);
  }
};

struct Undecidable {
  std::string cls;
  uint64_t sleeps = 0;
  std::vector<std::string> needs;
};

// What the checks hand over when a trace ends.
struct Summaries {
  std::vector<ThreadSummary> threads;
  std::vector<WorkSummary> work;
  std::vector<SoftirqSummary> softirq;
  std::vector<TaskletSummary> tasklets;
  std::vector<Undecidable> undecidable;
  AnomalyCounts anomalies;
};

}  // namespace wakewatch

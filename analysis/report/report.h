// Why: the answer of `wakewatch report`, as plain values. Filled by the engine, written as text, JSON or CSV here,
// stored in a recording's summary tables by the store, and later sent by the API: one shape for all of them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/checks/finding.h"
#include "analysis/checks/summary.h"
#include "analysis/chunk/batch.h"

namespace wakewatch {

struct Report {
  std::string path, input_kind, kernel, clock, hostname, buffer;
  uint32_t cpus = 0;
  uint64_t start_ns = 0, end_ns = 0;                // first and last event
  uint64_t window_start_ns = 0, window_end_ns = 0;  // the span that every CPU with events covers
  uint64_t skew_ns = 0;                             // ε between CPUs, from waking/wakeup pairs
  uint64_t skew_pairs = 0;                          // n behind skew_ns
  uint64_t events = 0;
  std::map<std::string, uint64_t> events_by_type;
  uint64_t lost_events = 0;
  bool lost_unknown = false;
  std::vector<GapRecord> gaps;  // of a live run the newest; per_cpu counts all
  std::vector<CpuSummary> per_cpu;
  std::vector<ThreadSummary> threads;  // all tasks; writers leave user tasks out unless asked
  std::vector<WorkSummary> work;
  std::vector<SoftirqSummary> softirq;
  std::vector<TaskletSummary> tasklets;
  std::vector<Undecidable> undecidable;
  std::vector<ObligationSummary> obligations;
  std::vector<RuleSummary> rules;  // the scheduler model's, in their order
  LifecycleSummary lifecycle;
  std::vector<Finding> findings;  // by start_ns
  AnomalyCounts anomalies;

  bool HasGaps() const { return !gaps.empty(); }
};

}  // namespace wakewatch

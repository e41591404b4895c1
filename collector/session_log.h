// Why: what a batch says besides its events: who recorded, on which machine, which tasks and CPUs there are, what the
// kernel counted as lost, how the trace clock maps to wall time. Each has its own pace; this decides what is due.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "collector/kthread_inventory.h"
#include "collector/topology.h"
#include "collector/trace_clock.h"

namespace wakewatch {

// Host name, boot id, a fresh session id, kernel release. Errors: /proc/sys/kernel/random cannot be read.
Result<SessionInfo> DescribeSession(const TraceClock& clock, uint32_t cpus);

class SessionLog {
 public:
  // KthreadInventory::Scan, of an inventory that the caller keeps.
  using ScanThreads = std::function<std::vector<ThreadInfo>(KthreadInventory::Depth, uint64_t now_ns)>;

  SessionLog(TraceClock clock, Topology topology, ScanThreads scan_threads)
      : clock_(clock), topology_(std::move(topology)), scan_threads_(std::move(scan_threads)) {}

  // Inventory, topology and a clock pair of the first batch. Taken before tracing starts, so that reading all of /proc
  // does not fall into the recording.
  void Begin();
  // Adds to *batch what is due `now_ns` (trace clock), given the CPUs that are online; everything that is pending in
  // the first and in the `last` batch.
  void AddDue(uint64_t now_ns, const std::vector<uint32_t>& online, bool last, Batch* batch);
  // True when per-CPU statistics are due; the caller reads them, since they concern loss.
  bool StatsDue(uint64_t now_ns);

 private:
  void AddThreads(uint64_t now_ns, bool last);

  TraceClock clock_;
  Topology topology_;
  ScanThreads scan_threads_;
  std::vector<ThreadInfo> threads_;
  std::vector<CpuInfo> cpus_;
  std::vector<ClockPair> clock_pairs_;
  uint64_t next_new_ns_ = 0, next_kernel_ns_ = 0, next_pair_ns_ = 0, next_stats_ns_ = 0;
};

}  // namespace wakewatch

// Why: of all that a recording takes, little needs privileges: an instance of tracefs, probes, and a look into /proc.
// This is that little, narrow enough to be served by another process (collector/broker), so that what talks to the
// network has no privileges at all. In the process itself it is LocalAccess.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"
#include "collector/descriptor.h"
#include "collector/event_profiles.h"
#include "collector/kthread_inventory.h"
#include "collector/probe_placement.h"
#include "collector/task_snapshot.h"
#include "collector/tracefs_session.h"

namespace wakewatch {

struct InstanceWish {
  BufferSettings buffers;
  bool probes = false;         // place them too
  uint64_t probe_cost_ns = 0;  // of a hit; 0: to be measured
};

struct InstanceSetup {
  std::string clock;  // a name that TraceClock knows
  uint32_t subbuffer_bytes = 0;
  uint64_t buffer_bytes_per_cpu = 0;
  std::vector<uint32_t> cpus;  // that have a buffer, in order
  bool has_probes = false;     // this kernel takes some
  PlacedProbes probes;
  std::string evidence;             // why it takes none
  std::vector<LeftOver> left_over;  // by collectors that were killed
  Warnings warnings;
  static void Fields(auto& self, auto& archive) {
    archive(self.clock, self.subbuffer_bytes, self.buffer_bytes_per_cpu, self.cpus, self.has_probes, self.probes,
            self.evidence, self.left_over, self.warnings);
  }
};

// One instance, prepared once; nothing that concerns it works before. Snapshot and RaisePriority may be
// called while another thread is in any of the others. Errors are those of the files behind it, and kInterrupted when
// who serves it is gone.
class KernelAccess {
 public:
  virtual ~KernelAccess() = default;

  // Reaps what dead collectors left, makes the instance, configures it, places probes; it is stopped and empty.
  virtual Result<InstanceSetup> Prepare(const InstanceWish& wish) = 0;
  virtual Result<EventSelection> Select(const std::vector<std::string>& wanted) = 0;
  // See ReadEventFile in event_formats.h.
  virtual Result<std::string> EventFile(const std::string& file) = 0;
  // Those of `events` ("system/name") that are on now; the others are named in a warning. An error when none is.
  virtual Result<std::vector<std::string>> Enable(const std::vector<std::string>& events, Warnings* warnings) = 0;
  virtual Status SetEvent(const std::string& event, bool on) = 0;
  virtual Status SetTracing(bool on) = 0;
  virtual Result<Descriptor> OpenPipe(uint32_t cpu) = 0;  // trace_pipe_raw; reads do not block
  virtual Result<CpuStats> ReadStats(uint32_t cpu) = 0;
  virtual ProbeHitsByName ProbeHits() = 0;
  // All of /proc by one inventory; see KthreadInventory::Scan.
  virtual std::vector<ThreadInfo> ScanThreads(KthreadInventory::Depth depth, uint64_t now_ns) = 0;
  virtual TaskSnapshot Snapshot(uint64_t request_id, int32_t pid, uint64_t trace_now_ns) = 0;
  virtual Result<Descriptor> OpenSymbols() = 0;  // kallsyms, as who serves it may see it
  // Lets a thread of this process be served before the load that it records.
  virtual Status RaisePriority(int32_t tid) = 0;
  // An error when who serves it is gone. Takes no time.
  virtual Status Check() = 0;
  // Removes the instance and the probes; the pipes must be closed. Answers with what could not be removed. May be
  // called again.
  virtual Warnings Remove() = 0;
};

}  // namespace wakewatch

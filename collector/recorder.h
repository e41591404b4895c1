// Why: the collector as a library: a private tracefs instance in, batches out. `wakewatch record` writes them to a
// file, the agent sends them. It changes nothing outside its own instance, but for the definitions of its probes (see
// probe_set.h), and removes both when it ends.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "collector/probe_limits.h"

namespace wakewatch {

enum class EvidenceLevel {
  kTracepoints,  // the kernel's own events
  kDeep,         // and probes, where the kernel takes them: what a tracepoint cannot show
};

struct RecorderOptions {
  std::string tracefs = {};  // empty: found among the mounts, mounted at /sys/kernel/tracing if there is none
  // Our instances are <prefix>-<pid>-<start ticks>; those of dead processes are ours to reap.
  std::string instance_prefix = "wakewatch";
  std::string host = {};             // in the session; empty: this machine's name
  std::string profile = "standard";  // see EventProfiles()
  // Begin with a gap where a recorder of this prefix was killed: a host's stream goes on in this recording.
  bool continues_after_kill = false;
  // ChangeProfile will be used: the formats of all profiles travel in the first batch.
  bool changeable_profile = false;
  std::vector<std::string> extra_events = {};  // "sched/sched_stat_runtime"
  EvidenceLevel evidence = EvidenceLevel::kTracepoints;
  ProbeLimitOptions probe_limits = {};
  uint32_t buffer_kb_per_cpu = 8192;
  uint32_t subbuffer_kb = 64;  // used where the kernel has buffer_subbuf_size_kb (6.8+)
  std::chrono::milliseconds batch_span{500};
  size_t batch_bytes_max = 8u << 20;
  size_t read_ahead_bytes = 32u << 20;   // pages that may wait to be encoded, two buffers a CPU at least
  uint32_t chunk_events_max = 1u << 16;  // a CPU's encoder keeps some 190 bytes for each
  int compression = 1;                   // zstd level of the chunks
};

struct EventProfile {
  std::string name, description;
  std::vector<std::string> events;  // "system/name" or "system" for all of a system; missing ones are skipped and named
};
std::vector<EventProfile> EventProfiles();

struct ProbeState {
  std::string name;  // "ttwu"
  bool on = false;
  std::string cause;    // why it is not on
  uint64_t events = 0;  // read
  // Calls it did not see because they came in an interrupt of a probe's handler: the kernel runs none within another.
  // Calls from task context are never missed, so what a task did not do may be concluded.
  uint64_t missed = 0;
  uint64_t switched_off = 0;  // times, while recording
};

struct RecorderTotals {
  uint64_t events = 0, bytes_read = 0, batches = 0, lost = 0, gaps = 0;
  // What EvidenceLevel::kDeep came to: "deep: 21 of 23 probes; without complete, complete_all"; else empty.
  std::string evidence;
  std::vector<ProbeState> probes;
  std::vector<std::string> warnings;  // EPERM on optional files, events this kernel does not have, …
};

class KernelAccess;

class Recorder {
 public:
  // Prepares the instance (mounting tracefs if needed, reaping left-overs), does not start recording. Errors say which
  // file, why, and what to do: kPermission (not root, read-only tracefs), kNotFound (no tracefs in this kernel).
  static Result<std::unique_ptr<Recorder>> Create(const RecorderOptions& options);
  // As the above, by way of `access`, which was not used yet and must outlive the recorder: `tracefs` and
  // `instance_prefix` of the options do not count.
  static Result<std::unique_ptr<Recorder>> Create(const RecorderOptions& options, KernelAccess* access);
  virtual ~Recorder() = default;  // stops and removes the instance

  virtual const RecorderOptions& options() const = 0;
  // Records until `stop` is true or `duration` has passed (zero: no limit), handing each batch to `sink` on the calling
  // thread. A sink error ends the recording and is returned; the instance is still drained and removed.
  virtual Status Run(std::chrono::nanoseconds duration, const std::atomic<bool>& stop,
                     const std::function<Status(Batch&&)>& sink) = 0;
  virtual const RecorderTotals& totals() const = 0;
  // From any thread, also from within `sink`: soon, the events of profile `name` are recorded and no others, and a
  // batch says so, with `reason`. The last word counts. Errors: kInvalidArgument (no such profile, or not a changeable
  // one).
  virtual Status ChangeProfile(const std::string& name, const std::string& reason) = 0;
  // From any thread, also from within `sink`: soon, no probe is recorded, until it is called with an empty `reason`.
  virtual void PauseProbes(const std::string& reason) = 0;
};

}  // namespace wakewatch

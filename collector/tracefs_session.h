// Why: the collector's footprint in the kernel is one tracefs instance of its own. It is made, configured and removed
// here, and nothing outside it is written, so that other tracers on the machine do not notice. Source:
// Documentation/trace/ftrace.rst ("Instances"), kernel/trace/trace.c, kernel/trace/ring_buffer.c.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"
#include "collector/descriptor.h"
#include "collector/trace_clock.h"

namespace wakewatch {

using Warnings = std::vector<std::string>;

// The folder of the tracing file system. `wanted` wins when it is not empty; else a mounted tracefs, else the one below
// a mounted debugfs, else tracefs is mounted at /sys/kernel/tracing (and stays mounted: others may use it by the time
// we end). Errors: kNotFound (no tracefs in this kernel, or `wanted` is not one), kPermission (may not mount it).
Result<std::string> FindTracefs(const std::string& wanted, Warnings* warnings);
// The mount point to use according to the text of /proc/mounts; empty when there is none.
std::string TracefsAmongMounts(std::string_view mounts);

// Names of instances say who owns them: "<prefix>-<pid>-<start ticks>", with "-<n>" behind for further ones of a
// process.
struct InstanceOwner {
  int32_t pid = 0;
  uint64_t start_ticks = 0;
};
// This process.
Result<InstanceOwner> ThisProcess();
std::string InstanceName(const std::string& prefix, InstanceOwner owner, unsigned n);
std::optional<InstanceOwner> ParseInstanceName(const std::string& prefix, std::string_view name);

// What the buffer of a CPU holds that nobody will read.
struct LeftOver {
  uint32_t cpu = 0;
  uint64_t unread = 0;  // events
  // Or dropped, or freed, since the instance was made: some of them its own recording may have counted.
  uint64_t overwritten = 0;
  static void Fields(auto& self, auto& archive) { archive(self.cpu, self.unread, self.overwritten); }
};
// Of the CPUs that have any, in order.
std::vector<LeftOver> ReadLeftOver(const std::string& instance);
// "12 events were never read (CPU 0: 9, CPU 3: 3) and 5 were overwritten or freed"
std::string TextOf(const std::vector<LeftOver>& left);

// Removes instances of ours whose process is gone. What they still held is not read: it is counted, named in a warning,
// and added to *left, where that is wanted. An instance that is in use (also by a process of another pid namespace,
// which looks dead from here) is left as it is: the kernel refuses to remove one whose files are open.
void ReapInstances(const std::string& tracefs, const std::string& prefix, const std::string& proc, Warnings* warnings,
                   std::vector<LeftOver>* left = nullptr);

struct BufferSettings {
  uint32_t buffer_kb_per_cpu = 8192;
  uint32_t subbuffer_kb = 64;
};
struct BufferSetup {
  TraceClock clock;
  uint32_t subbuffer_bytes = 4096;  // what one read of trace_pipe_raw gives
  uint64_t buffer_bytes_per_cpu = 0;
};
// Sets sub-buffer size, buffer size, clock, poll threshold and overwrite mode of the new instance at `path`, and stops
// it.
Result<BufferSetup> ConfigureBuffers(const std::string& path, const BufferSettings& settings, Warnings* warnings);

// Text of per_cpu/cpuN/stats. None when a counter that we rely on is missing.
std::optional<CpuStats> ParseCpuStats(uint32_t cpu, std::string_view text);

class TracefsSession {
 public:
  // Reaps left-overs, as ReapInstances, and makes the instance. Nothing is recorded yet. `owner` is in its name; none:
  // this process.
  static Result<std::unique_ptr<TracefsSession>> Create(const std::string& tracefs, const std::string& prefix,
                                                        Warnings* warnings, std::optional<InstanceOwner> owner = {},
                                                        std::vector<LeftOver>* left = nullptr);
  // Stops and removes the instance, if Remove has not done so.
  ~TracefsSession();
  TracefsSession(const TracefsSession&) = delete;
  TracefsSession& operator=(const TracefsSession&) = delete;

  const std::string& path() const { return path_; }
  std::string events_folder() const { return path_ + "/events"; }
  // Turns events ("system/name") on and answers with those that are on; the others are named in a warning. An error
  // when none is.
  Result<std::vector<std::string>> EnableEvents(const std::vector<std::string>& events, Warnings* warnings);
  // Turns one event on or off, also while recording.
  Status SetEvent(const std::string& event, bool on);
  Status Start();
  Status Stop();
  // Stops and removes the instance. Descriptors of its files must be closed by then. An error (somebody else reads from
  // it) leaves it to the next start to be reaped.
  Status Remove();
  // CPUs that have a buffer, in order.
  Result<std::vector<uint32_t>> Cpus() const;
  Result<CpuStats> ReadStats(uint32_t cpu) const;

 private:
  explicit TracefsSession(std::string path);

  std::string path_;
  // While it is open the instance is ours. When the kernel closes it, because this process was killed, it stops the
  // recording and frees the buffers: nothing but an empty instance is left until the next start.
  Descriptor free_buffer_;
  bool removed_ = false;
};

}  // namespace wakewatch

// Why: the one door behind which all inputs look alike. A TraceInput is what a file (or a recording) says about itself;
// a CpuReader hands out one CPU's events in order, block by block, so that memory does not grow with the trace.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/base/result.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/symbols.h"

namespace wakewatch {

// A run of one CPU's events. `storage` holds the records when the input's own memory does not (decompressed, rebuilt).
struct EventBlock {
  std::vector<Event> events;      // non-decreasing ts_ns; a kGap event stands where knowledge ends
  std::vector<uint8_t> storage;   // do not resize once events point into it
  void Clear() {
    events.clear();
    storage.clear();
  }
};

class CpuReader {
 public:
  virtual ~CpuReader() = default;
  // Clears *block and fills it with the next events, about `target` of them. False: the CPU's events are over and the
  // block is empty. The block's records stay valid until it is filled again (by any reader).
  virtual Result<bool> Fill(EventBlock* block, size_t target) = 0;
  virtual uint32_t cpu() const = 0;
  // What was odd so far; read it when Fill has answered false.
  virtual const AnomalyCounts& anomalies() const = 0;
};

// The kernel's own per-CPU account (per_cpu/cpuN/stats). Event counts since the buffer was created.
struct CpuStats {
  uint32_t cpu = 0;
  uint64_t entries = 0, overrun = 0, commit_overrun = 0, dropped = 0, read = 0;
};

struct ClockPair {
  uint64_t trace_ns, real_ns;  // the same instant on the trace clock and on CLOCK_REALTIME
};

// A task known from /proc at recording time (or from saved_cmdlines: then only pid and comm are set).
struct ThreadInfo {
  int32_t pid = 0;
  std::string comm;
  uint64_t start_ticks = 0;          // /proc/PID/stat field 22, clock ticks since boot; 0: unknown
  uint64_t first_seen_ns = 0;        // trace clock
  uint32_t flags = 0;                // PF_* of field 9; 0: unknown
  int32_t parent_pid = -1;
  std::string affinity;              // CPU list, "0-3,8"; empty: unknown
  int32_t policy = -1;               // SCHED_*; -1: unknown
  int32_t rt_priority = 0;
  bool from_inventory = false;       // flags, affinity, policy were read from /proc
};

struct TraceMetadata {
  std::string path;
  std::string input_kind;            // "trace.dat v7", "raw pages", "recording"
  std::string kernel;                // release; empty when the input does not say
  std::string clock;                 // "mono", "local"; empty when the input does not say
  std::string hostname;
  uint32_t cpus = 0;                 // CPUs of the machine when known, else the number of streams
  std::vector<std::string> buffers;  // names of all buffers with events; "" is the main one
  std::string buffer;                // the one these readers read
  std::vector<CpuStats> stats;
  std::vector<ClockPair> clock_pairs;
  std::map<int32_t, ThreadInfo> threads;  // by pid
  AnomalyCounts anomalies;           // of opening; readers have their own
};

class TraceInput {
 public:
  virtual ~TraceInput() = default;
  const TraceMetadata& metadata() const { return metadata_; }
  const FormatTable& formats() const { return formats_; }
  const SymbolTable& symbols() const { return symbols_; }
  // Readers for every CPU that has a stream, in CPU order. They borrow from this object. May be called again: each call
  // starts from the beginning.
  virtual Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const = 0;

 protected:
  TraceMetadata metadata_;
  FormatTable formats_;
  SymbolTable symbols_;
};

struct OpenOptions {
  std::optional<std::string> buffer;  // a named instance buffer; none: the main one, or the first that has events
};

}  // namespace wakewatch

// Why: the one door behind which all inputs look alike. A TraceInput is what a file (or a recording) says about itself;
// a CpuReader hands out one CPU's events in order, block by block, so that memory does not grow with the trace.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/base/result.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/symbols.h"
#include "analysis/trace/thread_infos.h"

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
  bool loss_marked = false;          // every loss is a gap: `stats` then say nothing about the events
  std::vector<ClockPair> clock_pairs;
  ThreadInfos threads;
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

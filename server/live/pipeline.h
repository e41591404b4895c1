// Why: the way from an input to a report, as every command takes it: readers, decoding ahead on a second thread,
// merging and the engine on the caller's. Memory holds a fixed number of blocks, however long the trace is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/engine.h"
#include "analysis/report/report.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct PipelineOptions {
  // Ends the work early and in order once it is true: the report is about what was seen until then.
  const std::atomic<bool>* stop = nullptr;
  // Called now and then, on the calling thread, with the events so far.
  std::function<void(uint64_t events)> progress = {};
  unsigned cores = 0;       // 1: decode in line; 0: as many as this process may use
  size_t block_events = 0;  // of one CPU at a time; 0: what suits their number
};

// Errors: an unknown check name, and the first error of any reader.
Result<Report> AnalyseTrace(const TraceInput& input, const EngineOptions& options, const PipelineOptions& pipeline);

// The step inside it: pushes what the readers hold into `engine`, in merged order. When it returns, no other thread
// uses the readers.
Status PushAll(std::span<CpuReader* const> readers, const PipelineOptions& pipeline, Engine* engine);

// Block size for that many CPUs, so that all blocks together take about as much memory with two CPUs as with hundreds.
size_t BlockEventsFor(size_t cpus);

}  // namespace wakewatch

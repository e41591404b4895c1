// Why: the pipeline's last step, pure and single-threaded: merged events in, a Report out. The offline report, the
// import and the live server all push events through this one object, which is why they agree. A live run goes on for
// days: it takes findings as they come, asks for snapshots, saves its state now and then, and is restored from it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/checks/check.h"
#include "analysis/report/report.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct EngineOptions : CheckOptions {
  std::vector<std::string> checks;  // names of the checks whose findings are kept; empty: all
  size_t findings_max = 100'000;  // of kernel threads, and as many of user tasks; more, not yet taken, are counted only
  // A run without an end: dead tasks are retired (their rows leave the report, which counts them), and of the gaps the
  // newest are kept. Findings are the same either way.
  bool live = false;
};

class Engine {
 public:
  // Borrows `input`'s metadata, formats and symbols for its lifetime. Between two events they may grow: formats and
  // symbols before the first event that needs them, threads at any time. Error: an unknown check name.
  static Result<std::unique_ptr<Engine>> Create(const TraceInput& input, const EngineOptions& options);
  // An engine that goes on where Save left off. `input` has the formats that it had then, in the same order, and
  // perhaps more behind them. Errors: kCorrupt, kTruncated; kUnsupported for a checkpoint of another version, other
  // options (on_wait is not compared) or another input. All of them mean: replay the events from their start.
  static Result<std::unique_ptr<Engine>> Restore(const TraceInput& input, const EngineOptions& options,
                                                 Bytes checkpoint);
  virtual ~Engine() = default;

  // Events in merged order, kGap events among them.
  virtual void Push(const Event& event) = 0;
  // Ends the trace: what is open is censored. `readers` is what the CPU readers counted. Findings that were taken are
  // no part of it. Call once, and nothing after it.
  virtual Report Finish(const AnomalyCounts& readers) = 0;
  // What Finish would say now, less all findings; changes nothing. Obligations that Finish would end are open in it.
  virtual Report Snapshot(const AnomalyCounts& readers) const = 0;
  // The findings made since the last call, by start.
  virtual std::vector<Finding> TakeFindings() = 0;
  // Everything that Restore needs, findings that were not taken included.
  virtual std::vector<uint8_t> Save() const = 0;
};

}  // namespace wakewatch

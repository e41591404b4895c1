// Why: the pipeline's last step, pure and single-threaded: merged events in, a Report out. The offline report, the
// import and the live server all push events through this one object, which is why they agree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/check.h"
#include "analysis/report/report.h"
#include "analysis/trace/event.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

struct EngineOptions : CheckOptions {
  std::vector<std::string> checks;  // names of the checks whose findings are kept; empty: all
  size_t findings_max = 100'000;    // more are counted, not kept
};

class Engine {
 public:
  // Borrows `input`'s metadata, formats and symbols for its lifetime. Error: an unknown check name.
  static Result<std::unique_ptr<Engine>> Create(const TraceInput& input, const EngineOptions& options);
  virtual ~Engine() = default;

  // Events in merged order, kGap events among them.
  virtual void Push(const Event& event) = 0;
  // Ends the trace: what is open is censored. `readers` is what the CPU readers counted. Call once.
  virtual Report Finish(const AnomalyCounts& readers) = 0;
};

}  // namespace wakewatch

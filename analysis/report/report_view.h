// Why: a report is looked at in four ways: whole, its latencies, its findings, the scheduler's rules. The command line
// and the server write them by this one writer, so that an answer is the same bytes whichever of them gave it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "analysis/checks/measured_wait.h"
#include "analysis/report/output_format.h"
#include "analysis/report/report.h"

namespace wakewatch {

enum class ReportView { kReport, kLatency, kFindings, kModel };

struct ViewOptions {
  ReportView view = ReportView::kReport;
  OutputFormat format = OutputFormat::kText;
  bool all_threads = false;  // user tasks too
  size_t rows_max = 0;       // of each table of the text; 0: all
  size_t groups_max = 0;     // of findings in the text; 0: all
  bool grouped = false;      // findings: one row a group, in every format
};

class ViewWriter {
 public:
  // `write` gets the text in pieces.
  ViewWriter(const ViewOptions& options, std::function<void(std::string_view)> write)
      : options_(options), write_(std::move(write)) {}

  // Add is to be called for every wait that was measured, in front of Finish: latencies as JSON name each of them.
  bool wants_wakeups() const;
  void Add(const MeasuredWait& wait);
  void Finish(const Report& report);

 private:
  void FinishLatency(const Report& report);
  void FinishFindings(const Report& report);
  void FinishGroups(const Report& report);
  void FinishModel(const Report& report);

  const ViewOptions options_;
  const std::function<void(std::string_view)> write_;
  uint64_t wakeups_ = 0;
};

// Something is missing from what the report is about: lost events, gaps, input that ended early.
bool Incomplete(const Report& report);
// Of the findings; none: there are no findings.
std::optional<Confidence> BestConfidence(const Report& report);

}  // namespace wakewatch

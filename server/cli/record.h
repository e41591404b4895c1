// Why: `wakewatch record`: this machine's events into a recording, then the report on it. Ends after --duration, when
// COMMAND exits, or with Ctrl-C; whatever ends it, what was recorded is in the file and readable.
#pragma once

#include "collector/recorder.h"
#include "server/cli/analysis_options.h"
#include "server/cli/child_command.h"
#include "server/cli/verb.h"
#include "server/store/recording.h"

namespace wakewatch {

class RecordVerb : public Verb {
 public:
  explicit RecordVerb(CommandLine* line);
  ExitCode Run() override;

 private:
  void DefineProbes();
  RecorderOptions MakeOptions() const;
  // Events into `writer` until the end; an error also when nothing is wrong with what was stored so far.
  Status Record(Recorder* recorder, RecordingWriter* writer, ChildCommand* command) const;
  // Analyses what is in the file and stores the report there.
  Result<Report> Analyse(RecordingWriter* writer) const;
  void SayTotals(const RecorderTotals& totals) const;

  ThresholdOptions thresholds_;
  FormatOption format_;
  FailOnOption fail_on_;
  std::string output_ = "wakewatch.db";
  std::string duration_ = "0";
  std::string profile_ = "standard";
  std::string evidence_ = "tracepoints";
  uint64_t probe_rate_max_, probe_cpu_max_ = 10;  // events a second; percent of a CPU
  std::string tracefs_;
  std::vector<std::string> events_, command_;
  uint64_t buffer_kb_;  // KiB
  uint64_t rows_ = 20;
  bool force_ = false, all_ = false, no_report_ = false;
};

}  // namespace wakewatch

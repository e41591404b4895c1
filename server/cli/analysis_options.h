// Why: report, latency, findings and import analyse a trace alike, so they share the flags that say which trace, which
// part of it and what counts as late.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/engine.h"
#include "analysis/report/report.h"
#include "analysis/report/report_filter.h"
#include "analysis/trace/reader.h"
#include "server/cli/command_line.h"
#include "server/cli/remote.h"

namespace wakewatch {

// --latency-threshold, --sleep-threshold, --hung-threshold, --conservation-span, --dispatch-tolerance.
class ThresholdOptions {
 public:
  explicit ThresholdOptions(VerbOptions* options);
  void Fill(EngineOptions* options) const;
  // Leaves out those that have their default, since the server has analysed with it.
  void Fill(RemoteView* view) const;

 private:
  std::string latency_ = "5ms", sleep_ = "100ms", hung_ = "120s", conservation_ = "50ms", tolerance_ = "100us";
};

// FILE (or -i FILE) and --buffer.
class InputOption {
 public:
  explicit InputOption(VerbOptions* options, bool required = true);
  const std::string& path() const { return path_; }
  // Opens a trace of any listed format, or a recording.
  Result<std::unique_ptr<TraceInput>> Open() const;

 private:
  std::string path_, buffer_;
};

// --server. With it a file argument names a host and perhaps one of its recordings.
class ServerOption {
 public:
  explicit ServerOption(VerbOptions* options, const std::string& help =
                                                  "Ask this server; FILE is then a host, or "
                                                  "HOST/RECORDING");
  // HOST:PORT; empty: none.
  const std::string& server() const { return remote_.address; }
  const RemoteServer& remote() const { return remote_; }

 private:
  RemoteServer remote_;
};

// --since, --until; with a prefix "before-" they are --before-since, --before-until.
class SpanOptions {
 public:
  explicit SpanOptions(VerbOptions* options, const std::string& prefix = "");
  bool given() const { return !since_.empty() || !until_.empty(); }
  // Errors: kInvalidArgument, for a wall time on an input that has no clock pairs, or an end before its begin.
  Status Fill(const TraceMetadata& metadata, EngineOptions* options) const;
  // The same for a server, which knows the clocks. Both must be of one clock.
  Status Fill(RemoteView* view) const;

 private:
  const std::string since_name_, until_name_;
  std::string since_, until_;
};

// --task, --cpu, --check, --class, --confidence, --all: what of the answer is shown.
class FilterOptions {
 public:
  explicit FilterOptions(VerbOptions* options);
  // User tasks are shown: asked for by --all, or by a --task that names them.
  bool all_threads() const { return all_ || !tasks_.empty(); }
  ReportFilter filter() const;

 private:
  std::vector<std::string> tasks_, checks_, classes_;
  std::string cpus_, confidence_;
  bool all_ = false;
};

// --fail-on.
class FailOnOption {
 public:
  explicit FailOnOption(VerbOptions* options);
  std::optional<Confidence> level() const;

 private:
  std::string level_;
};

// All of the above together, and the analysis behind them.
class AnalysisOptions {
 public:
  explicit AnalysisOptions(VerbOptions* options, bool file_required = true);
  // A trace, recording or host was named.
  bool has_file() const { return !input_.path().empty(); }
  // Opens, analyses with progress on a terminal, and applies the filter. Errors as those of the parts; kInterrupted.
  // `on_wait` sees every measured wait that the filter shows, while the analysis goes on.
  Result<Report> Analyse(const std::function<void(const MeasuredWait&)>& on_wait = {}) const;
  // The server to be asked instead; empty: none.
  const std::string& server() const { return server_.server(); }
  const RemoteServer& remote() const { return server_.remote(); }
  // What it is to be asked.
  Result<RemoteView> MakeRemoteView(const ViewOptions& view) const;
  bool all_threads() const { return filter_.all_threads(); }

 private:
  InputOption input_;
  ServerOption server_;
  SpanOptions span_;
  FilterOptions filter_;
  ThresholdOptions thresholds_;
};

}  // namespace wakewatch

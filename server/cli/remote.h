// Why: `--server HOST:PORT` asks a server instead of reading a file. gRPC stays behind this header.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/chain_view.h"
#include "analysis/report/compare.h"
#include "analysis/report/report_filter.h"
#include "analysis/report/report_view.h"
#include "proto/wire/client_channel.h"
#include "server/cli/listing.h"
#include "server/live/protocol_checks.h"
#include "server/store/query.h"

namespace wakewatch {

struct RemoteServer {
  std::string address;  // "HOST:PORT"
  ServerAccess access;
};

// "HOST" or "HOST/RECORDING", as a file argument beside --server.
struct RemoteRecording {
  std::string host, recording;
};
Result<RemoteRecording> ParseRemoteRecording(const std::string& text);

struct RemoteView {
  RemoteRecording recording;
  ViewOptions view;
  ReportFilter filter;
  uint64_t since_ns = 0, until_ns = 0;  // 0, 0: all
  bool real_time = false;               // the two are of the wall clock
  // 0: those that the server analyses with.
  uint64_t latency_threshold_ns = 0, sleep_threshold_ns = 0, hung_threshold_ns = 0;
  uint64_t conservation_span_ns = 0, dispatch_tolerance_ns = 0;
};
struct RemoteEnd {
  bool incomplete = false;
  std::optional<Confidence> best;
};
// Hands the view's text to `write` in pieces, until it answers false. Errors: kIo (no server there), and what the
// server says.
Result<RemoteEnd> RenderRemotely(const RemoteServer& server, const RemoteView& view,
                                 const std::function<bool(std::string_view)>& write);

// As RecordingQuery::Run.
Result<QueryEnd> QueryRemotely(const RemoteServer& server, const RemoteRecording& recording, const std::string& sql,
                               const QueryLimits& limits,
                               const std::function<void(const std::vector<std::string>&)>& on_columns,
                               const std::function<bool(const std::vector<SqlValue>&)>& on_row);

// As FindChain. Of `view` the recording and the span count.
Result<ChainAnswer> FindChainRemotely(const RemoteServer& server, const RemoteView& view, const std::string& task);

// As Compare. Of the views the recordings and the spans count.
Result<Comparison> CompareRemotely(const RemoteServer& server, const RemoteView& before, const RemoteView& after,
                                   bool user_tasks);

// What `wakewatch list hosts` and `list recordings` show.
Result<Listing> ListHostsRemotely(const RemoteServer& server);
Result<Listing> ListRecordingsRemotely(const RemoteServer& server, const std::string& host);
// And `wakewatch list protocols`, with the verdicts that the server has by now.
Result<Listing> ListProtocolsRemotely(const RemoteServer& server);

// As RunCheck, within the server's limits. `text` may be empty: then it is the server's own protocol `name`. Ends when
// `stop` becomes true (kInterrupted).
Result<TimedCheck> CheckRemotely(const RemoteServer& server, const std::string& text, const std::string& name,
                                 const CheckWish& wish, const std::atomic<bool>& stop);
// The text of a protocol that the server ships with.
Result<std::string> ShowProtocolRemotely(const RemoteServer& server, const std::string& name);

}  // namespace wakewatch

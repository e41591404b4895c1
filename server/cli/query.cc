#include "server/cli/query.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "server/cli/diagnostics.h"
#include "server/cli/interrupt.h"
#include "server/cli/query_writer.h"
#include "server/cli/values.h"
#include "server/store/recording.h"
#include "server/store/session_store.h"

namespace wakewatch {

QueryVerb::QueryVerb(CommandLine* line)
    : Verb(line->AddVerb("query", "Run one read-only SQL statement over a recording")),
      server_(options()),
      format_(options(), {"text", "json", "csv", "ndjson"}) {
  options()->Text({.names = "-i,--input,file", .help = "A recording", .type = "FILE", .required = true}, &path_);
  options()->Text({.names = "sql", .help = "One SELECT", .type = "SQL", .required = true}, &sql_);
  options()->Text(
      {.names = "--deadline", .help = "Give up after this long", .type = "DURATION", .check = CheckedBy(ParseDuration)},
      &deadline_);
  options()->Number({.names = "--max-rows", .help = "Stop after this many rows", .type = "N"}, &rows_max_);
  options()->Examples({"wakewatch query rec.db \"select name from sqlite_master\"",
                       "wakewatch query rec.db \"select next_comm, count(*) from sched_switch group by 1 order by 2 "
                       "desc\" --format csv"});
}

Result<QueryEnd> QueryVerb::Ask(const QueryLimits& limits,
                                const std::function<void(const std::vector<std::string>&)>& on_columns,
                                const std::function<bool(const std::vector<SqlValue>&)>& on_row) const {
  if (!server_.server().empty()) {
    const auto recording = ParseRemoteRecording(path_);
    if (!recording) return Fail(recording.error());
    return QueryRemotely(server_.remote(), *recording, sql_, limits, on_columns, on_row);
  }
  const std::vector<std::string> parts = Parts(path_);
  if (parts.size() > 1) Warn("only the newest of its " + std::to_string(parts.size()) + " parts is asked");
  const std::string file = parts.empty() ? path_ : parts.back();
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored) && !IsRecording(file)) {
    return Fail(Error{.code = ErrorCode::kUnsupported,
                      .cause = "not a recording, and SQL works on recordings only",
                      .file = path_,
                      .remedy = "if it is a trace: wakewatch import " + path_ + " -o rec.db"});
  }
  const auto query = RecordingQuery::Open(file);
  if (!query) return Fail(query.error());
  return (*query)->Run(sql_, limits, on_columns, on_row);
}

ExitCode QueryVerb::Run() {
  ExitOnSignals();  // a statement may run for long between two rows, and reading leaves nothing to put in order
  Output output;
  const auto writer = QueryWriter::Make(format_.format(), &output);
  Status written;
  const auto keep = [&](Status status) {
    if (written) written = std::move(status);
    return written && !output.reader_left();
  };
  QueryLimits limits;
  limits.deadline = std::chrono::milliseconds(ParseDuration(deadline_).value_or(0) / 1'000'000);
  limits.rows_max = rows_max_;
  const auto end = Ask(
      limits, [&](const std::vector<std::string>& columns) { keep(writer->Begin(columns)); },
      [&](const std::vector<SqlValue>& row) { return keep(writer->Row(row)); });
  if (!written) return Complain(written.error());
  if (!end) return Complain(end.error());
  if (!keep(writer->End(end->truncated)) && !written) return Complain(written.error());
  if (end->truncated) Warn(fmt::format("only the first {} rows are shown; --max-rows raises the limit", end->rows));
  if (end->chunks_unreadable == 0) return ExitCode::kFine;
  Warn(fmt::format("{} chunks could not be read and their events are missing from the answer; the first: {}",
                   end->chunks_unreadable, end->first_unreadable));
  return ExitCode::kGaps;
}

}  // namespace wakewatch

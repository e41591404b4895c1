// Why: plain SQL over a recording, safe to hand to strangers: a read-only connection, an authorizer that allows SELECT
// and nothing else, a deadline and a row limit. The event tables are virtual tables over the chunks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "analysis/base/result.h"

struct sqlite3;

namespace wakewatch {

struct QueryLimits {
  std::chrono::milliseconds deadline{30'000};
  uint64_t rows_max = 1'000'000;
};

using SqlValue = std::variant<std::monostate, int64_t, double, std::string>;  // blobs arrive as x'…' text

struct QueryEnd {
  uint64_t rows = 0;
  bool truncated = false;  // rows_max was reached
  // Chunks that did not validate and were left out, on this connection so far: the answer may lack their events.
  uint64_t chunks_unreadable = 0;
  std::string first_unreadable;  // what was wrong with the first of them
};

class RecordingQuery {
 public:
  static Result<std::unique_ptr<RecordingQuery>> Open(const std::string& path);
  virtual ~RecordingQuery() = default;
  // Runs one SELECT (or EXPLAIN, PRAGMA table_info). on_columns once, on_row for each row; on_row answers false to
  // stop. Errors: kInvalidArgument (SQL error, with SQLite's words), kPermission (refused by the authorizer),
  // kDeadline.
  virtual Result<QueryEnd> Run(std::string_view sql, const QueryLimits& limits,
                               const std::function<void(const std::vector<std::string>&)>& on_columns,
                               const std::function<bool(const std::vector<SqlValue>&)>& on_row) = 0;
};

// Adds the virtual-table module to a connection whose main database is a recording (a file), and creates in its temp
// schema:
//   event                     every event: id, ts (ns of the trace clock), cpu, type, pid (of the task that ran),
//   flags,
//                             preempt_count, and the hidden column args, the event as text
//   one table an event        sched_switch, …: id, ts, cpu, common_pid, common_flags, common_preempt_count, then its
//   fields;
//                             a field with the name of a column before it is called arg_NAME
//                             (workqueue_queue_work.arg_cpu); function and func have a companion NAME_name, prev_state
//                             has prev_state_text
//   softirq, work             views that gather raise, entry, exit and queue, activate, start, end
//   waits                     every measured wait for a CPU, of kernel threads and the long ones of user tasks:
//   start_ns, wakeup_ns,
//                             end_ns, the waiting task (pid, comm, kind, prio), cpu it then ran on, wait ('wake',
//                             'new', 'preempted'), waker_pid, waker_comm, waker_context, cause, latency_ns, excess_ns,
//                             affinity ('known', 'assumed'), slice_bound_ns, what the latency was spent on
//                             (delivery_ns, idle_exit_ns, hardirq_ns, softirq_ns, higher_ns, equal_ns, lower_ns,
//                             migration_ns, off_ns, unexplained_ns), and has_waking (0: start_ns is the wakeup of a
//                             trace without sched_waking). Its rowid is the wait's number; rows come in the order in
//                             which waits ended. What is not known is NULL
// An id is cpu << 48 | number of the event on its CPU. Rows that show ts come in its order over all CPUs.
// On failure *error_text (may be null) has the Error's text. Used by RecordingQuery and by the loadable extension.
Status RegisterEventTables(sqlite3* db, std::string* error_text);

}  // namespace wakewatch

#include "server/store/query.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "server/store/authorizer.h"
#include "server/store/event_module.h"
#include "server/store/schema.h"
#include "server/store/sqlite.h"

namespace wakewatch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStepsBetweenChecks = 2000;  // virtual machine steps; some tens of microseconds

// Limits of one statement. Lengths bound the time of functions that are quadratic in them and are not interrupted.
constexpr std::pair<int, int> kStatementLimits[] = {
    {SQLITE_LIMIT_LENGTH, 512 << 10},   {SQLITE_LIMIT_SQL_LENGTH, 256 << 10}, {SQLITE_LIMIT_COLUMN, 2000},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},     {SQLITE_LIMIT_COMPOUND_SELECT, 50},   {SQLITE_LIMIT_VDBE_OP, 250'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 100},   {SQLITE_LIMIT_ATTACHED, 0},           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 10}, {SQLITE_LIMIT_TRIGGER_DEPTH, 1},      {SQLITE_LIMIT_WORKER_THREADS, 0},
};

using StatementHandle = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

SqlValue ValueOf(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT: return sqlite3_column_double(statement, column);
    case SQLITE_NULL: return std::monostate{};
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (text == nullptr) return std::monostate{};
      return std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, column)));
    }
    default: break;
  }
  const auto* blob = static_cast<const uint8_t*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "x'";
  for (size_t i = 0; i < size; ++i) {
    text += kDigits[blob[i] >> 4];
    text += kDigits[blob[i] & 15];
  }
  return text + "'";
}

class SqliteRecordingQuery : public RecordingQuery {
 public:
  explicit SqliteRecordingQuery(Database db) : db_(std::move(db)) {}
  Status Prepare();
  Result<QueryEnd> Run(std::string_view sql, const QueryLimits& limits,
                       const std::function<void(const std::vector<std::string>&)>& on_columns,
                       const std::function<bool(const std::vector<SqlValue>&)>& on_row) override;

 private:
  Result<std::set<std::string>> OtherNames() const;
  Result<StatementHandle> Compile(std::string_view sql);
  Result<QueryEnd> Rows(sqlite3_stmt* statement, uint64_t rows_max,
                        const std::function<bool(const std::vector<SqlValue>&)>& on_row);
  Error ErrorOf(int answer) const;

  Database db_;
  EventTables* tables_ = nullptr;  // lives as long as db_
  std::optional<Authorizer> authorizer_;
  std::optional<Clock::time_point> deadline_;
};

Status SqliteRecordingQuery::Prepare() {
  auto tables = AddEventTables(db_.get());
  if (!tables) return tl::unexpected<Error>(std::move(tables.error()));
  tables_ = *tables;
  std::set<std::string> names = {"softirq", "work", "waits"};
  for (const EventShape& shape : tables_->shapes) names.insert(shape.name);
  for (const std::string_view table : Authorizer::OwnTables()) {
    auto connected = db_.Prepare("SELECT 1 FROM " + std::string(table));
    if (!connected) return tl::unexpected<Error>(std::move(connected.error()));
  }
  auto others = OtherNames();
  if (!others) return tl::unexpected<Error>(std::move(others.error()));
  authorizer_.emplace(names, *others);
  authorizer_->Install(db_.get());
  for (const auto& [limit, value] : kStatementLimits) sqlite3_limit(db_.get(), limit, value);
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);  // of the file; those in temp are ours
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_progress_handler(
      db_.get(), kStepsBetweenChecks,
      [](void* deadline) {
        const auto& at = *static_cast<std::optional<Clock::time_point>*>(deadline);
        return at && Clock::now() >= *at ? 1 : 0;
      },
      &deadline_);
  return {};
}

// Whatever a statement could read under a name, allowed or not.
Result<std::set<std::string>> SqliteRecordingQuery::OtherNames() const {
  auto statement = db_.Prepare(
      "SELECT name FROM main.sqlite_schema UNION SELECT name FROM temp.sqlite_schema UNION "
      "SELECT name FROM pragma_module_list");
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  std::set<std::string> names;
  while (true) {
    const auto row = statement->Step();
    if (!row) return tl::unexpected<Error>(row.error());
    if (!*row) return names;
    names.insert(statement->Text(0));
  }
}

Error SqliteRecordingQuery::ErrorOf(int answer) const {
  const std::string words = sqlite3_errmsg(db_.get());
  switch (answer & 0xff) {
    case SQLITE_INTERRUPT:
      return Error{ErrorCode::kDeadline,
                   "the query ran into its deadline",
                   db_.path(),
                   {},
                   "narrow it with a range of ts or start_ns, or a cpu, or raise the deadline"};
    case SQLITE_AUTH:
      return Error{ErrorCode::kPermission,
                   "refused: " + (authorizer_->refused().empty() ? words : authorizer_->refused()),
                   db_.path(),
                   {},
                   "queries may only read the recording: use SELECT"};
    case SQLITE_ERROR:
      // A function or table that was refused is reported as an error of the statement.
      if (!authorizer_->refused().empty()) {
        return Error{ErrorCode::kPermission,
                     "refused: " + authorizer_->refused(),
                     db_.path(),
                     {},
                     "queries may only read the recording: use SELECT"};
      }
      return Error{ErrorCode::kInvalidArgument, words};
    case SQLITE_TOOBIG: return Error{ErrorCode::kTooLarge, words, db_.path()};
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT: return Error{ErrorCode::kInvalidArgument, words};
    default: return SqliteError(db_.get(), answer, "running the query", db_.path());
  }
}

Result<StatementHandle> SqliteRecordingQuery::Compile(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) return Fail(ErrorCode::kInvalidArgument, "the SQL has a NUL in it");
  if (sql.size() > static_cast<size_t>(sqlite3_limit(db_.get(), SQLITE_LIMIT_SQL_LENGTH, -1))) {
    return Fail(ErrorCode::kTooLarge, "the SQL is longer than 256 KiB");
  }
  StatementHandle first(nullptr, &sqlite3_finalize);
  while (!sql.empty()) {
    sqlite3_stmt* made = nullptr;
    const char* tail = nullptr;
    const int answer = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), 0, &made, &tail);
    StatementHandle statement(made, &sqlite3_finalize);
    if (answer != SQLITE_OK) return Fail(ErrorOf(answer));
    sql.remove_prefix(static_cast<size_t>(tail - sql.data()));
    if (statement == nullptr) continue;  // blanks and comments
    if (first != nullptr) return Fail(ErrorCode::kInvalidArgument, "one statement at a time");
    if (sqlite3_stmt_readonly(statement.get()) == 0) return Fail(ErrorCode::kPermission, "refused: it would write");
    first = std::move(statement);
  }
  if (first == nullptr) return Fail(ErrorCode::kInvalidArgument, "there is no statement");
  return first;
}

Result<QueryEnd> SqliteRecordingQuery::Rows(sqlite3_stmt* statement, uint64_t rows_max,
                                            const std::function<bool(const std::vector<SqlValue>&)>& on_row) {
  QueryEnd end;
  std::vector<SqlValue> row(static_cast<size_t>(sqlite3_column_count(statement)));
  while (true) {
    const int answer = sqlite3_step(statement);
    if (answer == SQLITE_DONE) break;
    if (answer != SQLITE_ROW) return Fail(ErrorOf(answer));
    if (end.rows == rows_max) {
      end.truncated = true;
      break;
    }
    for (size_t i = 0; i < row.size(); ++i) row[i] = ValueOf(statement, static_cast<int>(i));
    ++end.rows;
    if (!on_row(row)) break;
  }
  end.chunks_unreadable = tables_->store->unreadable_chunks();
  end.first_unreadable = tables_->store->first_unreadable();
  return end;
}

Result<QueryEnd> SqliteRecordingQuery::Run(std::string_view sql, const QueryLimits& limits,
                                           const std::function<void(const std::vector<std::string>&)>& on_columns,
                                           const std::function<bool(const std::vector<SqlValue>&)>& on_row) {
  authorizer_->Forget();
  deadline_ = Clock::now() + limits.deadline;
  tables_->store->set_deadline(deadline_);
  auto statement = Compile(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  std::vector<std::string> columns;
  for (int i = 0; i < sqlite3_column_count(statement->get()); ++i) {
    const char* name = sqlite3_column_name(statement->get(), i);
    columns.emplace_back(name == nullptr ? "" : name);
  }
  on_columns(columns);
  return Rows(statement->get(), limits.rows_max, on_row);
}

}  // namespace

Result<std::unique_ptr<RecordingQuery>> RecordingQuery::Open(const std::string& path) {
  auto db = OpenRecordingFile(path);
  if (!db) return tl::unexpected<Error>(std::move(db.error()));
  auto query = std::make_unique<SqliteRecordingQuery>(std::move(*db));
  if (auto status = query->Prepare(); !status) return tl::unexpected<Error>(std::move(status.error()));
  return query;
}

}  // namespace wakewatch

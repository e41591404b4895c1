#include "server/store/wait_module.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "analysis/model/thread_kind.h"
#include "server/store/scan_conditions.h"
#include "server/store/wait_cursor.h"

namespace wakewatch {
namespace {

constexpr const char* kWaitModule = "wakewatch_waits";
constexpr char kPidIs = 'p';

// How a column's value becomes one of SQL.
enum class Shown : uint8_t {
  kTime,
  kSigned,  // 32 bits
  kNumber,
  kZeroIsNull,  // there is no such bound
  kWakerPid,    // -1: nobody is known
  kThread,
  kWait,
  kContext,
  kAffinity,
  kText,  // empty: not known
};
struct SqlColumn {
  std::string name;
  Shown shown;
  WaitColumn column = WaitColumn::kStart;
  WaitText text = WaitText::kComm;
};

constexpr size_t kStartColumn = 0, kPidColumn = 3;

std::vector<SqlColumn> MakeColumns() {
  std::vector<SqlColumn> columns = {
      {"start_ns", Shown::kTime, WaitColumn::kStart},
      {"wakeup_ns", Shown::kTime, WaitColumn::kWakeup},
      {"end_ns", Shown::kTime, WaitColumn::kIn},
      {"pid", Shown::kSigned, WaitColumn::kPid},
      {"comm", Shown::kText, {}, WaitText::kComm},
      {"kind", Shown::kThread, WaitColumn::kThread},
      {"prio", Shown::kSigned, WaitColumn::kPrio},
      {"cpu", Shown::kNumber, WaitColumn::kCpu},
      {"wait", Shown::kWait, WaitColumn::kKind},
      {"waker_pid", Shown::kWakerPid, WaitColumn::kWakerPid},
      {"waker_comm", Shown::kText, {}, WaitText::kWakerComm},
      {"waker_context", Shown::kContext, WaitColumn::kContext},
      {"cause", Shown::kText, {}, WaitText::kCause},
      {"latency_ns", Shown::kNumber, WaitColumn::kLatency},
      {"excess_ns", Shown::kNumber, WaitColumn::kExcess},
      {"affinity", Shown::kAffinity, WaitColumn::kAffinityKnown},
      {"slice_bound_ns", Shown::kZeroIsNull, WaitColumn::kSliceBound},
  };
  for (size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    const auto which = static_cast<Bucket>(bucket);
    columns.push_back({std::string(Name(which)) + "_ns", Shown::kNumber, ColumnOf(which)});
  }
  columns.push_back({"has_waking", Shown::kNumber, WaitColumn::kHasWaking});
  return columns;
}

const std::vector<SqlColumn>& Columns() {
  static const std::vector<SqlColumn> columns = MakeColumns();
  return columns;
}

bool IsText(Shown shown) { return shown >= Shown::kThread && shown <= Shown::kText; }

std::string Declaration() {
  std::string sql = "CREATE TABLE x(";
  for (const SqlColumn& column : Columns()) {
    if (&column != &Columns().front()) sql += ", ";
    sql += column.name + (IsText(column.shown) ? " TEXT" : " INTEGER");
  }
  return sql + ")";
}

struct Table : sqlite3_vtab {
  EventStore* store = nullptr;
};
struct Cursor : sqlite3_vtab_cursor {
  explicit Cursor(Table* owner) : table(owner), scan(owner->store) {}
  Table* table;
  WaitCursor scan;
};

int Connect(sqlite3* db, void* store, int, const char* const*, sqlite3_vtab** made, char**) {
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  if (const int answer = sqlite3_declare_vtab(db, Declaration().c_str()); answer != SQLITE_OK) return answer;
  auto table = std::make_unique<Table>();
  table->store = static_cast<EventStore*>(store);
  *made = table.release();
  return SQLITE_OK;
}

// A function of its own: a module whose xCreate and xConnect are one function is also a table by its own name.
int Create(sqlite3* db, void* store, int argc, const char* const* argv, sqlite3_vtab** made, char** error) {
  return Connect(db, store, argc, argv, made, error);
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

char LetterOf(const sqlite3_index_info::sqlite3_index_constraint& constraint) {
  if (!constraint.usable) return 0;
  if (constraint.iColumn == kStartColumn) return TimeLetter(constraint.op);
  return constraint.iColumn == kPidColumn && constraint.op == SQLITE_INDEX_CONSTRAINT_EQ ? kPidIs : '\0';
}

int BestIndex(sqlite3_vtab*, sqlite3_index_info* info) {
  std::string plan;
  double rows = 1e6;
  for (int i = 0; i < info->nConstraint; ++i) {
    const char letter = LetterOf(info->aConstraint[i]);
    if (letter == 0) continue;
    plan += letter;
    // Never `omit`: whether a value can be used is known only when it comes, and SQLite checks each row again.
    info->aConstraintUsage[i].argvIndex = static_cast<int>(plan.size());
    rows /= letter == kPidIs ? 20 : 5;
  }
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = static_cast<sqlite3_int64>(rows);
  // Any scan opens at least one chunk, which costs as much as some thousand rows.
  info->estimatedCost = 2000.0 + rows;
  return SQLITE_OK;
}

int Open(sqlite3_vtab* base, sqlite3_vtab_cursor** made) {
  *made = std::make_unique<Cursor>(static_cast<Table*>(base)).release();
  return SQLITE_OK;
}

int Close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

int Filter(sqlite3_vtab_cursor* base, int, const char* plan, int argc, sqlite3_value** argv) {
  auto* cursor = static_cast<Cursor*>(base);
  ScanRange range;
  for (int i = 0; i < argc && plan[i] != '\0'; ++i) {
    if (sqlite3_value_type(argv[i]) == SQLITE_NULL) {
      range.empty = true;  // nothing compares with NULL
    } else if (IsTimeLetter(plan[i])) {
      NarrowTime(plan[i], argv[i], &range);
    } else if (sqlite3_value_type(argv[i]) == SQLITE_INTEGER) {
      NarrowPid(sqlite3_value_int64(argv[i]), &range);
    }
  }
  const Status status = cursor->scan.Start(range);
  return status ? SQLITE_OK : AnswerError(cursor->table, status.error());
}

int Next(sqlite3_vtab_cursor* base) {
  auto* cursor = static_cast<Cursor*>(base);
  const Status status = cursor->scan.Advance();
  return status ? SQLITE_OK : AnswerError(cursor->table, status.error());
}

int Eof(sqlite3_vtab_cursor* base) { return static_cast<Cursor*>(base)->scan.at_end() ? 1 : 0; }

int RowId(sqlite3_vtab_cursor* base, sqlite3_int64* id) {
  *id = static_cast<Cursor*>(base)->scan.number();
  return SQLITE_OK;
}

void AnswerText(sqlite3_context* context, std::string_view text) {
  if (text.empty()) return;  // NULL
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// The names of kinds and the like live as long as the program.
void AnswerName(sqlite3_context* context, std::string_view name) {
  sqlite3_result_text64(context, name.data(), name.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void AnswerNumber(sqlite3_context* context, Shown shown, uint64_t value) {
  switch (shown) {
    case Shown::kTime:
    case Shown::kSigned:
    case Shown::kNumber: sqlite3_result_int64(context, static_cast<int64_t>(value)); return;
    case Shown::kZeroIsNull:
      if (value != 0) sqlite3_result_int64(context, static_cast<int64_t>(value));
      return;
    case Shown::kWakerPid:
      if (static_cast<int32_t>(value) >= 0) sqlite3_result_int64(context, static_cast<int64_t>(value));
      return;
    case Shown::kThread: AnswerName(context, Info(static_cast<ThreadKind>(value)).name); return;
    case Shown::kWait: AnswerName(context, Name(static_cast<WaitKind>(value))); return;
    case Shown::kContext: AnswerName(context, Name(static_cast<WakeContext>(value))); return;
    case Shown::kAffinity: AnswerName(context, value != 0 ? "known" : "assumed"); return;
    case Shown::kText: return;
  }
}

int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  auto* cursor = static_cast<Cursor*>(base);
  const SqlColumn& column = Columns()[static_cast<size_t>(index)];
  if (column.shown == Shown::kText) {
    const auto text = cursor->scan.Text(column.text);
    if (!text) return AnswerError(cursor->table, text.error());
    AnswerText(context, text->substr(0, std::min(text->find('\0'), text->size())));
    return SQLITE_OK;
  }
  const auto value = cursor->scan.Number(column.column);
  if (!value) return AnswerError(cursor->table, value.error());
  AnswerNumber(context, column.shown, *value);
  return SQLITE_OK;
}

const sqlite3_module kModule = {
    .iVersion = 1,
    .xCreate = Create,
    .xConnect = Connect,
    .xBestIndex = BestIndex,
    .xDisconnect = Disconnect,
    .xDestroy = Disconnect,
    .xOpen = Open,
    .xClose = Close,
    .xFilter = Filter,
    .xNext = Next,
    .xEof = Eof,
    .xColumn = Column,
    .xRowid = RowId,
};

}  // namespace

int RegisterWaitTable(sqlite3* db, EventStore* store) {
  if (const int answer = sqlite3_create_module_v2(db, kWaitModule, &kModule, store, nullptr); answer != SQLITE_OK) {
    return answer;
  }
  const std::string sql = std::string("CREATE VIRTUAL TABLE temp.waits USING ") + kWaitModule;
  return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
}

}  // namespace wakewatch

#include "server/store/event_module.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "server/store/event_cursor.h"
#include "server/store/scan_conditions.h"

namespace wakewatch {
namespace {

// What one argument of a scan is, as a letter of the plan that xBestIndex hands to xFilter; times have those of
// scan_conditions.h.
constexpr char kCpuIs = 'c', kPidIs = 'p', kTypeIs = 't', kIdIs = 'i';
constexpr int kOrdered = 1;  // idxNum

struct Table : sqlite3_vtab {
  EventTables* tables = nullptr;
  const EventShape* shape = nullptr;
};

struct Cursor : sqlite3_vtab_cursor {
  explicit Cursor(Table* owner) : table(owner), scan(owner->tables->store.get(), owner->shape->columns.size()) {}
  Table* table;
  EventCursor scan;
};

int Connect(sqlite3* db, void* tables, int argc, const char* const* argv, sqlite3_vtab** made, char** error) {
  auto* state = static_cast<EventTables*>(tables);
  size_t index = state->shapes.size();
  if (argc == 4) std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), index);
  if (index >= state->shapes.size()) {
    *error = sqlite3_mprintf("%s is not for tables made by hand", kEventModule);
    return SQLITE_ERROR;
  }
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  const EventShape& shape = state->shapes[index];
  if (const int answer = sqlite3_declare_vtab(db, shape.Declaration().c_str()); answer != SQLITE_OK) return answer;
  auto table = std::make_unique<Table>();
  table->tables = state;
  table->shape = &shape;
  *made = table.release();
  return SQLITE_OK;
}

// A function of its own: a module whose xCreate and xConnect are one function is also a table by its own name.
int Create(sqlite3* db, void* tables, int argc, const char* const* argv, sqlite3_vtab** made, char** error) {
  return Connect(db, tables, argc, argv, made, error);
}

int Disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

// The plan letter for a condition, or 0 when a scan cannot use it.
char LetterOf(const Table& table, sqlite3_index_info* info, int index) {
  const auto& constraint = info->aConstraint[index];
  if (!constraint.usable) return 0;
  const bool equal = constraint.op == SQLITE_INDEX_CONSTRAINT_EQ;
  const ColumnKind kind =
      constraint.iColumn < 0 ? ColumnKind::kId : table.shape->columns[static_cast<size_t>(constraint.iColumn)].kind;
  switch (kind) {
    case ColumnKind::kTime: return TimeLetter(constraint.op);
    case ColumnKind::kCpu: return equal ? kCpuIs : 0;
    case ColumnKind::kPid: return equal ? kPidIs : 0;
    case ColumnKind::kId: return equal ? kIdIs : 0;
    // Another collation, NOCASE say, also takes other names for equal.
    case ColumnKind::kType:
      return equal && std::string_view(sqlite3_vtab_collation(info, index)) == "BINARY" ? kTypeIs : 0;
    default: return 0;
  }
}

// How much of the rows a condition is taken to leave.
double Share(char letter, size_t cpus) {
  switch (letter) {
    case kTimeIs: return 1e-6;
    case kIdIs: return 1e-9;
    case kCpuIs: return 1.0 / static_cast<double>(std::max<size_t>(cpus, 1));
    case kPidIs: return 0.05;
    case kTypeIs: return 0.1;
    default: return 0.2;
  }
}

// Our order is time, then CPU, then number, and the id is CPU and number.
bool OrderIsOurs(const Table& table, const sqlite3_index_info& info) {
  if (info.nOrderBy < 1 || !table.tables->store->in_order()) return false;
  for (int i = 0; i < info.nOrderBy; ++i) {
    const auto& term = info.aOrderBy[i];
    if (term.desc) return false;
    const ColumnKind kind =
        term.iColumn < 0 ? ColumnKind::kId : table.shape->columns[static_cast<size_t>(term.iColumn)].kind;
    if (i == 0 ? kind != ColumnKind::kTime : kind != ColumnKind::kCpu && kind != ColumnKind::kId) return false;
  }
  return true;
}

int BestIndex(sqlite3_vtab* base, sqlite3_index_info* info) {
  const auto& table = *static_cast<Table*>(base);
  const EventStore& store = *table.tables->store;
  std::string plan;
  double rows = static_cast<double>(std::max<uint64_t>(store.events(), 1));
  if (!table.shape->event.empty()) rows /= 4;
  for (int i = 0; i < info->nConstraint; ++i) {
    const char letter = LetterOf(table, info, i);
    if (letter == 0) continue;
    plan += letter;
    // Never `omit`: whether a value can be used is known only when it comes, and SQLite checks each row again.
    info->aConstraintUsage[i].argvIndex = static_cast<int>(plan.size());
    rows *= Share(letter, store.cpus().size());
  }
  const int time_column = table.shape->Find("ts");
  const bool shows_time = (info->colUsed & (sqlite3_uint64{1} << time_column)) != 0;
  info->orderByConsumed = OrderIsOurs(table, *info);
  // Rows that show their time come in its order, asked or not; merging is for nothing where none is shown.
  info->idxNum = info->orderByConsumed || (shows_time && store.in_order()) ? kOrdered : 0;
  info->idxStr = sqlite3_mprintf("%s", plan.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = static_cast<sqlite3_int64>(std::max(rows, 1.0));
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

void NarrowInteger(char letter, int64_t value, ScanRange* range) {
  switch (letter) {
    case kCpuIs:
      if (value < 0 || value > UINT16_MAX)
        range->empty = true;
      else
        Narrow(&range->cpu, static_cast<uint32_t>(value), range);
      return;
    case kPidIs: NarrowPid(value, range); return;
    case kIdIs: {
      const auto id = static_cast<uint64_t>(value);
      if (id >> kEventIdCpuShift > UINT16_MAX)
        range->empty = true;
      else
        Narrow(&range->cpu, static_cast<uint32_t>(id >> kEventIdCpuShift), range);
      Narrow(&range->event_no, id & ((uint64_t{1} << kEventIdCpuShift) - 1), range);
      return;
    }
    default: return;
  }
}

// Only for the table of all events. A set that has the name twice, in two systems, is scanned whole.
void NarrowType(const ChunkFormatsList& formats, std::string_view name, ScanRange* range) {
  for (size_t set = 0; set < formats.all().size(); ++set) {
    const std::vector<EventFormat>& events = formats.all()[set].table->events();
    int found = kNoFormat, times = 0;
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].name != name) continue;
      found = static_cast<int>(i);
      ++times;
    }
    if (times > 1) continue;
    int& format = range->format[set];
    format = format == kAllFormats || format == found ? found : kNoFormat;
  }
}

int Filter(sqlite3_vtab_cursor* base, int number, const char* plan, int argc, sqlite3_value** argv) {
  auto* cursor = static_cast<Cursor*>(base);
  Table* table = cursor->table;
  ScanRange range;
  range.ordered = number == kOrdered;
  range.format = table->shape->format;
  for (int i = 0; i < argc && plan[i] != '\0'; ++i) {
    const int type = sqlite3_value_type(argv[i]);
    const char letter = plan[i];
    if (type == SQLITE_NULL) {
      range.empty = true;  // nothing compares with NULL
    } else if (letter == kTypeIs) {
      if (type != SQLITE_TEXT) continue;
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[i]));
      NarrowType(table->tables->store->formats(), text, &range);
    } else if (IsTimeLetter(letter)) {
      NarrowTime(letter, argv[i], &range);
    } else if (type == SQLITE_INTEGER) {
      NarrowInteger(letter, sqlite3_value_int64(argv[i]), &range);
    }
  }
  const Status status = cursor->scan.Start(std::move(range));
  return status ? SQLITE_OK : AnswerError(table, status.error());
}

int Next(sqlite3_vtab_cursor* base) {
  auto* cursor = static_cast<Cursor*>(base);
  if (cursor->scan.Step()) return SQLITE_OK;
  const Status status = cursor->scan.Advance();
  return status ? SQLITE_OK : AnswerError(cursor->table, status.error());
}

int Eof(sqlite3_vtab_cursor* base) { return static_cast<Cursor*>(base)->scan.at_end() ? 1 : 0; }

Result<int64_t> EventId(EventCursor* scan) {
  const auto position = scan->Position();
  if (!position) return tl::unexpected<Error>(position.error());
  const ScanStream& stream = scan->stream();
  const uint64_t id = uint64_t{stream.cpu} << kEventIdCpuShift | (stream.chunk->row.first_event_no + *position);
  return static_cast<int64_t>(id);
}

int RowId(sqlite3_vtab_cursor* base, sqlite3_int64* id) {
  auto* cursor = static_cast<Cursor*>(base);
  const auto event_id = EventId(&cursor->scan);
  if (!event_id) return AnswerError(cursor->table, event_id.error());
  *id = *event_id;
  return SQLITE_OK;
}

void TextAnswer(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

const EventFormat& FormatOf(const ScanStream& stream) {
  return stream.chunk->formats->table->events()[static_cast<size_t>(stream.format)];
}

Status FetchField(const ScanStream& stream, int field, ColumnData* data) {
  const auto format = static_cast<uint16_t>(stream.format);
  const auto index = static_cast<size_t>(field);
  const FieldKind kind = FormatOf(stream).fields[index].kind;
  if (kind == FieldKind::kSigned || kind == FieldKind::kUnsigned) {
    const auto integers = stream.chunk->view->Integers(format, index);
    if (!integers) return tl::unexpected<Error>(integers.error());
    data->integers = integers->data();
  } else {
    const auto texts = stream.chunk->view->Texts(format, index);
    if (!texts) return tl::unexpected<Error>(texts.error());
    data->texts = *texts;
  }
  data->fetched = true;
  return {};
}

Status AnswerInteger(sqlite3_context* context, EventCursor* scan, const TableColumn& column, EventStore* store,
                     uint64_t value) {
  switch (column.kind) {
    case ColumnKind::kSymbol: {
      const auto name = store->SymbolName(value);
      if (!name) return tl::unexpected<Error>(name.error());
      TextAnswer(context, *name);
      return {};
    }
    case ColumnKind::kPrevState:
      TextAnswer(context, scan->stream().chunk->formats->table->prev_states().Text(static_cast<uint32_t>(value)));
      return {};
    default: sqlite3_result_int64(context, static_cast<int64_t>(value)); return {};
  }
}

Status AnswerField(sqlite3_context* context, EventCursor* scan, const TableColumn& column, size_t index,
                   EventStore* store) {
  ScanStream& stream = scan->stream();
  const int field = column.field[stream.format_set];
  if (field < 0) return {};  // this kernel's event does not have it: NULL
  ColumnData& data = stream.columns[index];
  if (!data.fetched) STORE_TRY(FetchField(stream, field, &data));
  const uint32_t row = scan->row();
  if (data.integers != nullptr) return AnswerInteger(context, scan, column, store, data.integers[row]);
  const std::string_view value = data.texts->dictionary[data.texts->codes[row]];
  const FieldKind kind = FormatOf(stream).fields[static_cast<size_t>(field)].kind;
  if (kind == FieldKind::kText || kind == FieldKind::kLocText) {
    TextAnswer(context, value.substr(0, std::min(value.find('\0'), value.size())));
  } else {
    sqlite3_result_blob64(context, value.empty() ? "" : value.data(), value.size(), SQLITE_TRANSIENT);
  }
  return {};
}

// Columns that only some queries want: through the position among all events of the chunk.
Status AnswerCommon(sqlite3_context* context, EventCursor* scan, ColumnKind kind) {
  const auto position = scan->Position();
  if (!position) return tl::unexpected<Error>(position.error());
  OpenChunk& chunk = *scan->stream().chunk;
  const FormatTable& formats = *chunk.formats->table;
  const auto number = [&](const auto& column) -> Status {
    if (!column) return tl::unexpected<Error>(column.error());
    sqlite3_result_int64(context, (*column)[*position]);
    return {};
  };
  switch (kind) {
    case ColumnKind::kPid: return number(chunk.view->Pids());
    case ColumnKind::kFlags: return number(chunk.view->Flags());
    case ColumnKind::kPreemptCount: return number(chunk.view->PreemptCounts());
    case ColumnKind::kType: {
      const auto indexes = chunk.view->FormatIndexes();
      if (!indexes) return tl::unexpected<Error>(indexes.error());
      TextAnswer(context, formats.events()[(*indexes)[*position]].name);
      return {};
    }
    default: break;
  }
  const auto events = chunk.Events();
  if (!events) return tl::unexpected<Error>(events.error());
  if (*position < (*events)->size()) TextAnswer(context, EventText((**events)[*position], formats));
  return {};
}

Status AnswerColumn(sqlite3_context* context, Cursor* cursor, size_t index) {
  const TableColumn& column = cursor->table->shape->columns[index];
  EventCursor* scan = &cursor->scan;
  switch (column.kind) {
    case ColumnKind::kCpu: sqlite3_result_int64(context, scan->stream().cpu); return {};
    case ColumnKind::kTime: {
      const auto ts_ns = scan->Time();
      if (!ts_ns) return tl::unexpected<Error>(ts_ns.error());
      sqlite3_result_int64(context, static_cast<int64_t>(*ts_ns));
      return {};
    }
    case ColumnKind::kId: {
      const auto id = EventId(scan);
      if (!id) return tl::unexpected<Error>(id.error());
      sqlite3_result_int64(context, *id);
      return {};
    }
    case ColumnKind::kField:
    case ColumnKind::kSymbol:
    case ColumnKind::kPrevState: return AnswerField(context, scan, column, index, cursor->table->tables->store.get());
    default: return AnswerCommon(context, scan, column.kind);
  }
}

int Column(sqlite3_vtab_cursor* base, sqlite3_context* context, int index) {
  auto* cursor = static_cast<Cursor*>(base);
  // The two kinds of value that big scans ask for, without the detour once their column is open.
  const ScanStream& stream = cursor->scan.stream();
  const ColumnKind kind = cursor->table->shape->columns[static_cast<size_t>(index)].kind;
  if (kind == ColumnKind::kField) {
    if (const uint64_t* integers = stream.columns[static_cast<size_t>(index)].integers; integers != nullptr) {
      sqlite3_result_int64(context, static_cast<int64_t>(integers[cursor->scan.row()]));
      return SQLITE_OK;
    }
  } else if (kind == ColumnKind::kTime && stream.times != nullptr) {
    sqlite3_result_int64(context, static_cast<int64_t>(stream.times[stream.Position(cursor->scan.row())]));
    return SQLITE_OK;
  }
  const Status status = AnswerColumn(context, cursor, static_cast<size_t>(index));
  return status ? SQLITE_OK : AnswerError(cursor->table, status.error());
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

int RegisterEventModule(sqlite3* db, std::unique_ptr<EventTables> tables) {
  return sqlite3_create_module_v2(db, kEventModule, &kModule, tables.release(),
                                  [](void* state) { delete static_cast<EventTables*>(state); });
}

}  // namespace wakewatch

#include "server/store/authorizer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "server/store/schema.h"

namespace wakewatch {
namespace {

// Functions that neither reach outside the statement nor change anything. Sorted.
constexpr auto kFunctions = std::to_array<std::string_view>({
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_tree",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "random",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "strftime",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "time",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
});

// They describe tables and change nothing. Sorted.
constexpr auto kPragmas = std::to_array<std::string_view>(
    {"index_info", "index_list", "index_xinfo", "table_info", "table_list", "table_xinfo"});

// Tables that SQLite itself offers. Sorted.
constexpr auto kOwnTables = std::to_array<std::string_view>(
    {"json_each", "json_tree", "pragma_index_info", "pragma_index_list", "pragma_index_xinfo", "pragma_table_info",
     "pragma_table_list", "pragma_table_xinfo", "sqlite_master", "sqlite_schema", "sqlite_temp_master",
     "sqlite_temp_schema"});

static_assert(std::is_sorted(kFunctions.begin(), kFunctions.end()));
static_assert(std::is_sorted(kPragmas.begin(), kPragmas.end()));
static_assert(std::is_sorted(kOwnTables.begin(), kOwnTables.end()));

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool Has(std::span<const std::string_view> list, std::string_view name) {
  return std::binary_search(list.begin(), list.end(), std::string_view(Lower(name)));
}

// The statement behind an action code, for the message.
std::string ActionName(int action) {
  switch (action) {
    case SQLITE_ATTACH: return "ATTACH";
    case SQLITE_DETACH: return "DETACH";
    case SQLITE_INSERT: return "INSERT";
    case SQLITE_UPDATE: return "UPDATE";
    case SQLITE_DELETE: return "DELETE";
    case SQLITE_TRANSACTION: return "a transaction";
    case SQLITE_SAVEPOINT: return "SAVEPOINT";
    case SQLITE_REINDEX: return "REINDEX";
    case SQLITE_ANALYZE: return "ANALYZE";
    case SQLITE_ALTER_TABLE: return "ALTER TABLE";
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_VTABLE: return "CREATE";
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
    case SQLITE_DROP_TRIGGER:
    case SQLITE_DROP_VIEW:
    case SQLITE_DROP_VTABLE: return "DROP";
    default: return "this kind of statement";
  }
}

}  // namespace

Authorizer::Authorizer(const std::set<std::string>& tables, const std::set<std::string>& others) {
  for (const std::string& table : tables) tables_.insert(Lower(table));
  for (const std::string& table : others) others_.insert(Lower(table));
  for (const char* table : RecordingTables()) tables_.insert(table);
}

std::span<const std::string_view> Authorizer::OwnTables() { return kOwnTables; }

void Authorizer::Install(sqlite3* db) { sqlite3_set_authorizer(db, &Authorizer::Decide, this); }

int Authorizer::Decide(void* self, int action, const char* first, const char* second, const char*, const char*) {
  const auto text = [](const char* value) { return std::string_view(value == nullptr ? "" : value); };
  return static_cast<Authorizer*>(self)->Allows(action, text(first), text(second)) ? SQLITE_OK : SQLITE_DENY;
}

bool Authorizer::Allows(int action, std::string_view first, std::string_view second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: return true;
    case SQLITE_READ: return MayRead(first, second) || Refuse("reading " + std::string(first));
    case SQLITE_FUNCTION: return Has(kFunctions, second) || Refuse("the function " + std::string(second));
    case SQLITE_PRAGMA: return Has(kPragmas, first) || Refuse("PRAGMA " + std::string(first));
    default: return Refuse(ActionName(action));
  }
}

bool Authorizer::MayRead(std::string_view table, std::string_view column) const {
  const std::string name = Lower(table);
  if (tables_.contains(name) || Has(kOwnTables, name)) return true;
  // Where a statement reads no column of what it names, SQLite asks for the column "": also of a subquery, which has no
  // name, and of what the statement made itself (WITH n AS …), which is not to be had elsewhere under its name.
  return column.empty() && !others_.contains(name) && !name.starts_with("pragma_");
}

bool Authorizer::Refuse(std::string what) {
  refused_ = std::move(what);
  return false;
}

}  // namespace wakewatch

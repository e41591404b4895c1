#include <memory>
#include <string>
#include <utility>

#include "server/store/event_module.h"
#include "server/store/query.h"
#include "server/store/sqlite.h"
#include "server/store/wait_module.h"

namespace wakewatch {
namespace {

int Run(sqlite3* db, const std::string& sql) { return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr); }

bool AlreadyThere(sqlite3* db) {
  return sqlite3_table_column_metadata(db, "temp", "event", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr) ==
         SQLITE_OK;
}

}  // namespace

Result<EventTables*> AddEventTables(sqlite3* db) {
  const char* file = sqlite3_db_filename(db, "main");
  if (file == nullptr || *file == '\0') {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "the main database is not a file",
                      {},
                      {},
                      "open a recording first: sqlite3 FILE"});
  }
  if (AlreadyThere(db)) return Fail(Error{ErrorCode::kInvalidArgument, "the event tables are there already", file});
  auto store = EventStore::Open(file);
  if (!store) return tl::unexpected<Error>(std::move(store.error()));
  auto tables = std::make_unique<EventTables>();
  tables->store = std::move(*store);
  tables->shapes = EventShapes(tables->store->formats());
  EventTables* state = tables.get();
  if (const int answer = RegisterEventModule(db, std::move(tables)); answer != SQLITE_OK) {
    return Fail(SqliteError(db, answer, "registering the event tables", file));
  }
  for (size_t i = 0; i < state->shapes.size(); ++i) {
    const int answer = Run(db, "CREATE VIRTUAL TABLE temp." + QuotedName(state->shapes[i].name) + " USING " +
                                   kEventModule + "(" + std::to_string(i) + ")");
    // A format with thousands of fields does not make a table; its events are still in `event`.
    if (answer == SQLITE_OK || (i > 0 && answer == SQLITE_ERROR)) continue;
    return Fail(SqliteError(db, answer, "making the table " + state->shapes[i].name, file));
  }
  if (const int answer = RegisterWaitTable(db, state->store.get()); answer != SQLITE_OK) {
    return Fail(SqliteError(db, answer, "making the table waits", file));
  }
  for (const std::string& view : EventViews(state->shapes)) {
    if (const int answer = Run(db, view); answer != SQLITE_OK) {
      return Fail(SqliteError(db, answer, "making the views over the event tables", file));
    }
  }
  return state;
}

Status RegisterEventTables(sqlite3* db, std::string* error_text) {
  const auto tables = AddEventTables(db);
  if (tables) return {};
  if (error_text != nullptr) *error_text = tables.error().Text();
  return tl::unexpected<Error>(tables.error());
}

}  // namespace wakewatch

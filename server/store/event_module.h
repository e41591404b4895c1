// Why: the SQLite side of the event tables: declares them, tells the planner which conditions a scan can use, and hands
// values over. Source: https://www.sqlite.org/vtab.html
#pragma once

#include <memory>
#include <vector>

#include <sqlite3.h>

#include "server/store/event_shapes.h"
#include "server/store/event_store.h"

namespace wakewatch {

// Shared by the tables of one connection; owned by the module.
struct EventTables {
  std::unique_ptr<EventStore> store;
  std::vector<EventShape> shapes;
};

inline constexpr const char* kEventModule = "wakewatch_events";

// Registers kEventModule; `CREATE VIRTUAL TABLE t USING wakewatch_events(N)` makes the table of shapes[N]. The
// connection owns `tables` from here on, also when the answer is not SQLITE_OK.
int RegisterEventModule(sqlite3* db, std::unique_ptr<EventTables> tables);

// As RegisterEventTables (query.h), and answers the state behind the tables, which lives as long as the connection.
Result<EventTables*> AddEventTables(sqlite3* db);

}  // namespace wakewatch

// Why: the SQLite side of the table of waits: declares it, tells the planner that ranges of start_ns and a pid narrow a
// scan, and hands values over. Source: https://www.sqlite.org/vtab.html
#pragma once

#include <sqlite3.h>

#include "server/store/event_store.h"

namespace wakewatch {

// Makes the table temp.waits on a connection. `store` must live until the connection is closed.
int RegisterWaitTable(sqlite3* db, EventStore* store);

}  // namespace wakewatch

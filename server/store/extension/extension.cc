// Why: the sqlite3 shell and every program with SQLite inside can read a recording's events: .load wakewatch_sqlite
// makes the tables of server/store/query.h. The module exports sqlite3_extension_init and nothing else. Source:
// https://www.sqlite.org/loadext.html

// The store calls libsqlite3 by name; the table of pointers that a host hands over is only looked at.
#define SQLITE_CORE 1
#include <sqlite3ext.h>

#include <string>

#include "server/store/query.h"

extern "C" __attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3* db, char** error,
                                                                             const sqlite3_api_routines* api) {
  // A host with an SQLite of its own inside hands over a connection that the library here knows nothing about.
  if (api->sourceid == nullptr || api->sourceid() != sqlite3_sourceid()) {
    *error =
        api->mprintf("wakewatch_sqlite: this program does not use the system's libsqlite3 (%s); use `wakewatch query`",
                     sqlite3_libversion());
    return SQLITE_ERROR;
  }
  std::string text;
  if (wakewatch::RegisterEventTables(db, &text)) return SQLITE_OK;
  *error = sqlite3_mprintf("%s", text.c_str());
  return SQLITE_ERROR;
}

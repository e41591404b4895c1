// Why: the tables of a recording, as an ordered list of steps. A new file walks all of them, an older file the ones it
// lacks, and a newer file is refused with a way out. The file's application_id says that it is a recording, its
// user_version how many steps it has taken.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

inline constexpr uint32_t kRecordingApplicationId = 0x57574b52;  // "WWKR", at byte 68 of the file, big-endian

// SQL that takes a file from the version before to `version`.
struct MigrationStep {
  int version;
  const char* sql;
};
std::span<const MigrationStep> Migrations();

// Names of the tables of the newest schema, sorted.
std::span<const char* const> RecordingTables();

// Takes the file through the steps it lacks, each in its own transaction: a crash leaves it at a whole version.
Status Migrate(Database& db, std::span<const MigrationStep> steps);

// True when the first bytes of `path` are those of an SQLite file (and of a recording, if `only_recordings`).
bool HasSqliteHeader(const std::string& path, bool only_recordings);

// Answers the schema version of an open file. Errors: kUnsupported (another program's SQLite file, or a newer schema),
// kCorrupt (a table is missing or is not a plain table).
Result<int> CheckSchema(const Database& db, int newest);

// Opens a recording to read, migrating an older one first, which needs the right to write to it.
Result<Database> OpenRecordingFile(const std::string& path, Database::Threads threads = Database::Threads::kOneThread,
                                   std::span<const MigrationStep> steps = Migrations());

}  // namespace wakewatch

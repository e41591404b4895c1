#include "server/store/sqlite.h"

#include <cerrno>

#include <sys/stat.h>

#include "server/store/checked_file.h"

namespace wakewatch {
namespace {

ErrorCode CodeOf(int answer, int system_errno) {
  if (answer == SQLITE_IOERR_DATA) return ErrorCode::kCorrupt;
  switch (answer & 0xff) {
    case SQLITE_FULL: return ErrorCode::kNoSpace;
    case SQLITE_IOERR:
      // SQLite says "full" for ENOSPC only; a quota and a file-size limit are the same thing to the user.
      return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG ? ErrorCode::kNoSpace
                                                                                       : ErrorCode::kIo;
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return ErrorCode::kIo;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: return ErrorCode::kPermission;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG: return ErrorCode::kTooLarge;
    case SQLITE_NOTADB: return ErrorCode::kUnsupported;
    case SQLITE_INTERRUPT: return ErrorCode::kInterrupted;
    case SQLITE_MISUSE: return ErrorCode::kInternal;
    default: return ErrorCode::kCorrupt;  // our own SQL is fixed, so what it trips over is the file
  }
}

std::string_view RemedyOf(int answer, ErrorCode code) {
  if (code == ErrorCode::kNoSpace) return "free space on that file system; what was stored before is kept";
  if (answer == SQLITE_IOERR_DATA) {
    return "the file is damaged, or another program wrote to it; save what is left with: sqlite3 FILE .recover";
  }
  if (answer == SQLITE_READONLY_ROLLBACK) {
    return "its writer was ended within a change, which must be undone: make the file and its folder writable";
  }
  switch (answer & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another program holds the recording; try again when it is done";
    case SQLITE_CANTOPEN:
      return "a recording that was not closed needs its -wal file beside it and a folder that can be written";
    case SQLITE_CORRUPT: return "copy the file again, or save what is left with: sqlite3 FILE .recover";
    default: return {};
  }
}

// SQLite may be built to read "file:…" as a URI; here a path is a path.
std::string PlainPath(const std::string& path) { return path.starts_with("file:") ? "./" + path : path; }

// A URI for a file that nobody writes while it is read.
std::string UnchangingUri(const std::string& path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += {'%', kDigits[static_cast<uint8_t>(c) >> 4], kDigits[static_cast<uint8_t>(c) & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

constexpr const char* kTouch = "SELECT count(*) FROM sqlite_schema";  // reads the file, and nothing of what it holds

// Everybody who has a file open, reader or writer, keeps a -shm file beside it. A full disk has no room for a new one,
// and then nobody has the file open. What the last writer left in its log cannot be read like that.
bool HasNoRoomToBeShared(const Database& database, const Error& error) {
  if (error.code != ErrorCode::kNoSpace) return false;
  struct stat log {};
  return stat((database.path() + "-wal").c_str(), &log) != 0 || log.st_size == 0;
}

}  // namespace

Error SqliteError(sqlite3* db, int answer, std::string_view action, const std::string& file) {
  const ErrorCode code = CodeOf(answer, db == nullptr ? 0 : sqlite3_system_errno(db));
  std::string cause(action);
  cause += ": ";
  // On a connection that threads share the words may be another thread's, but their memory is held while they are read.
  sqlite3_mutex* mutex = db == nullptr ? nullptr : sqlite3_db_mutex(db);
  sqlite3_mutex_enter(mutex);
  const char* const words =
      db == nullptr || sqlite3_errcode(db) == SQLITE_OK ? sqlite3_errstr(answer) : sqlite3_errmsg(db);
  cause += answer == SQLITE_IOERR_DATA ? "a page is not as it was written" : words;
  sqlite3_mutex_leave(mutex);
  return Error{code, std::move(cause), file, {}, std::string(RemedyOf(answer, code))};
}

Result<bool> Statement::Step() {
  const int answer = sqlite3_step(get());
  if (answer == SQLITE_ROW) return true;
  if (answer == SQLITE_DONE) return false;
  return Fail(SqliteError(sqlite3_db_handle(get()), answer, "SQLite", *file_));
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(get(), column))};
}

Bytes Statement::Blob(int column) const {
  const auto* blob = static_cast<const uint8_t*>(sqlite3_column_blob(get(), column));
  if (blob == nullptr) return {};
  return {blob, static_cast<size_t>(sqlite3_column_bytes(get(), column))};
}

Result<Database> Database::Open(const std::string& path, Mode mode, Threads threads) {
  auto database = OpenAs(path, mode, threads, false);
  if (mode != Mode::kRead || !database) return database;
  const auto read = database->Integer(kTouch);
  if (read) return database;
  if (HasNoRoomToBeShared(*database, read.error())) return OpenAs(path, mode, threads, true);
  if (sqlite3_extended_errcode(database->get()) != SQLITE_READONLY_ROLLBACK) return database;
  // Its writer was killed in the middle of a change. Whoever writes next undoes that, and readers only are refused.
  const auto writable = OpenAs(path, Mode::kWrite, threads, false);
  if (!writable || !writable->Integer(kTouch)) return database;
  return OpenAs(path, mode, threads, false);
}

Result<Database> Database::OpenAs(const std::string& path, Mode mode, Threads threads, bool unchanging) {
  struct stat about {};
  if (mode != Mode::kCreate) {
    if (stat(path.c_str(), &about) != 0) return Fail(ErrnoError(errno, "opening", path));
    if (!S_ISREG(about.st_mode)) {
      return Fail(Error{ErrorCode::kUnsupported, "not a regular file, so not a recording", path});
    }
  }
  int flags = threads == Threads::kSerialised ? SQLITE_OPEN_FULLMUTEX : SQLITE_OPEN_NOMUTEX;
  if (mode == Mode::kRead) flags |= SQLITE_OPEN_READONLY;
  if (mode == Mode::kWrite) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

  if (unchanging) flags |= SQLITE_OPEN_URI;

  Database database;
  database.path_ = std::make_unique<std::string>(path);
  sqlite3* db = nullptr;
  const std::string name = unchanging ? UnchangingUri(path) : PlainPath(path);
  const int answer = sqlite3_open_v2(name.c_str(), &db, flags, CheckedVfs());
  database.db_.reset(db);
  if (answer != SQLITE_OK) return Fail(SqliteError(db, answer, "opening", path));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  if (mode == Mode::kCreate) ReservePageChecks(db);
  // The file may have been made to hurt: its schema runs nothing, and its pages are checked as they are read.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (auto status = database.Exec("PRAGMA cell_size_check = ON"); !status) {
    return tl::unexpected<Error>(std::move(status.error()));
  }
  return database;
}

Status Database::Exec(const char* sql) const {
  const int answer = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
  if (answer != SQLITE_OK) return Fail(SqliteError(get(), answer, "SQLite", path()));
  return {};
}

Status Database::Attach(const std::string& path, const std::string& name) const {
  auto attach = Prepare("ATTACH ?1 AS " + name);
  if (!attach) return tl::unexpected<Error>(std::move(attach.error()));
  return attach->Run(PlainPath(path));
}

Result<int64_t> Database::Integer(const std::string& sql) const {
  auto statement = Prepare(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  auto row = statement->Step();
  if (!row) return tl::unexpected<Error>(std::move(row.error()));
  if (!*row) return Fail(Error{ErrorCode::kCorrupt, "no answer to " + sql, path()});
  return statement->Integer(0);
}

Result<Statement> Database::Prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int answer = sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
  if (answer != SQLITE_OK) return Fail(SqliteError(get(), answer, "SQLite", path()));
  return Statement(statement, path_.get());
}

}  // namespace wakewatch

// Why: SQLite's C interface leaks handles and answers with numbers. These two thin owners close what they open and turn
// every answer into an Error that names the file. They add nothing else: the SQL stays where it is used. Source:
// https://www.sqlite.org/c3ref/intro.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sqlite3.h>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"

// Returns from the calling function with the Status of `expression` unless it is good.
#define STORE_TRY(expression)                                       \
  do {                                                              \
    if (::wakewatch::Status store_try = (expression); !store_try) { \
      return tl::unexpected<Error>(std::move(store_try.error()));   \
    }                                                               \
  } while (false)

namespace wakewatch {

// The Error for what `db` last answered. `action` is a phrase, "storing a batch"; `file` may be empty.
Error SqliteError(sqlite3* db, int answer, std::string_view action, const std::string& file);

// A prepared statement. Texts and blobs that are bound must live until the statement has been run.
class Statement {
 public:
  Statement() = default;

  // Values by position; integers, text, blobs, and std::nullopt or an empty optional for NULL.
  template <typename... Values>
  void Bind(const Values&... values) {
    int index = 0;
    (BindOne(++index, values), ...);
  }
  // True: a row is there. False: done.
  Result<bool> Step();
  // Binds, runs to the end and resets; for statements whose rows do not matter.
  template <typename... Values>
  Status Run(const Values&... values) {
    Reset();
    Bind(values...);
    auto row = Step();
    Reset();
    if (!row) return tl::unexpected<Error>(std::move(row.error()));
    return {};
  }
  void Reset() { sqlite3_reset(get()); }

  bool IsNull(int column) const { return sqlite3_column_type(get(), column) == SQLITE_NULL; }
  int64_t Integer(int column) const { return sqlite3_column_int64(get(), column); }
  uint64_t Unsigned(int column) const { return static_cast<uint64_t>(Integer(column)); }
  std::string Text(int column) const;
  // Valid until the next Step or Reset.
  Bytes Blob(int column) const;
  sqlite3_stmt* get() const { return statement_.get(); }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Statement(sqlite3_stmt* statement, const std::string* file) : statement_(statement), file_(file) {}

  template <typename Value>
  void BindOne(int index, const Value& value) {
    if constexpr (std::is_same_v<Value, std::nullopt_t>) {
      sqlite3_bind_null(get(), index);
    } else if constexpr (std::is_same_v<Value, Bytes>) {
      sqlite3_bind_blob64(get(), index, value.empty() ? "" : static_cast<const void*>(value.data()), value.size(),
                          SQLITE_STATIC);
    } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
      const std::string_view text(value);
      sqlite3_bind_text64(get(), index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    } else if constexpr (std::is_integral_v<Value>) {
      sqlite3_bind_int64(get(), index, static_cast<int64_t>(value));
    } else if (value) {
      BindOne(index, *value);
    } else {
      sqlite3_bind_null(get(), index);
    }
  }

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* file_ = nullptr;
};

class Database {
 public:
  // kRead never writes to the file (a recording in WAL mode still gets its -shm file); kCreate makes a new file.
  enum class Mode { kRead, kWrite, kCreate };
  // kOneThread connections may be used by one thread at a time; kSerialised ones lock themselves.
  enum class Threads { kOneThread, kSerialised };
  static constexpr int kBusyTimeoutMs = 5'000;  // so long it is waited for others

  // What is complete can be read on a full disk too. A change that its writer, killed, left half done is undone even to
  // read, which writes.
  static Result<Database> Open(const std::string& path, Mode mode, Threads threads = Threads::kOneThread);

  sqlite3* get() const { return db_.get(); }
  const std::string& path() const { return *path_; }
  Status Exec(const char* sql) const;
  // Makes the tables of another file visible under `name`. Outside a transaction.
  Status Attach(const std::string& path, const std::string& name) const;
  // The first column of the first row of `sql`; an Error when it has no row.
  Result<int64_t> Integer(const std::string& sql) const;
  Result<Statement> Prepare(std::string_view sql) const;

 private:
  // `unchanging`: it is not looked whether somebody else writes the file.
  static Result<Database> OpenAs(const std::string& path, Mode mode, Threads threads, bool unchanging);

  struct CloseDb {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, CloseDb> db_;
  std::unique_ptr<std::string> path_;  // its address is shared with the statements
};

}  // namespace wakewatch

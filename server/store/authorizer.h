// Why: what a stranger's SQL may do, as one list: read the recording's tables and the event tables with functions that
// compute. Whatever is not on the list is refused, also what a later SQLite will add.
// Source: https://www.sqlite.org/c3ref/set_authorizer.html, https://www.sqlite.org/security.html
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace wakewatch {

class Authorizer {
 public:
  // `tables`: names that may be read besides those every recording has, in any case. `others`: every further name under
  // which this connection has something to read.
  Authorizer(const std::set<std::string>& tables, const std::set<std::string>& others);

  // Tables that SQLite itself offers and that may be read. They connect to their modules when they are first named,
  // which an installed authorizer takes for a write: name them once before.
  static std::span<const std::string_view> OwnTables();

  // Takes effect on `db` for every statement prepared from now on; must outlive the connection.
  void Install(sqlite3* db);

  // What was refused last, "ATTACH DATABASE"; empty when nothing was since Forget.
  const std::string& refused() const { return refused_; }
  void Forget() { refused_.clear(); }

 private:
  static int Decide(void* self, int action, const char* first, const char* second, const char* database,
                    const char* trigger);
  bool Allows(int action, std::string_view first, std::string_view second);
  bool MayRead(std::string_view table, std::string_view column) const;
  bool Refuse(std::string what);

  std::set<std::string> tables_, others_;  // lower case
  std::string refused_;
};

}  // namespace wakewatch

#include "server/store/day_bytes.h"

#include <utility>

#include "server/store/schema.h"

namespace wakewatch {

Status MakeDayTable(const Database& db) {
  return db.Exec(
      "CREATE TABLE IF NOT EXISTS host_day(host TEXT PRIMARY KEY, day INTEGER NOT NULL, bytes INTEGER NOT NULL) "
      "WITHOUT ROWID");
}

Result<std::map<std::string, DayBytes>> ReadDays(const Database& db) {
  if (auto status = db.Exec("DELETE FROM host_day WHERE day < (SELECT max(day) FROM host_day) - 1"); !status) {
    return tl::unexpected<Error>(std::move(status.error()));
  }
  auto select = db.Prepare("SELECT host, day, bytes FROM host_day");
  if (!select) return tl::unexpected<Error>(std::move(select.error()));
  std::map<std::string, DayBytes> days;
  while (true) {
    const auto more = select->Step();
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return days;
    days[select->Text(0)] = {select->Unsigned(1), select->Unsigned(2)};
  }
}

}  // namespace wakewatch

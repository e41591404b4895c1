// Why: what a host may send in a day is bounded, and a restart of the server must not give it the day's bytes again.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

struct DayBytes {
  uint64_t day = 0;    // days since 1970, UTC
  uint64_t bytes = 0;  // of messages, in that day
  bool operator==(const DayBytes&) const = default;
};

// Makes the table host_day in a file that has none.
Status MakeDayTable(const Database& db);
// By host. Rows of days before the last two are removed.
Result<std::map<std::string, DayBytes>> ReadDays(const Database& db);

}  // namespace wakewatch

// Why: the virtual tables share what SQLite hands a scan: conditions on times and pids that come with values of any
// type, and errors that go back as numbers.
#pragma once

#include <cstdint>
#include <optional>

#include <sqlite3.h>

#include "analysis/base/result.h"
#include "server/store/event_cursor.h"

namespace wakewatch {

// How a time is compared, as a letter of a plan; 0 where a scan has no use for the comparison.
inline constexpr char kTimeIs = '=', kTimeAfter = '>', kTimeFrom = 'G', kTimeBefore = '<', kTimeTo = 'L';
char TimeLetter(unsigned char constraint_op);
bool IsTimeLetter(char letter);

// Each leaves of *range what can be true of it. A value of a type that does not order like a time narrows nothing:
// SQLite compares each row again.
void NarrowTime(char letter, sqlite3_value* value, ScanRange* range);
void NarrowPid(int64_t value, ScanRange* range);
template <typename T>
void Narrow(std::optional<T>* to, T value, ScanRange* range) {
  if (*to && **to != value) range->empty = true;
  *to = value;
}

// Leaves the error's words with the table; answers SQLite's number for it.
int AnswerError(sqlite3_vtab* table, const Error& error);

}  // namespace wakewatch

#include "server/store/scan_conditions.h"

#include <algorithm>
#include <cmath>

namespace wakewatch {

char TimeLetter(unsigned char constraint_op) {
  switch (constraint_op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return kTimeIs;
    case SQLITE_INDEX_CONSTRAINT_GT: return kTimeAfter;
    case SQLITE_INDEX_CONSTRAINT_GE: return kTimeFrom;
    case SQLITE_INDEX_CONSTRAINT_LT: return kTimeBefore;
    case SQLITE_INDEX_CONSTRAINT_LE: return kTimeTo;
    default: return 0;
  }
}

bool IsTimeLetter(char letter) {
  return letter == kTimeIs || letter == kTimeAfter || letter == kTimeFrom || letter == kTimeBefore || letter == kTimeTo;
}

void NarrowTime(char letter, sqlite3_value* value, ScanRange* range) {
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
  int64_t low = INT64_MIN, high = INT64_MAX;  // what is asked for, both included
  if (type == SQLITE_FLOAT) {
    // Rounded outwards; SQLite compares each row exactly.
    const double number = sqlite3_value_double(value);
    if (!(std::abs(number) < 9e18)) return;
    const bool below = letter == kTimeBefore || letter == kTimeTo, above = letter == kTimeAfter || letter == kTimeFrom;
    if (!below) low = static_cast<int64_t>(std::floor(number));
    if (!above) high = static_cast<int64_t>(std::ceil(number));
  } else {
    const int64_t number = sqlite3_value_int64(value);
    if (letter == kTimeIs || letter == kTimeFrom) low = number;
    if (letter == kTimeIs || letter == kTimeTo) high = number;
    if (letter == kTimeAfter) {
      range->empty |= number == INT64_MAX;
      low = number == INT64_MAX ? number : number + 1;
    }
    if (letter == kTimeBefore) {
      range->empty |= number == INT64_MIN;
      high = number == INT64_MIN ? number : number - 1;
    }
  }
  if (high < 0) range->empty = true;
  range->low_ns = std::max(range->low_ns, static_cast<uint64_t>(std::max<int64_t>(low, 0)));
  range->high_ns = std::min(range->high_ns, static_cast<uint64_t>(std::max<int64_t>(high, 0)));
  if (range->low_ns > range->high_ns) range->empty = true;
}

void NarrowPid(int64_t value, ScanRange* range) {
  if (value < INT32_MIN || value > INT32_MAX) {
    range->empty = true;
  } else {
    Narrow(&range->pid, static_cast<int32_t>(value), range);
  }
}

int AnswerError(sqlite3_vtab* table, const Error& error) {
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = sqlite3_mprintf("%s", error.Text().c_str());
  switch (error.code) {
    case ErrorCode::kInterrupted: return SQLITE_INTERRUPT;
    case ErrorCode::kIo: return SQLITE_IOERR;
    case ErrorCode::kTooLarge: return SQLITE_TOOBIG;
    default: return SQLITE_CORRUPT_VTAB;
  }
}

}  // namespace wakewatch

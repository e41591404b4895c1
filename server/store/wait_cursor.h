// Why: the scan behind the table of waits: those that match, chunk by chunk, of each chunk the columns that are asked
// for. It knows nothing of SQL but the statements that find chunks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/wait_chunk.h"
#include "server/store/event_cursor.h"
#include "server/store/event_store.h"
#include "server/store/sqlite.h"

namespace wakewatch {

class WaitCursor {
 public:
  explicit WaitCursor(EventStore* store) : store_(store) {}

  // Starts a new scan at its first row; of the range, times are of the waits' begins. Errors: kInterrupted once the
  // store's deadline has passed; of the database.
  Status Start(const ScanRange& range);
  Status Advance();
  bool at_end() const { return !view_; }

  // The row under the cursor.
  int64_t number() const { return first_wait_ + rows_[at_]; }
  Result<uint64_t> Number(WaitColumn column);
  Result<std::string_view> Text(WaitText text);

 private:
  // Opens the next chunk with a row that matches; at the end there is none.
  Status OpenNext();
  // The rows of the open chunk that match.
  Status Select(const ScanRange& range);

  EventStore* store_;
  ScanRange range_;
  std::vector<int64_t> chunks_;  // their names, in order
  size_t next_ = 0;
  Statement load_;
  int64_t first_wait_ = 0;  // of the open chunk
  std::vector<uint8_t> bytes_;
  std::optional<WaitView> view_;
  std::vector<uint32_t> rows_;
  size_t at_ = 0;
};

}  // namespace wakewatch

// Why: measured waits on their way into a recording, and out of all its parts again. A wait has one number in its
// session; where two files have it, as after a crash, the later file's counts, so that each wait is read once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/measured_wait.h"
#include "analysis/report/wait_builder.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// Inserts or replaces `waits` and notes that the recording keeps its waits, inside the caller's transaction.
Status WriteWaits(Database& db, std::span<const WaitChunk> waits);
// Removes the chunks named `first_wait` or higher.
Status RemoveWaitsFrom(Database& db, uint64_t first_wait);

// Which waits: those that begin in [since_ns, until_ns] of the trace clock.
struct WaitSpan {
  uint64_t since_ns = 0, until_ns = UINT64_MAX;
  bool by_end = false;  // those that end in it
  bool Holds(const MeasuredWait& wait) const {
    const uint64_t ns = by_end ? wait.in_ns : wait.start_ns;
    return ns >= since_ns && ns <= until_ns;
  }
};

// The waits of a recording's part files, oldest first, and of `tail`, which is not stored yet or newer than what is.
class StoredWaits {
 public:
  // Opens the parts to read. Errors: those of opening a recording.
  static Result<StoredWaits> Open(const std::vector<std::string>& parts);

  // Its waits are stored: the newest part says so. False for what an older version wrote.
  bool kept() const { return kept_; }
  // Waits that ended up to here are stored, as far as waits are kept: the watermark of the newest checkpoint, or the
  // last event of a recording that is complete.
  uint64_t until_ns() const { return until_ns_; }
  // A wall-clock time on the trace clock. Error: kInvalidArgument, the recording has no clock pairs.
  Result<uint64_t> TraceTime(uint64_t real_ns) const;
  // Calls `visit` for each wait in `span`, in the order in which they ended. Views are valid during the call. A chunk
  // that does not validate is counted and left out. Errors: kDeadline once `stop` is true; of the database.
  Status Read(std::span<const WaitChunk> tail, const WaitSpan& span, const std::function<bool()>& stop,
              const std::function<void(const MeasuredWait&)>& visit);
  uint64_t chunks_unreadable() const { return unreadable_; }

 private:
  Status ReadPart(const Database& db, uint64_t before_wait, const WaitSpan& span, const std::function<bool()>& stop,
                  const std::function<void(const MeasuredWait&)>& visit);
  // The waits of a chunk with a number below `before_wait`.
  void ReadChunk(uint64_t first_wait, Bytes bytes, uint64_t before_wait, const WaitSpan& span,
                 const std::function<void(const MeasuredWait&)>& visit);

  std::vector<Database> parts_;
  bool kept_ = false;
  uint64_t until_ns_ = 0;
  uint64_t unreadable_ = 0;
};

}  // namespace wakewatch

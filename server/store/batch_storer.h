// Why: the way from a batch to the rows of an open recording, shared by the writer of a single file and the store of a
// live session. It stores inside its caller's transaction and remembers how many events each CPU has by now.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/sqlite.h"

namespace wakewatch {

// A number for each CPU; small, and copied at every commit.
class CpuNumbers {
 public:
  uint64_t& operator[](uint32_t cpu);
  uint64_t Get(uint32_t cpu) const;  // 0: none
  const std::vector<std::pair<uint32_t, uint64_t>>& all() const { return numbers_; }

 private:
  std::vector<std::pair<uint32_t, uint64_t>> numbers_;  // by CPU
};

class BatchStorer {
 public:
  // What batches change besides the file.
  struct Position {
    int64_t session_id = 0;  // 0: none yet
    CpuNumbers events;       // by CPU: stored so far, in earlier parts too
    uint64_t gaps = 0;       // rows that were added
  };

  // `db` must outlive the storer. `earlier`: events of each CPU in earlier parts of the recording.
  BatchStorer(Database& db, CpuNumbers earlier, Position position)
      : db_(&db), earlier_(std::move(earlier)), position_(std::move(position)) {}

  // Error (kInvalidArgument): the batch makes no sense.
  static Status Check(const Batch& batch);
  // False: this sequence of its session is stored already. Inside a transaction; when that is undone, set_position has
  // to go back too.
  Result<bool> Store(const Batch& batch);
  Status StoreGap(const GapRecord& gap);
  Status StoreSession(const SessionInfo& session);

  const Position& position() const { return position_; }
  void set_position(Position position) { position_ = std::move(position); }

 private:
  // Statements that a batch may need; prepared when one does for the first time.
  enum Sql {
    kInsertBatch,
    kInsertChunk,
    kUpdateGap,
    kInsertGap,
    kEventsBeforeGap,
    kPutFrontier,
    kPutClockPair,
    kPutStats,
    kSqlCount
  };
  static const char* TextOf(Sql sql);

  Result<Statement*> Prepared(Sql sql);
  template <typename... Values>
  Status Run(Sql sql, const Values&... values);
  Status StoreFormats(const FormatsDelta& formats);
  Status StoreChunks(const Batch& batch);
  Status StoreTasks(const Batch& batch);
  Status StoreClocksAndCpus(const Batch& batch);
  Result<uint64_t> EventNumberAfter(const GapRecord& gap);

  Database* db_;
  CpuNumbers earlier_;
  Position position_;
  std::array<Statement, kSqlCount> statements_;
};

}  // namespace wakewatch

// Why: the part of a live session that is being written: its connection, its few prepared statements, and what a
// resumed session has to know of it. It commits; when to begin another part is SessionStore's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/store/batch_storer.h"
#include "server/store/recording_row.h"
#include "server/store/session_store.h"
#include "server/store/sqlite.h"

namespace wakewatch {

class PartWriter {
 public:
  static Result<std::unique_ptr<PartWriter>> Open(const std::string& path, const SessionStoreOptions& options);

  const SessionInfo& session() const { return session_; }
  const CpuNumbers& events() const { return storer_.position().events; }
  uint64_t sequence() const { return state_.sequence; }
  bool ended() const { return state_.ended; }
  uint64_t batches() const { return state_.batches; }
  uint64_t bytes() const { return state_.bytes; }        // of the file, without its log
  uint64_t start_ns() const { return state_.start_ns; }  // UINT64_MAX: no event yet
  // The part was closed and somebody reads it: nothing can be committed to it before they are done.
  bool held() const { return held_; }

  // In one durable transaction. The batches have been checked, and their sequences are new and ascend.
  Status Commit(const std::vector<const Batch*>& batches, const AnalysisRows& rows);
  Result<std::optional<Checkpoint>> LoadCheckpoint() const;
  Result<PartSummary> Summary() const;
  // Checkpoints the log into the file; nothing else may be called after it. Error: somebody reads the file at the
  // moment; then the log stays beside it, and nothing is lost.
  Status Close();

 private:
  // Taken back when a transaction fails, together with the storer's position.
  struct State {
    uint64_t sequence = 0, batches = 0, bytes = 0, events = 0, findings = 0;
    uint64_t start_ns = UINT64_MAX, end_ns = 0;
    bool ended = false, sealed = false;
  };

  explicit PartWriter(Database db) : db_(std::move(db)) {}
  Status Configure(const SessionStoreOptions& options);
  Status LoadSession();
  Status LoadState();
  Status LoadNumbers();
  Status Store(const std::vector<const Batch*>& batches, const AnalysisRows& rows);
  Status StoreFlags(const std::vector<const Batch*>& batches);
  Status StoreFindings(std::span<const Finding> findings);
  Result<std::vector<Finding>> NotInPreviousPart(std::span<const Finding> findings) const;
  Status StoreTimeline(std::span<const TimelineRow> rows);
  Status StoreCheckpoint(const Checkpoint& checkpoint);

  Database db_;
  SessionInfo session_;
  std::string previous_;          // path of the part before; empty: there is none
  uint64_t previous_end_ns_ = 0;  // of the last event before this part
  bool trimmed_ = false, held_ = false;
  uint64_t page_bytes_ = 0;
  State state_;
  BatchStorer storer_{db_, {}, {}};
  Statement page_count_, put_timeline_, put_checkpoint_;
};

}  // namespace wakewatch

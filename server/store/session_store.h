// Why: what one collector session sends is stored here, durably and once, in a folder of part files that stay small
// enough to move, rewrite and throw away. Each part is a recording of its own, and the folder is one too.
//
//   <data>/hosts/<host>/<start>-<session>/part-0001.db, part-0002.db, …      start: UTC, 20260131T235959Z
//
// A store belongs to one thread at a time, except where a method says otherwise. It holds one SQLite connection, so
// three file descriptors (the file, its log, the log's index), and about `cache_kb` and 150 KB of memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/checks/finding.h"
#include "analysis/chunk/batch.h"
#include "analysis/report/report.h"
#include "analysis/report/timeline.h"
#include "analysis/report/wait_builder.h"
#include "analysis/trace/reader.h"
#include "server/store/finding_query.h"
#include "server/store/protocol_verdicts.h"
#include "server/store/recording_row.h"

namespace wakewatch {

struct SessionStoreOptions {
  uint64_t part_bytes_max = 512u << 20;                       // a new part is begun once one has grown past this
  std::chrono::seconds part_span_max{std::chrono::hours(6)};  // of trace time from a part's first event
  int cache_kb = 256;
  int64_t pages_max = 0;  // a part may not grow past this many pages of 4 KiB; 0: as far as the disk goes
};

// Where live analysis was, so that it can go on there. `state` and `extra` are the caller's, in its own encoding.
struct Checkpoint {
  uint64_t sequence = 0;
  uint64_t watermark_ns = 0;
  std::map<uint32_t, uint64_t> merged;  // by CPU: events analysed
  std::vector<uint8_t> state;
  std::vector<uint8_t> extra;
};

// What live analysis adds to a transaction; all optional.
struct AnalysisRows {
  std::vector<Finding> findings;  // known ids are ignored, unless the known one is open: then it makes way
  std::vector<FindingSnapshot> snapshots;
  std::vector<GapRecord> gaps;         // made by the server (late events)
  std::vector<TimelineRow> timeline;   // each replaces the row with its cpu, level and first_bin in this part
  std::vector<WaitChunk> waits;        // each replaces the one of its name in this part
  std::optional<uint64_t> waits_from;  // waits are made again from this number on: the part's chunks from there on go
  const Report* summaries = nullptr;   // replaces the summary tables, not the findings
  std::vector<ProtocolVerdict> verdicts;  // replace those that are stored; none: they stay
  std::optional<Checkpoint> checkpoint;
};

class SessionStore {
 public:
  // Creates the folder and the first part, or resumes the folder that this session has already (also after a crash).
  static Result<std::unique_ptr<SessionStore>> Open(const std::string& data_folder, const SessionInfo& session,
                                                    const SessionStoreOptions& options);
  static Result<std::unique_ptr<SessionStore>> Resume(const std::string& session_folder,
                                                      const SessionStoreOptions& options);
  virtual ~SessionStore() = default;

  // The highest sequence that is stored; 0: none.
  virtual uint64_t committed_sequence() const = 0;
  // A batch with `last` was stored.
  virtual bool ended() const = 0;
  virtual const SessionInfo& session() const = 0;
  virtual const std::string& folder() const = 0;

  // Stores all of it in one durable transaction (journal WAL, synchronous FULL), or nothing. Batches with a sequence up
  // to the committed one are ignored. Begins a new part first when the limits say so. After an error (kNoSpace, kIo:
  // nothing is stored; kInvalidArgument: a batch makes no sense) the store stays usable and the call can be repeated.
  virtual Status Commit(std::span<const Batch> batches, const AnalysisRows& rows) = 0;

  // Commit of these batches begins a new part first.
  virtual bool BeginsPart(std::span<const Batch> batches) const = 0;
  // Error (kInvalidArgument): what Commit would say about this batch.
  virtual Status Check(const Batch& batch) const = 0;

  // The findings that have not ended; they are carried over from part to part.
  virtual Result<std::vector<Finding>> OpenFindings() = 0;

  // The newest checkpoint; it is carried over from part to part.
  virtual Result<std::optional<Checkpoint>> LoadCheckpoint() = 0;

  // Readers for every CPU, over its events with a number >= merged[cpu] (0 when absent), in CPU order, over all parts
  // that are needed. Gaps stand in their places; one right in front of the first event is handed out too, whether or
  // not it had been analysed. Readers see what is committed when this is called, keep alive what they need, and
  // Event::format is an index into the formats() of OpenRecording(folder()).
  virtual Result<std::vector<std::unique_ptr<CpuReader>>> ReadFrom(const std::map<uint32_t, uint64_t>& merged) = 0;

  // Rewrites the small chunks of closed parts to about kChunkEventsTarget events, numbers kept, never across a gap.
  // `ended`: the newest part as well. Each part is written anew beside itself and then renamed over, so a crash leaves
  // either. Does nothing to parts that are sealed. With `ended` false it may run on another thread beside Commit.
  virtual Status Seal(bool ended) = 0;

  // Checkpoints the log into the file. The store may not be used after it.
  virtual Status Close() = 0;

  virtual uint64_t bytes_on_disk() const = 0;
  virtual uint64_t events() const = 0;  // stored since the session began
  // For the catalogue; `live` is true unless the session has ended.
  virtual RecordingRow row() const = 0;
};

// The part files of a session folder, oldest first. Empty when `folder` is not one.
std::vector<std::string> Parts(const std::string& folder);

}  // namespace wakewatch

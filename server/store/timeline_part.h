// Why: one file of a recording as the timeline reads it: rows, chunks, gaps, each by CPU and time through an index, so
// that no question reads more than what it is about.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/report/timeline.h"
#include "server/store/chunk_loader.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"
#include "server/store/timeline_chunk.h"

namespace wakewatch {

struct TimelineGap {
  uint64_t start_ns = 0, end_ns = 0;  // UINT64_MAX: still open
  uint64_t event_no = 0;              // number of the first event after it
};

class TimelineFile {
 public:
  static Result<std::unique_ptr<TimelineFile>> Open(const std::string& path);

  // What is read between Begin and End is of one state of the file.
  Status Begin() { return db_.Exec("BEGIN"); }
  void End() { (void)db_.Exec("COMMIT"); }

  const std::string& path() const { return db_.path(); }
  // It has at least one row.
  Result<bool> HasRows();
  Status AddCpus(std::set<uint32_t>* cpus);
  // Lowers *first_ns to the CPU's first event, raises *last_ns to its last.
  Status AddFirst(uint32_t cpu, uint64_t* first_ns);
  Status AddLast(uint32_t cpu, uint64_t* last_ns);
  // Everything that this CPU wrote until then has been read; 0: the file does not say.
  Result<uint64_t> Frontier(uint32_t cpu);

  // The name that this task had when it was seen last; empty: it is not in the list of threads.
  Result<std::string> CommOf(int32_t pid);

  // The rows that hold a bin of [first_bin, last_bin], appended to *rows.
  Status AddRows(uint32_t cpu, unsigned level, uint64_t first_bin, uint64_t last_bin, std::vector<TimelineRow>* rows);
  // At most `count` chunks that begin at or before `ns`, the latest first.
  Result<std::vector<ChunkRow>> ChunksBefore(uint32_t cpu, uint64_t ns, size_t count);
  // Those that begin in (after_ns, before_ns), in order, while *events_left is not negative; it is lowered by what
  // reading them costs.
  Result<std::vector<ChunkRow>> ChunksBetween(uint32_t cpu, uint64_t after_ns, uint64_t before_ns,
                                              int64_t* events_left);
  // Those that begin in [from_ns, before_ns), in order, as ChunksBetween.
  Result<std::vector<TimelineGap>> GapsBetween(uint32_t cpu, uint64_t from_ns, uint64_t before_ns,
                                               int64_t* events_left);
  // The gap that begins last before `ns`.
  Result<std::optional<TimelineGap>> GapBefore(uint32_t cpu, uint64_t ns);
  // The first gap that begins at or after `ns`.
  Result<std::optional<TimelineGap>> GapFrom(uint32_t cpu, uint64_t ns);

  // What reading a chunk costs, in events.
  static int64_t Cost(const ChunkRow& row);
  // The chunk, valid until the next call. Null: it cannot be read.
  Result<const TimelineChunk*> Chunk(const ChunkRow& row);
  // Reads the formats that joined since they were read last; what Load gave before is void.
  Status UpdateFormats();
  // All of it, after UpdateFormats in the same state of the file. False: it cannot be read.
  Result<bool> Load(const ChunkRow& row, LoadedChunk* chunk);
  // Of a function; empty: not known.
  Result<std::string> SymbolOf(uint64_t address);

 private:
  explicit TimelineFile(Database db) : db_(std::move(db)) {}
  Status Prepare();
  Status LoadChunkFormats();
  // The chunk goes to the front of chunks_.
  Status Read(const ChunkRow& row);
  static TimelineGap ReadGap(const Statement& statement);
  Result<std::optional<TimelineGap>> FirstGap(Statement* statement);

  Database db_;
  bool has_table_ = false;
  Statement rows_, first_chunk_, chunks_before_, chunks_between_, gap_before_, gap_from_, gaps_between_, frontier_,
      comm_, symbol_;
  std::optional<ChunkFormatsList> formats_;  // once a chunk was wanted
  std::optional<ChunkLoader> loader_;
  std::list<TimelineChunk> chunks_;  // read before, the last used in front
  size_t changes_kept_ = 0;          // in all of them
};

}  // namespace wakewatch

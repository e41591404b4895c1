// Why: the scan behind every event table: the rows that match, from the chunks that can hold one, in time order over
// all CPUs where that is asked for. It knows nothing of SQL, so that the table code is glue and this can be read by
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/event_store.h"

namespace wakewatch {

inline constexpr int kAllFormats = -1;  // instead of a format index: every event
inline constexpr int kNoFormat = -2;    // the format set does not have the event

struct ScanRange {
  uint64_t low_ns = 0, high_ns = UINT64_MAX;  // both included
  std::optional<uint32_t> cpu;
  std::optional<int32_t> pid;        // the acting task, common_pid
  std::optional<uint64_t> event_no;  // on its CPU
  std::vector<int> format;           // by format set, in the order of EventStore::formats(): index, or one of the above
  bool ordered = false;              // by time, then CPU, then number
  bool empty = false;                // the conditions contradict one another
};

// One column of one chunk, fetched when a row of it is first read.
struct ColumnData {
  bool fetched = false;
  const uint64_t* integers = nullptr;
  const ChunkView::TextColumn* texts = nullptr;
};

// One CPU's part of a scan.
struct ScanStream {
  uint32_t cpu = 0;
  const ChunkRow* next = nullptr;  // the next chunk to open; end of the list
  const ChunkRow* last = nullptr;
  OpenChunk* chunk = nullptr;  // the open one
  size_t format_set = 0;
  int format = kAllFormats;
  uint32_t at = 0, end = 0;  // rows: of `selection` if `selected`, else of the chunk's events of that format
  bool selected = false;
  std::vector<uint32_t> selection;
  const uint32_t* positions = nullptr;  // of the format's rows in the chunk; nullptr: row and position are the same
  const uint64_t* times = nullptr;      // by position; nullptr until wanted
  uint64_t key_ns = 0;                  // no row to come is earlier
  std::vector<ColumnData> columns;

  uint32_t Row(uint32_t index) const { return selected ? selection[index] : index; }
  uint32_t Position(uint32_t row) const { return positions == nullptr ? row : positions[row]; }
  uint64_t TimeAt(uint32_t index) const { return times[Position(Row(index))]; }
};

class EventCursor {
 public:
  // `columns`: how many ColumnData a stream keeps.
  EventCursor(EventStore* store, size_t columns) : store_(store), columns_(columns) {}
  ~EventCursor() { Stop(); }
  EventCursor(const EventCursor&) = delete;
  EventCursor& operator=(const EventCursor&) = delete;

  // Starts a new scan at its first row.
  Status Start(ScanRange range);
  // One row on, where the next row needs nothing but that; else false, and Advance must be called.
  bool Step() { return ++at_ < run_end_; }
  Status Advance();
  bool at_end() const { return stream_ == nullptr; }

  // The row under the cursor.
  ScanStream& stream() const { return *stream_; }
  uint32_t row() const { return stream_->Row(at_); }
  // Its position among all events of the chunk.
  Result<uint32_t> Position();
  Result<uint64_t> Time();

 private:
  void Stop();
  Status Begin();
  // The stream's next chunk with a matching row; at == end when there is none.
  Status OpenNext(ScanStream* stream);
  // False: the chunk has no row that matches.
  Result<bool> Select(ScanStream* stream);
  Status SelectByTime(ScanStream* stream, const ChunkRow& row);
  Status SelectByPid(ScanStream* stream);
  Status SelectByNumber(ScanStream* stream, const ChunkRow& row);
  Status NeedPositions(ScanStream* stream);
  Status NeedTimes(ScanStream* stream);
  void Close(ScanStream* stream);
  Status NextInTurn();
  Status NextInOrder();
  void PushHeap(ScanStream* stream);
  ScanStream* PopHeap();

  EventStore* store_;
  size_t columns_;
  ScanRange range_;
  bool scanning_ = false;
  std::vector<ScanStream> streams_;
  std::vector<ScanStream*> heap_;  // ordered scans: the streams but the current one
  size_t turn_ = 0;                // other scans: the stream after the current one
  ScanStream* stream_ = nullptr;   // the current one; nullptr at the end
  uint32_t at_ = 0, run_end_ = 0;  // in the current stream: rows up to run_end_ follow without a look at the others
};

}  // namespace wakewatch

// Why: what was recorded must outlive an outage of the server, of this process and of the machine. A spool is a bounded
// queue of records in a folder. It promises:
//
// - What was appended before a Sync that succeeded survives a loss of power; what was appended survives kill -9.
// - Opening never fails: a torn tail is cut off, what is damaged is skipped, renamed to *.bad and told as missing.
// - The acknowledged number is durable before a file goes that it covers.
// - When there is no room, the oldest records that nobody has read yet are cut into one by its user (who keeps what is
//   small and says what is gone); only what cannot even be cut goes without a trace, and then its numbers are missing.
//
// Records are numbered without holes for the life of the folder, over all starts. Not for more than one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/base/result.h"
#include "collector/spool/files.h"
#include "collector/spool/segment.h"

namespace wakewatch {

struct SpoolItem {
  uint64_t first = 0, last = 0;  // numbers; several: it was cut
  uint64_t missing = 0;          // so many numbers in front of it are gone
  std::shared_ptr<const SegmentHead> head;
  std::string body;
};

// Makes one record of several of one key, which are added in order.
class SpoolCut {
 public:
  virtual ~SpoolCut() = default;
  virtual void Add(const SpoolItem& item) = 0;
  virtual std::string Body() = 0;
};

struct SpoolOptions {
  std::string folder;
  uint64_t bytes_max = 2ull << 30;      // of all segments, damaged ones included
  uint64_t segment_bytes = 16u << 20;   // at most an eighth of bytes_max
  uint64_t free_bytes_min = 64u << 20;  // with less left on the disk, what is old makes way
  std::function<std::unique_ptr<SpoolCut>()> cut;
  std::function<void(const std::string&)> log;
};

struct SpoolStats {
  uint64_t bytes = 0, segments = 0;
  uint64_t unread = 0;       // numbers
  uint64_t missing = 0;      // numbers that were told as missing
  uint64_t cut_records = 0;  // that were cut into others
  uint64_t quarantined = 0;  // files renamed to *.bad
  uint64_t sync_failures = 0;
};

class Spool {
 public:
  // `files` must outlive it.
  Spool(Files* files, SpoolOptions options);
  ~Spool() = default;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // What Acknowledge was last told, as far as that was durable; empty: nothing.
  const std::string& state() const { return pointer_.state; }

  // Records from here on belong to `key` and are read with this preamble.
  void Begin(uint64_t key, std::string preamble);
  // Answers with its number. Errors: nothing was appended; kNoSpace (nothing is left that may go), kTooLarge, kIo.
  Result<uint64_t> Append(std::string_view body);
  uint64_t unsynced_bytes() const { return unsynced_bytes_; }
  // After an error what was appended since the last Sync may not survive a loss of power, and later Syncs do not change
  // that.
  Status Sync();

  // The next record; none: all were read. Errors: the disk cannot be read; the call may be repeated, and after a few
  // times the segment is given up.
  Result<std::optional<SpoolItem>> Next();
  bool caught_up() const { return read_ + 1 == next_; }
  // Takes what was appended last as read. Only where the spool was caught up before that. Answers with
  // SpoolItem::missing.
  uint64_t TakeLast();

  // Everything up to `number`, the last one of an item that was read, may go. `state` is kept with it.
  void Acknowledge(uint64_t number, std::string state);
  // Makes the acknowledgement durable, if it is not.
  Status SavePointer();
  // Removes segments that are acknowledged as a whole. Durable pointer first.
  Status Trim();

  SpoolStats stats() const;

 private:
  struct Segment {
    uint64_t first = 0, last = 0;  // last: may be lower than what is in the file
    std::string name;
    uint64_t bytes = 0;
    bool cut = false, damaged = false;
    std::shared_ptr<const SegmentHead> head;  // empty: not read yet
  };

  void Recover();
  void TakeFound(const std::string& name);
  void RemoveCovered(bool remove);
  void RecoverNewest();
  void RecoverPointer();
  void Pin();
  void MakeReserve();
  bool FreeReserve();

  Status Roll();
  void CloseNewest();
  Status MakeRoom(uint64_t bytes);
  bool DropOldest();
  bool DropOutright(size_t index);
  // Segments as one record; none: nothing of them is whole.
  Result<std::optional<StoredRecord>> CutOf(size_t from, size_t to);
  Status WriteCut(const StoredRecord& record, const SegmentHead& head, Segment* made);
  Status WriteWhole(const std::string& name, std::string_view bytes);
  Status TryWriteWhole(const std::string& name, std::string_view bytes);

  Status ReadHead(Segment* segment);
  void Quarantine(size_t index);
  void KeepFewBad();
  bool active(const Segment& segment) const { return file_ != nullptr && &segment == &segments_.back(); }
  uint64_t bytes() const;
  std::string PathOf(const std::string& name) const { return options_.folder + "/" + name; }
  void Log(const std::string& text) const {
    if (options_.log) options_.log(text);
  }

  Files* const files_;
  const SpoolOptions options_;
  std::deque<Segment> segments_;  // by number; the last is written when file_ is there
  uint64_t bad_bytes_ = 0;
  bool reserve_ = false;

  uint64_t next_ = 1;  // number of the next record
  SegmentHead head_;   // of the next segment
  bool head_changed_ = true;
  std::unique_ptr<Files::Appender> file_;
  uint64_t unsynced_bytes_ = 0;
  bool name_unsynced_ = false;

  uint64_t read_ = 0;            // number that was read last
  uint64_t missing_before_ = 0;  // the next item, besides what its number says
  uint64_t pinned_ = 0;          // up to this number all may have been sent before the start, so is not cut
  std::string cursor_name_;
  uint64_t cursor_ = 0;  // offset in that segment
  int read_errors_ = 0;

  SpoolPointer pointer_;
  bool pointer_durable_ = true;
  SpoolStats stats_;
};

}  // namespace wakewatch

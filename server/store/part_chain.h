// Why: a recording may be many files. These two make them look like one: the parts' databases, opened when a reader
// needs them, and a reader that goes through one CPU's events from part to part. What was lost between two parts, or
// with one that cannot be read, becomes a gap, so that nothing is measured across.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "analysis/trace/reader.h"
#include "server/store/recording_reader.h"
#include "server/store/sqlite.h"
#include "server/store/stored_formats.h"

namespace wakewatch {

// Thread-safe.
class PartSet {
 public:
  // At least one path, oldest first.
  explicit PartSet(std::vector<std::string> paths) : paths_(std::move(paths)), open_(paths_.size()) {}

  size_t size() const { return paths_.size(); }
  const std::string& path(size_t index) const { return paths_[index]; }
  // Shared by all who have it open at the same time (kSerialised).
  Result<std::shared_ptr<const Database>> Open(size_t index);
  // True for an error after which the other parts are worth reading.
  bool Damaged(size_t index, const Error& error) const;

 private:
  const std::vector<std::string> paths_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<const Database>> open_;
};

class PartChainReader : public CpuReader {
 public:
  // `parts` and `formats` must outlive the reader. `first_event_no`: of the first event to hand out; 0: all there are.
  static Result<std::unique_ptr<PartChainReader>> Open(PartSet* parts, const ChunkFormatsList* formats, uint32_t cpu,
                                                       uint64_t first_event_no);

  Result<bool> Fill(EventBlock* block, size_t target) override;
  uint32_t cpu() const override { return cpu_; }
  const AnomalyCounts& anomalies() const override { return anomalies_; }

 private:
  PartChainReader(PartSet* parts, const ChunkFormatsList* formats, uint32_t cpu, uint64_t first_event_no)
      : parts_(parts), formats_(formats), cpu_(cpu), first_event_no_(first_event_no) {}

  Status FindStart();
  Status OpenPart();
  Result<std::vector<uint64_t>> GapsToldLater(const Database& db);
  void NoteSeam(uint64_t begin, uint32_t number);
  void AddGap(uint64_t lost);
  void LeavePart(bool damaged);
  void HoldOpenGaps(EventBlock* block);
  void HandOutHeld(EventBlock* block);

  PartSet* parts_;
  const ChunkFormatsList* formats_;
  uint32_t cpu_;
  uint64_t first_event_no_;
  size_t next_part_ = 0;
  std::shared_ptr<const Database> db_;  // of the part that is read
  std::unique_ptr<RecordingReader> reader_;
  std::optional<uint64_t> number_;      // of the part before
  std::optional<uint64_t> next_event_;  // its number, as far as known
  bool part_damaged_ = false;           // not all of what was read since then could be
  // Gaps with an open end at the end of what was read: where events follow in a later part, they end there.
  std::vector<Event> held_;
  bool across_parts_ = false;  // a part ended since the first of them
  uint64_t last_ns_ = 0;
  AnomalyCounts anomalies_;
};

}  // namespace wakewatch

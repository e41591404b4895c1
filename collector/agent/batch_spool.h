// Why: a spool keeps bytes; this keeps batches in it. Each is stored with where every CPU stood in front of it and
// behind it, so that whatever goes in between, cut to make room or lost to a bad disk, becomes a gap of the right CPU
// with the exact number of events, whoever reads it and whenever. Not for more than one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "collector/agent/drop_events.h"
#include "collector/spool/spool.h"

namespace wakewatch {

// Where a CPU of a session stands.
struct CpuPosition {
  uint64_t last_ns = 0;  // of its last event, or the end of its last gap
  uint64_t events = 0;   // since the session began
};
using CpuPositions = std::map<uint32_t, CpuPosition>;

struct SpooledBatch {
  uint64_t number = 0;   // to be acknowledged; 0: it is not in the spool
  uint64_t key = 0;      // one for each session
  uint64_t real_ns = 0;  // when it was appended, CLOCK_REALTIME
  Batch batch;
  CpuPositions before, after;
  std::shared_ptr<const Batch> opening;  // what the session and its formats are
};

LastEvents LastEventsOf(const CpuPositions& positions);

class BatchSpool {
 public:
  // `options.cut` is set here.
  BatchSpool(Files* files, SpoolOptions options);

  // A batch as it is stored, and what of it is needed when it is taken at once.
  struct Encoded {
    std::string body;
    CpuPositions before, after;
    uint64_t real_ns = 0;
  };
  // Batches in the order in which they were recorded; the first of a session names it.
  Encoded Encode(const Batch& batch, uint64_t real_ns);
  // Its `sequence` and whether it is the `last` are told again; `taken`: it is handed on at once and not read again,
  // only where caught_up(). Answers with its number. Errors: as Spool::Append; it may be tried again.
  Result<uint64_t> Append(const Encoded& encoded, uint64_t sequence, bool last, bool taken);
  // Of what is being appended.
  uint64_t key() const { return key_; }
  const std::shared_ptr<const Batch>& opening() const { return opening_; }

  // It could not be appended, and is handed on all the same.
  void Bypass(const Encoded& encoded, uint64_t sequence, bool last);

  // The next batch; its gaps say what is missing in front of it. None: all were read.
  Result<std::optional<SpooledBatch>> Next();
  bool caught_up() const { return spool_.caught_up() && !held_; }

  // Every batch that was read or taken up to this number is with the server.
  void Acknowledge(uint64_t number);

  Spool& spool() { return spool_; }
  uint64_t events_cut() const { return *events_cut_; }         // to make room
  uint64_t events_missing() const { return events_missing_; }  // damaged, or gone as a whole

 private:
  struct InFlight {
    uint64_t number = 0, key = 0, sequence = 0;
    bool last = false;
    CpuPositions after;
  };

  void NoteTaken(InFlight taken);
  void NoteRead(InFlight read);
  std::optional<SpooledBatch> Understand(const SpoolItem& item);
  std::optional<SpooledBatch> EndOfBroken(const SpooledBatch& next);
  void Account(uint64_t missing, uint64_t first, SpooledBatch* next);

  const std::shared_ptr<uint64_t> events_cut_ = std::make_shared<uint64_t>(0);
  uint64_t events_missing_ = 0;
  Spool spool_;
  // Of what is appended.
  uint64_t key_ = 0;
  std::shared_ptr<const Batch> opening_;
  CpuPositions positions_;
  // Of what is read.
  InFlight read_;  // the last one; its key is 0 where nothing is known of it
  std::shared_ptr<const SegmentHead> read_head_;
  std::shared_ptr<const Batch> read_opening_, ended_opening_;
  uint64_t missing_ = 0;  // in front of the next one
  std::optional<SpooledBatch> held_;
  std::deque<InFlight> in_flight_;
};

}  // namespace wakewatch

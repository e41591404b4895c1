// Why: the engine borrows what an input says about itself: formats, symbols, tasks. Of a file all of it is there from
// the start; of a live session it arrives batch by batch, in front of the events that it is about. This is that input.
#pragma once

#include <memory>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/reader.h"
#include "server/live/format_sets.h"

namespace wakewatch {

class LiveInput : public TraceInput {
 public:
  // `sets` is shared by all sessions and must outlive this.
  LiveInput(const SessionInfo& session, FormatSets* sets);

  // Takes over what a batch says besides its events. Repeating a batch changes nothing. Errors: kCorrupt (formats that
  // do not match their hash), kUnsupported (formats that contradict earlier ones); nothing of the batch is learnt then.
  Status Learn(const Batch& batch);
  // Takes over a recording's: formats, symbols, tasks, clocks.
  Status LearnFrom(const TraceInput& stored, const std::vector<FormatsDelta>& formats);

  // Forgets what the engine has taken over; to be called behind an event that it was given.
  void DropThreads() { metadata_.threads.Drop(); }

  // What reads chunks with this hash; null: its formats have not come yet.
  const ChunkFormats* FindFormats(uint64_t hash) const;
  // CLOCK_REALTIME of a moment of the trace clock, by the newest pair; 0: no pair has come.
  uint64_t RealTime(uint64_t trace_ns) const;

  // Live sessions are read by their batches.
  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override;

 private:
  struct Set {
    std::shared_ptr<const SharedFormats> shared;
    ChunkFormats reads;  // with the mapping to this input's own table
  };
  Status LearnFormats(const FormatsDelta& delta);

  FormatSets* const sets_;
  std::vector<std::unique_ptr<Set>> known_;
};

}  // namespace wakewatch

// Why: whether anything was lost or doubled can only be said of events that are known. These have numbers: event j of
// CPU c happens at kFirstNs + j * kStepNs + c, so a stored time says which event it is, and two times how many lie
// between them. What the events say is a recording's, CPU by CPU, over and over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/chunk/chunk.h"
#include "analysis/trace/reader.h"

namespace wakewatch::faults {

inline constexpr uint64_t kFirstNs = 1'000'000'000, kStepNs = 20'000;

// What the wall clock says, and clocks that are not what they should be.
struct Clocks {
  int64_t wall_begin_s = 0;        // since 1970, when the trace clock is 0
  int64_t wall_jump_s = 0;         // from the batch in the middle on
  uint64_t page_time_back_ns = 0;  // the events of the one batch in the middle are that much earlier
};

struct SessionPlan {
  std::string host, boot_id, session;
  uint64_t batches = 10;
  uint32_t cpu_events = 100;  // of each CPU in a batch
  Clocks clocks;
  size_t bomb_bytes = 0;  // the first chunk of the batch in the middle inflates to so much; 0: it is in order
};

class NumberedEvents {
 public:
  // Errors: the reader's; kInvalidArgument, a recording without events.
  static Result<NumberedEvents> Load(const std::string& path);

  size_t cpus() const { return cpus_.size(); }
  // The plan's batch of this sequence, from 1; the first says who sends, the last that no more comes.
  Result<Batch> Make(const SessionPlan& plan, uint64_t sequence);

 private:
  struct Cpu {
    uint32_t cpu = 0;
    std::vector<Event> events;
    std::vector<std::vector<uint8_t>> storage;
    std::unique_ptr<ChunkEncoder> encoder;
  };

  Status LoadCpu(CpuReader* reader);
  Status UseFormats(const FormatTable& all);
  void Open(const SessionPlan& plan, Batch* batch) const;

  std::unique_ptr<FormatTable> formats_;  // of what occurs
  std::string kernel_, clock_;
  std::vector<Cpu> cpus_;
};

}  // namespace wakewatch::faults

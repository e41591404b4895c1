// Why: a live session's events arrive per CPU and batch by batch; the engine wants one stream in time order. What every
// online CPU is known up to (the watermark) is merged and handed on; the rest waits. The order is that of the offline
// merge, whatever the batches were, so live results equal offline ones.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

class LiveMerge {
 public:
  // A decoded chunk; its cpu and format indexes are final.
  struct Decoded {
    uint32_t cpu = 0;
    EventBlock block;
  };

  // The gaps that a batch lacks: events of a CPU that lie behind the watermark are void up to it. `late` gets the
  // number of those events. To be asked before the batch is stored, so that the gaps are stored with it.
  std::vector<GapRecord> LateGaps(const std::vector<Decoded>& chunks, uint64_t* late) const;
  // One for each CPU that is known, from where it was last seen up to what `batch` first shows of it: batches in
  // between are missing.
  std::vector<GapRecord> MissingGaps(const Batch& batch) const;

  static constexpr size_t kWaitingMax = 4u << 20;  // events, some 160 bytes each
  // Bounds what waits for CPUs that are not heard of. Where it is more, the slowest are given up for this batch, as if
  // they had gone offline, until half of it is left: the batch loses their frontiers, and gets a gap for each from
  // where it was last seen. Where that would be all of them, nobody is waited for up to the newest event that there is.
  // To be asked before the batch is stored, like the gaps above.
  void GiveUpSlow(Batch* batch, size_t waiting_max = kWaitingMax) const;

  // Takes a batch that was stored: its chunks, decoded and in order, its gaps and its frontiers.
  void Add(const Batch& batch, std::vector<Decoded> chunks);
  // Hands on what lies up to the watermark.
  Status Advance(const std::function<void(const Event&)>& visit);
  // Hands on everything: nothing more will come.
  Status Drain(const std::function<void(const Event&)>& visit);

  // Everything up to here has been handed on. 0: nothing yet.
  uint64_t watermark_ns() const { return watermark_ns_; }
  // Events handed on, by CPU.
  std::map<uint32_t, uint64_t> merged() const;
  // Events that wait.
  size_t waiting() const;

  // By CPU: where the gaps begin that were handed on behind its last event. A gap has no number, and one that begins at
  // an event may be told long after the watermark has passed that: only this tells which of them were handed on.
  using GapStarts = std::map<uint32_t, std::vector<uint64_t>>;
  GapStarts GapsBehindEvents() const;

  // For resuming: what had been handed on, and the watermark.
  void Restore(const std::map<uint32_t, uint64_t>& merged, uint64_t watermark_ns, const GapStarts& gaps = {});
  // The last event or gap of a CPU, ns; 0: none.
  uint64_t last_ns(uint32_t cpu) const;
  // Waits behind what a CPU has: events and gaps of a reader of stored events, in order.
  void AddStored(uint32_t cpu, EventBlock block);
  void SetFrontiers(const std::vector<Frontier>& frontiers);

 private:
  struct Stream {
    std::deque<EventBlock> blocks;
    uint64_t last_ns = 0;               // of the last event or gap that was added
    uint64_t merged = 0;                // events handed on
    std::vector<uint64_t> gaps_behind;  // starts of the gaps handed on since the last of them
    uint64_t frontier_ns = 0;
    bool online = false;
    std::optional<GapRecord> open_gap;  // whose end has not come
  };

  void AddGap(const GapRecord& gap);
  void PutGap(Stream* stream, const GapRecord& gap);
  void AddChunk(Decoded chunk);
  static void NoteHandedOn(const Event& event, Stream* stream);
  // What this CPU holds the watermark at; `frontier_ns` is news of it.
  static uint64_t HoldOf(const Stream& stream, uint64_t frontier_ns);
  uint64_t NextWatermark() const;
  size_t WaitingBehind(uint64_t ns) const;  // events
  Status HandOn(uint64_t up_to_ns, const std::function<void(const Event&)>& visit);

  std::map<uint32_t, Stream> streams_;  // by CPU
  uint64_t watermark_ns_ = 0;
};

}  // namespace wakewatch

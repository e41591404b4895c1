// Why: what was recorded waits in memory until the server has it, and memory is bounded. This decides what is kept,
// what is sent next, and what goes when there is too much: the events of the oldest batch that was not sent. It knows
// no network and no clock; its user holds a lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "analysis/chunk/batch.h"
#include "collector/agent/drop_events.h"

namespace wakewatch {

struct QueueLimits {
  size_t bytes_max = 48u << 20;  // of all batches that are not acknowledged
  size_t batches_max = 4096;
};

// Bytes that a batch takes in memory, about.
size_t BytesOf(const Batch& batch);

class BatchQueue {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Delivered {
    uint64_t sequence = 0, events = 0;
    TimePoint sent_at{};
  };

  explicit BatchQueue(QueueLimits limits) : limits_(limits) {}

  // Takes the next batch of the session; answers with the events that had to be dropped.
  uint64_t Push(Batch batch);

  // The next to be sent; null when all were. Valid until anything else is called.
  const Batch* Next() const { return sent_ < entries_.size() ? &entries_[sent_].batch : nullptr; }
  void MarkSent(TimePoint now);
  // The next one cannot be sent as it is: its events are dropped, what else it says stays. Answers with their number.
  uint64_t DropEventsOfNext();
  // Not even that can be sent. Answers with the events that go with it.
  uint64_t ForgetNext();
  // The next one says again what the first one of the session said.
  void RepeatOpening(const SessionInfo& session, const FormatsDelta& formats);

  // Another session begins, in the middle: what the events before its next batch were. Only while it is empty.
  void Begin(LastEvents before);
  // Takes the first out; it was marked as sent.
  Batch TakeSent();

  // The server has all up to `sequence`. What was not sent cannot be meant.
  std::vector<Delivered> Acknowledge(uint64_t sequence);
  // The server will never take this one. None when it was not waiting.
  std::optional<Delivered> Refuse(uint64_t sequence);
  // A new stream began: the server has what was sent up to `committed`, and not what was sent behind it. Until this
  // is known, what was sent is neither sent again nor dropped.
  std::vector<Delivered> Resume(uint64_t committed);

  bool empty() const { return entries_.empty(); }
  // Of the one in front. Only while it is not empty.
  uint64_t first_sequence() const { return entries_.front().batch.sequence; }
  size_t batches() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }
  size_t in_flight() const { return sent_; }
  uint64_t events() const;  // in all that wait

 private:
  struct Entry {
    Batch batch;
    size_t bytes = 0;
    TimePoint sent_at{};
  };

  bool Full() const { return bytes_ > limits_.bytes_max || entries_.size() > limits_.batches_max; }
  // False: there is nothing more to be dropped.
  bool DropOldest(uint64_t* events);
  LastEvents BeforeNext() const;
  void Measure(Entry* entry);
  Delivered Remove(size_t index);

  const QueueLimits limits_;
  std::deque<Entry> entries_;
  size_t sent_ = 0;  // this many in front were sent
  size_t bytes_ = 0;
  LastEvents removed_;  // last events of what is here no more
};

}  // namespace wakewatch

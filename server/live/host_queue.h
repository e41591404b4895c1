// Why: batches of one host on their way from its stream to a worker. How many wait is limited, and how many leave: a
// worker takes as much as one transaction should have, so that hosts get their turns, and of a host that is paced no
// more than its pace allows. What may not leave yet stays, and its stream is read no further: nothing is lost here.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/live/event_pace.h"

namespace wakewatch {

// Events that would keep the server as busy as the batch does; about.
uint64_t EventsWorth(const Batch& batch);

// Not thread-safe, but for bytes().
class HostQueue {
 public:
  using Time = EventPace::Time;

  struct Item {
    Batch batch;
    size_t bytes = 0;                 // as a message
    std::optional<Error> unreadable;  // then of the batch there is the sequence only
  };

  static constexpr size_t kItemsMax = 16;  // then the stream is read no further
  static constexpr size_t kBytesMax = 8u << 20;
  static constexpr size_t kGroupItemsMax = 32;  // of one transaction
  // Of one transaction, but for a batch that has more: decoded they take some 160 bytes each, until they are analysed.
  static constexpr uint64_t kGroupEventsMax = 1u << 17;

  explicit HostQueue(uint64_t events_per_second) : pace_(events_per_second) {}

  // False: enough waits.
  bool Push(Batch batch, size_t bytes);
  bool PushUnreadable(uint64_t sequence, Error error);
  // The next transaction's, in order; with `paced` none, and fewer, while the pace says so.
  std::vector<Item> Take(Time now, bool paced);
  void Clear();

  // Take gives something from then on, as far as is known; Time::max(): nothing waits.
  Time ready_at() const { return items_.empty() ? Time::max() : ready_at_; }
  // How long, in all, something waited for the pace.
  std::chrono::nanoseconds paced() const { return paced_; }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  bool HasRoom() const { return items_.size() < kItemsMax && bytes_ < kBytesMax; }

  std::deque<Item> items_;
  EventPace pace_;
  Time ready_at_ = Time::min();      // of what waits
  std::optional<Time> paced_since_;  // something waits for the pace
  std::chrono::nanoseconds paced_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace wakewatch

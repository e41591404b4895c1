// Why: a disk may be slow, full or broken, and recording must not wait for it. A thread of its own appends what was
// recorded to the spool, makes it durable five times a second, and keeps the uplink's queue filled with what comes
// next: first the sessions that earlier starts left, then the present one. Where the disk takes nothing, batches go
// from memory to the server, and what does not fit there is dropped as without a spool.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "collector/agent/batch_queue.h"
#include "collector/agent/batch_spool.h"
#include "collector/spool/spool.h"

namespace wakewatch {

struct SpoolKeeperOptions {
  SpoolOptions spool;
  QueueLimits pending;                        // what may wait in memory for the disk
  size_t window_bytes = 4u << 20;             // of batches, that wait in memory for the server
  std::chrono::milliseconds sync_every{200};  // so much of what was read is lost with the power, at most
  uint64_t sync_bytes = 4u << 20;             // or so much
  std::chrono::milliseconds trim_every{1'000};
};

struct SpoolFigures {
  bool used = false;
  uint64_t bytes = 0, unread = 0;
  uint64_t oldest_real_ns = 0;                      // when the oldest that waits was appended; 0: none waits
  uint64_t events_dropped = 0, events_missing = 0;  // to make room; damaged or gone
  uint64_t append_failures = 0, sync_failures = 0, quarantined = 0;
};

class SpoolKeeper {
 public:
  // The uplink's side; all of it is guarded by `mutex`.
  struct Outbox {
    std::mutex* mutex;
    std::condition_variable* changed;
    BatchQueue* queue;
    // From here on the queue holds batches of this session. Called when it is empty.
    std::function<void(const SessionInfo&, const FormatsDelta&)> open;
  };

  SpoolKeeper(std::unique_ptr<Files> files, SpoolKeeperOptions options, Outbox outbox);
  // As Close.
  ~SpoolKeeper();

  // What is below is called with the mutex held.
  // Answers with the events that had to be dropped.
  uint64_t Offer(Batch batch);
  // Everything is in the queue, or through it.
  bool empty() const { return pending_.empty() && all_taken_; }
  size_t pending_bytes() const { return pending_.bytes(); }
  size_t pending_batches() const { return pending_.batches(); }
  const SpoolFigures& figures() const { return figures_; }

  // Without the mutex: appends what waits, makes it durable, and ends.
  void Close();

 private:
  using Clock = std::chrono::steady_clock;
  using Lock = std::unique_lock<std::mutex>;
  struct Taken {
    uint64_t sequence = 0, number = 0, real_ns = 0;
  };

  void Loop();
  // Each of these lets go of the lock while it is at the disk. True: something was done.
  bool AppendNext(Lock* lock);
  bool Refill(Lock* lock);
  void MakeDurable(Lock* lock, bool all);
  void NoteDelivered();
  bool Room() const;
  bool Push(SpooledBatch* batch);
  void NoteFigures();

  const SpoolKeeperOptions options_;
  const Outbox outbox_;
  const std::unique_ptr<Files> files_;
  BatchSpool spool_;  // of the thread

  // Guarded by the mutex.
  BatchQueue pending_;
  bool all_taken_ = true, closing_ = false;
  uint64_t open_key_ = 0;       // of the session in the queue
  uint64_t queue_dropped_ = 0;  // events
  std::deque<Taken> taken_;
  SpoolFigures figures_;

  // Of the thread.
  std::optional<SpooledBatch> held_;  // of another session than those in the queue
  uint64_t delivered_ = 0;            // number
  Clock::time_point synced_at_{}, trimmed_at_{}, failed_at_{};
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace wakewatch

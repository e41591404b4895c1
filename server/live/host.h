// Why: everything the server holds of one host: the way in for its collector, the batches that wait, the session they
// belong to, and what a dashboard shows of it. Batches are handed in by network threads and worked off by one worker at
// a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/chunk/batch.h"
#include "server/live/daily_bytes.h"
#include "server/live/finding_feed.h"
#include "server/live/host_queue.h"
#include "server/live/live_session.h"
#include "server/live/rate.h"
#include "server/live/snapshot_requests.h"
#include "server/store/catalogue.h"
#include "server/store/recording_facts.h"

namespace wakewatch {

// How the server answers a collector. Called by workers; none of it may block or call back into the host.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void Welcome(uint64_t committed_sequence) = 0;
  // Everything up to `sequence` is durable, or was refused.
  virtual void Ack(uint64_t sequence) = 0;
  virtual void Refuse(uint64_t sequence, const std::string& cause, const std::string& remedy) = 0;
  // Asks for /proc of a task; the answer, if one comes, names the request.
  virtual void RequestSnapshot(uint64_t request_id, int32_t pid) = 0;
  // Nothing more is taken from this stream.
  virtual void End(const Error& error) = 0;
};

// What a collector says of itself.
struct CollectorHealth {
  std::string profile, profile_wanted;
  uint64_t events_lost = 0, events_dropped = 0, queue_bytes = 0;
  std::vector<std::string> warnings;
};

enum class HostStatus { kStreaming, kDisconnected, kEnded };

struct HostState {
  std::string name, kernel, boot_id, recording, collector_version;
  HostStatus status = HostStatus::kEnded;
  uint32_t cpus = 0;
  CollectorHealth collector;
  double events_per_s = 0, bytes_per_s = 0;
  uint64_t events = 0, lost_events = 0, gaps = 0, late_events = 0, findings = 0, refused_batches = 0;
  bool lost_unknown = false;
  RecordingWorst worst;
  uint64_t lag_ns = 0, watermark_ns = 0, watermark_real_ns = 0, last_batch_real_ns = 0;
  std::string last_refusal;
  uint64_t bytes_today = 0, streams_over_cap = 0;  // of messages, in this day; streams it was refused
  uint64_t paced_ns = 0;                           // its batches waited so long for its pace, since this server began
  SnapshotCounts snapshots;
};

// What a host needs of the server around it.
struct HostPlace {
  std::string data_folder;
  LiveOptions live;
  SnapshotLimits snapshots = {};
  FormatSets* sets = nullptr;
  Catalogue* catalogue = nullptr;
  FindingFeed* feed = nullptr;
  std::function<void(const std::string& line, bool warning)> log;
  std::shared_mutex* files = nullptr;                 // to be held, shared, while a session is opened
  std::function<void(const RecordingRow&)> complete;  // called with recordings that have ended
  uint64_t bytes_per_day_max = 0;                     // of messages, of each host; 0: no limit
  uint64_t events_per_second = 0;                     // above, a host is paced while others stream; 0: none is
  const std::atomic<int>* streams = nullptr;          // of all hosts; null: others stream
};

class Host {
 public:
  Host(std::string name, const HostPlace& place);

  // A collector's stream begins; the answer names it in the calls below. The delivery gets Welcome when the session is
  // open. Errors: kConflict, another collector streams this host; kTooLarge, it has sent all of its bytes of
  // this day; what Close was called with.
  Result<uint64_t> Connect(const SessionInfo& session, std::shared_ptr<Delivery> delivery);
  // Hands a batch in; `bytes` is its size as a message. False: enough waits, and the stream should be read no further
  // until the next Ack. Batches of a stream that was replaced are dropped. One that is more than the host may send in a
  // day ends the stream.
  bool Offer(uint64_t stream, Batch batch, size_t bytes);
  // A batch that could not be read. As Offer.
  bool OfferUnreadable(uint64_t stream, uint64_t sequence, Error error);
  void NoteCollector(uint64_t stream, CollectorHealth report);
  // What a collector said of a task. False: it was not asked, and the answer is dropped.
  bool OfferSnapshot(uint64_t stream, uint64_t request_id, ProcSnapshot answer);
  void Disconnect(uint64_t stream);

  // Works off what waits, as far as one transaction and the host's pace go. True: there is more that needs not wait.
  // One thread at a time.
  bool Work();
  // Where Work has left something for the host's pace: from when on there is more for it. Else
  // Clock::time_point::max().
  std::chrono::steady_clock::time_point ResumesAt() const;
  // Something waits, or is due at `now`.
  bool HasWork(std::chrono::steady_clock::time_point now) const;
  // The session is stored as far as it came and closed, for good. `error` is what its collector is told.
  void Close(const Error& error);

  HostState State() const;
  const std::string& name() const { return name_; }
  // Calls `read` with the open session, or with null when none is open. Work waits meanwhile.
  void Read(const std::function<void(const LiveSession*)>& read) const;
  // Of the session that is open; empty: none is.
  std::string Folder() const;
  // Bytes of messages that wait.
  size_t queued_bytes() const { return queue_.bytes(); }

 private:
  using Clock = std::chrono::steady_clock;
  using Item = HostQueue::Item;
  struct Taken {
    std::shared_ptr<Delivery> delivery;
    std::optional<SessionInfo> open;
    std::vector<Item> items;
    bool more = false;
  };

  static constexpr std::chrono::seconds kFlushEvery{1};
  static constexpr std::chrono::minutes kIdleEnd{10};  // a session whose collector stays away is over
  static constexpr std::chrono::minutes kSayPacedEvery{10};

  Error OverCap() const;
  Taken TakeItems();
  bool OthersStream() const;
  // Each fails with what the collector is told.
  Status OpenSession(const SessionInfo& session, Delivery* delivery);
  Result<std::unique_ptr<LiveSession>> OpenStored(const SessionInfo& session);
  Status StoreItems(std::vector<Item> items, Delivery* delivery);
  Status Analyse();
  Status Maintain();
  Status EndSession();
  void Fail(const Error& error, const std::shared_ptr<Delivery>& delivery);
  void Publish(const std::vector<Finding>& found);
  FoundFinding Found(const Finding& finding, bool update) const;
  void AskSnapshots(const std::vector<Finding>& found);
  // `last`: the session ends.
  void AttachSnapshots(bool last);
  void NoteStored(const LiveSession::Stored& stored, const std::vector<Frontier>& frontiers);
  void NotePosition();
  void UpdateCatalogue(bool live);
  void NoteAway();
  DayBytes SentLast() const {
    const std::lock_guard lock(queue_mutex_);
    return daily_.Last();
  }

  const std::string name_;
  const HostPlace& place_;

  mutable std::mutex queue_mutex_;  // guards the next nine
  std::shared_ptr<Delivery> delivery_;
  uint64_t stream_ = 0;                        // number of the newest stream
  std::optional<SessionInfo> session_wanted_;  // to be opened
  SessionInfo streaming_;                      // of the newest stream
  HostQueue queue_;
  std::optional<Error> closed_;  // by Close: nothing is taken any more
  DailyBytes daily_;
  uint64_t streams_over_cap_ = 0;
  Clock::time_point say_paced_at_{};

  mutable std::mutex session_mutex_;  // guards the session
  std::unique_ptr<LiveSession> session_;
  uint64_t findings_made_ = 0;  // by the session, as far as they are counted in state_
  SnapshotRequests snapshots_;

  mutable std::mutex state_mutex_;  // guards what follows
  HostState state_;
  Rate events_rate_, bytes_rate_;
  int64_t offset_ns_ = INT64_MAX;  // server's steady clock less the trace clock, of the quickest batch
  Clock::time_point flush_at_{}, catalogue_at_{}, away_since_{};
  bool session_open_ = false, flush_pending_ = false;
  std::string folder_;  // of the open session
};

}  // namespace wakewatch

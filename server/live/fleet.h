// Why: all hosts of a server, the workers that take turns at them, and the clockwork that flushes, ends and ages what
// they stored. Network threads hand in and ask; they never wait for a disk.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "server/live/caretaker.h"
#include "server/live/finding_feed.h"
#include "server/live/host.h"
#include "server/live/shipped_verdicts.h"
#include "server/live/uploads.h"
#include "server/store/annotations.h"
#include "server/store/catalogue.h"
#include "server/store/retention.h"

namespace wakewatch {

struct FleetOptions {
  std::string data_folder;
  CheckDepth check = CheckDepth::kQuick;  // of what is stored, before anything else
  LiveOptions live;
  SnapshotLimits snapshots;
  RetentionOptions retention;
  bool retention_holds_back = true;  // what is overdue by far: see HeldHosts
  UploadLimits uploads;
  // For each shipped protocol that is checked in the background from the start on; 0: none is checked.
  std::chrono::milliseconds shipped_check_max{0};
  unsigned workers = 0;  // 0: two more than there are cores, since a commit waits for the disk
  size_t hosts_max = 10'000;
  uint64_t host_bytes_per_day_max = 128ull << 30;  // of messages, of each host; 0: no limit
  uint64_t host_events_per_second = 500'000;       // above, a host waits while others stream; 0: none does
  size_t queue_bytes_max = 256u << 20;             // of messages that wait, of all hosts together
  std::function<void(const std::string& line, bool warning)> log;
};

class Fleet {
 public:
  // Opens the catalogue, or rebuilds it. Errors: the data folder cannot be made or written.
  static Result<std::unique_ptr<Fleet>> Open(const FleetOptions& options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // One collector's stream.
  class Feed {
   public:
    // False: read no further until the next Ack.
    bool Offer(Batch batch, size_t bytes);
    bool OfferUnreadable(uint64_t sequence, Error error);
    void OfferSnapshot(uint64_t request_id, ProcSnapshot answer);
    void Report(CollectorHealth report) { host_->NoteCollector(stream_, std::move(report)); }
    // The stream is over. Once.
    void Disconnect();

   private:
    friend class Fleet;
    bool Pushed(bool room);
    Fleet* fleet_ = nullptr;
    std::shared_ptr<Host> host_;
    uint64_t stream_ = 0;
  };
  // Errors: kConflict (another collector streams this host), kTooLarge (hosts_max, or the host's bytes of this day),
  // kInterrupted (the server stops).
  Result<std::unique_ptr<Feed>> Connect(const SessionInfo& session, std::shared_ptr<Delivery> delivery);

  // Makes a recording file of this data folder's file system a recording of `host`; `unique` as AdoptRecording. Errors:
  // kConflict (as MayImportUnder), and those of AdoptRecording; then the file stays.
  Result<RecordingRow> Adopt(const std::string& file, const std::string& host, const std::string& unique);

  // Stores what waits, checkpoints and closes every session; collectors are told. Later Connects fail.
  void Stop();

  // By name; hosts that have not streamed since this server began included.
  std::vector<HostState> Hosts() const;
  // Null: it has not streamed since this server began.
  std::shared_ptr<Host> Find(const std::string& name) const;
  Catalogue& catalogue() { return *catalogue_; }
  Annotations& annotations() { return *annotations_; }
  Uploads& uploads() { return *uploads_; }
  FindingFeed& findings() { return feed_; }
  const ShippedVerdicts& verdicts() const { return *verdicts_; }
  const FleetOptions& options() const { return options_; }

 private:
  explicit Fleet(const FleetOptions& options);
  void Schedule(const std::shared_ptr<Host>& host);
  void Add(const std::shared_ptr<Host>& host);  // with run_mutex_ held
  void WorkLoop();
  void ClockLoop();
  void Tick();
  void RunPaced();  // with run_mutex_ held
  std::set<std::string> FoldersInUse() const;
  size_t QueuedBytes() const;
  // Of a recording that is stored. Of what cannot be read nothing is known, and so not what it lost.
  RecordingFacts FactsOf(const RecordingRow& row) const;

  const FleetOptions options_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<Annotations> annotations_;
  std::unique_ptr<Uploads> uploads_;
  std::unique_ptr<ShippedVerdicts> verdicts_;
  FormatSets sets_;
  FindingFeed feed_;
  HostPlace place_;
  std::atomic<int> streams_{0};

  std::shared_mutex files_mutex_;  // exclusive while old files are removed, shared while a session is opened

  mutable std::mutex hosts_mutex_;
  std::map<std::string, std::shared_ptr<Host>> hosts_;

  // By host, of its newest recording; read again once that has changed.
  struct StoredFacts {
    std::string recording;
    uint64_t bytes = 0, findings = 0;
    RecordingFacts facts;
  };
  mutable std::mutex facts_mutex_;
  mutable std::map<std::string, StoredFacts> facts_;

  std::mutex run_mutex_;  // guards the next five
  std::condition_variable run_changed_, clock_changed_;
  std::deque<std::shared_ptr<Host>> runnable_;
  std::set<const Host*> scheduled_;        // in runnable_
  std::set<const Host*> working_, again_;  // a worker is at it; and it has new work
  // Runnable from then on.
  std::set<std::pair<std::chrono::steady_clock::time_point, std::shared_ptr<Host>>> paced_;
  bool stopping_ = false;

  std::unique_ptr<Caretaker> caretaker_;
  std::vector<std::thread> workers_;
  std::thread clock_;
};

}  // namespace wakewatch

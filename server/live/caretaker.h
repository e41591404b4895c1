// Why: what is stored needs care that must not hold up what comes in: complete files are sealed, old ones trimmed and
// removed. One thread does all of it, so that no file is rewritten by two at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <thread>

#include "server/live/real_clock.h"
#include "server/store/catalogue.h"
#include "server/store/retention.h"

namespace wakewatch {

class Caretaker {
 public:
  struct Options {
    Catalogue* catalogue = nullptr;
    RetentionOptions retention;
    bool holds_back = true;  // see HeldHosts
    std::function<uint64_t()> now_real_ns = RealNowNs;
    // Held, exclusive, while files of sessions that are not open are rewritten or removed.
    std::shared_mutex* files = nullptr;
    std::function<std::set<std::string>()> folders_in_use;  // of sessions that are being stored
    std::function<void(const std::string& line, bool warning)> log;
  };
  // Starts the thread.
  explicit Caretaker(Options options);
  // Ends it; a file that is being rewritten is finished first.
  ~Caretaker();
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // This recording is complete, and nobody stores into it any more.
  void Take(const RecordingRow& complete);

 private:
  void Loop();
  void SealComplete();
  // The parts of `folder`, less the newest unless `whole`. True when all of them are sealed.
  bool Seal(const std::string& folder, bool whole);
  void ApplyRetentionNow();
  std::string FolderOf(const RecordingRow& row) const;

  const Options options_;
  std::set<std::string> sealed_;  // parts
  HeldHosts held_;
  std::set<std::string> held_said_;  // once for each folder
  std::mutex mutex_;              // guards the next two
  std::deque<RecordingRow> complete_;
  bool stopping_ = false;
  std::condition_variable changed_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace wakewatch

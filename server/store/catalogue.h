// Why: which recordings there are, without opening each of them. The catalogue is a cache: whatever is wrong with it,
// it is made again from the recordings, and what is wrong with a recording never keeps the server from starting.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/day_bytes.h"
#include "server/store/protocol_verdicts.h"
#include "server/store/recording_row.h"
#include "server/store/sqlite.h"
#include "server/store/store_check.h"

namespace wakewatch {

// Thread-safe.
class Catalogue {
 public:
  // Reads <data>/catalogue.db, or makes it. Recordings whose files have changed since their row was written are read
  // again, all of them when the file is missing, damaged or of another version. Every part is looked at as `depth`
  // says; those that are damaged are moved to <data>/quarantine/. No recording is `live` in the beginning. Error: the
  // data folder cannot be made.
  static Result<std::unique_ptr<Catalogue>> Open(const std::string& data_folder, CheckDepth depth = CheckDepth::kQuick);

  // What was wrong when it was opened.
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::string& data_folder() const { return data_folder_; }

  // Adds a row, or replaces the one with its host and id. The row is taken over also when it cannot be written down
  // (then the recording is read again at the next start).
  Status Update(const RecordingRow& row);
  Status Remove(const std::string& host, const std::string& id);

  // For a part of this data folder that turned out to be damaged later: moves it to <data>/quarantine/ as well. Error:
  // it stays where it is.
  Result<std::string> Quarantine(const std::string& part, const Error& error);
  // How many files lie there.
  size_t quarantined() const { return quarantined_.load(std::memory_order_relaxed); }

  std::vector<std::string> Hosts() const;
  // Newest first; of all hosts when `host` is empty.
  std::vector<RecordingRow> List(const std::string& host) const;
  std::optional<RecordingRow> Find(const std::string& host, const std::string& id) const;
  std::optional<RecordingRow> Newest(const std::string& host) const;

  // What KeepVerdicts was last given, by this server or one before it; empty where nothing could be read.
  std::vector<ProtocolVerdict> Verdicts() const;
  Status KeepVerdicts(std::span<const ProtocolVerdict> verdicts);

  // What KeepDay was last given for this host, by this server or one before it; a file that is made again has none.
  DayBytes DayOf(const std::string& host) const;
  Status KeepDay(const std::string& host, DayBytes day);

 private:
  using Key = std::pair<std::string, std::string>;  // host, id

  explicit Catalogue(std::string data_folder) : data_folder_(std::move(data_folder)) {}
  Status OpenFile();
  Status LoadFile(std::map<Key, std::pair<RecordingRow, uint64_t>>* rows) const;
  void ReadRecordings(const std::map<Key, std::pair<RecordingRow, uint64_t>>& known, CheckDepth depth);
  void CheckParts(const std::string& folder, CheckDepth depth);
  std::optional<RecordingRow> ReadRecording(const std::string& folder);
  void Drop(const std::string& part, const Error& error);
  // `stamp`: of the recording's files when the row was made.
  Status Write(const RecordingRow& row, uint64_t stamp);

  const std::string data_folder_;
  std::vector<std::string> warnings_;
  std::atomic<size_t> quarantined_{0};
  mutable std::mutex mutex_;
  std::map<Key, RecordingRow> rows_;
  std::map<std::string, DayBytes> days_;  // by host
  Database db_;  // without a file when it could not be made: then the rows are kept in memory only
  Statement put_, remove_, put_day_;
};

}  // namespace wakewatch

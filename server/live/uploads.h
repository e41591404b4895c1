// Why: a browser sends a file in parts, may lose its connection, and may never come back. What it sent lies in
// <data>/uploads under a name that it did not choose, and goes when it is done with, given up, or forgotten.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

struct UploadLimits {
  size_t at_once = 4;
  uint64_t bytes_max = 8ull << 30;      // of all that there are, as they were announced; 0: none is taken
  std::chrono::seconds idle_max{3600};  // without a part
  size_t part_bytes_max = 4u << 20;
};

// What is said of a file before it is sent.
struct UploadAbout {
  std::string file_name;  // as its user knows it; no path
  std::string host;       // under which it is to be stored
  std::string owner;      // name of the caller: nobody else may go on with it
  uint64_t bytes = 0;
};

// A file with its room on the disk; both go when the last user lets go of it.
class Upload {
 public:
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const UploadAbout& about() const { return about_; }
  const std::string& id() const { return id_; }
  const std::string& path() const { return path_; }
  // Where a recording may be made of it; removed together with it.
  std::string recording_path() const { return path_ + ".db"; }
  // It was given up while it was being read.
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  friend class Uploads;
  using Clock = std::chrono::steady_clock;
  Upload(UploadAbout about, std::string id, std::string path, int file);

  const UploadAbout about_;
  const std::string id_, path_;
  const int file_;
  std::atomic<bool> cancelled_{false};
  std::atomic<Clock::time_point> touched_;
  std::mutex mutex_;  // guards the next two
  uint64_t received_ = 0;
  bool taken_ = false;
};

// Thread-safe. Errors of all: kNotFound: there is no such upload, or it is somebody else's.
class Uploads {
 public:
  // Removes what an earlier process left.
  Uploads(const std::string& data_folder, UploadLimits limits);

  // The id of a new upload. Errors: kInvalidArgument (an empty file), kTooLarge (too many, too large), kUnsupported
  // (none is taken), kNoSpace, kIo.
  Result<std::string> Begin(UploadAbout about);
  // Bytes received in all. What is there already is passed over. Errors: kUnsupported (the part begins elsewhere than
  // where the file ends so far, or the file is being read), kInvalidArgument (more than was announced), kTooLarge (the
  // part), kNoSpace and kIo: the part may be sent again.
  Result<uint64_t> Append(const std::string& id, const std::string& owner, uint64_t offset, std::string_view part);
  // The whole file, for one taker. Error kUnsupported: something is missing, or it was taken before.
  Result<std::shared_ptr<Upload>> Take(const std::string& id, const std::string& owner);
  // Gives it up; a taker sees it.
  Status Cancel(const std::string& id, const std::string& owner);
  // It is done with.
  void Remove(const std::string& id);
  // Those that had no part for idle_max until `now`.
  void RemoveIdle(std::chrono::steady_clock::time_point now);

  const UploadLimits& limits() const { return limits_; }

 private:
  Result<std::shared_ptr<Upload>> Find(const std::string& id, const std::string& owner) const;
  Status CheckRoom(uint64_t bytes) const;

  const std::string folder_;
  const UploadLimits limits_;
  mutable std::mutex mutex_;  // guards uploads_
  std::map<std::string, std::shared_ptr<Upload>> uploads_;
};

}  // namespace wakewatch

// Why: what people say about findings must outlive the recordings in which they were found, so it has a file of its
// own, <data>/annotations.db. Each change is durable before it is answered, a copy is part of every backup, and a file
// that turns out to be damaged is put away, not written over.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/base/result.h"
#include "server/store/sqlite.h"

namespace wakewatch {

enum class Triage { kNone, kAcknowledged, kMuted };

// Of the findings of a group on a host.
struct Annotation {
  std::string host, group_id;
  Triage triage = Triage::kNone;
  std::string note;              // UTF-8
  std::string author;            // empty: not known
  uint64_t changed_real_ns = 0;  // CLOCK_REALTIME of the server

  bool operator==(const Annotation&) const = default;
};

inline constexpr size_t kNoteBytesMax = 4096;

std::string AnnotationsPath(const std::string& data_folder);

// Thread-safe.
class Annotations {
 public:
  // Opens the file, or makes it. Whatever is wrong with it becomes a warning: a damaged one is moved to
  // <data>/quarantine/ and a new one begun; where there can be none, Put and List say why.
  static std::unique_ptr<Annotations> Open(const std::string& data_folder, size_t most = 100'000);

  const std::vector<std::string>& warnings() const { return warnings_; }

  // Takes the place of what was said before; with neither triage nor note, that is forgotten. Durable when it returns.
  // Errors: kInvalidArgument (no host, a group that is no id, a note that is too long or no UTF-8), kTooLarge (there
  // are as many as are kept), kNoSpace, kIo.
  Status Put(const Annotation& annotation);
  // The newest first. Empty: all hosts, all groups. Error kTooLarge: their notes together are more than `bytes_max`.
  Result<std::vector<Annotation>> List(std::string_view host, std::string_view group_id, size_t bytes_max) const;
  // Groups of a host that are muted; none where they cannot be read: a finding too many is better than one too few.
  std::set<std::string> Muted(std::string_view host) const;

 private:
  Annotations(std::string data_folder, size_t most) : data_folder_(std::move(data_folder)), most_(most) {}
  Status OpenFile();
  Status PutAwayDamaged(const Error& error);

  const std::string data_folder_;
  const size_t most_;
  std::vector<std::string> warnings_;
  Error problem_;  // why db_ is not open
  mutable std::mutex mutex_;
  Database db_;
  size_t count_ = 0;
};

// What is wrong with the file, all pages read when `full`. It does not change it. No file is fine.
Status CheckAnnotations(const std::string& data_folder, bool full);

}  // namespace wakewatch

#include "server/live/uploads.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wakewatch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".upload";

// 128 bits that nobody guesses, in hexadecimal; empty: the system has no randomness.
std::string RandomId() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  uint8_t bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return {};
  std::string text;
  for (const uint8_t byte : bytes) text += {kDigits[byte >> 4], kDigits[byte & 15]};
  return text;
}

void RemoveWithJournals(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) unlink((path + suffix).c_str());
}

Status WriteAll(int file, std::string_view part, uint64_t offset, const std::string& name) {
  while (!part.empty()) {
    const ssize_t n = pwrite(file, part.data(), part.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      Error error = ErrnoError(errno, "storing what was uploaded", name);
      if (error.code == ErrorCode::kNoSpace) error.remedy = "free space on the server's disk";
      return Fail(std::move(error));
    }
    part.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Error NotNow(std::string cause, const std::string& file, std::string remedy) {
  return {ErrorCode::kUnsupported, std::move(cause), file, {}, std::move(remedy)};
}

}  // namespace

Upload::Upload(UploadAbout about, std::string id, std::string path, int file)
    : about_(std::move(about)), id_(std::move(id)), path_(std::move(path)), file_(file), touched_(Clock::now()) {}

Upload::~Upload() {
  close(file_);
  for (const std::string& path : {path_, recording_path()}) RemoveWithJournals(path);
}

Uploads::Uploads(const std::string& data_folder, UploadLimits limits)
    : folder_(data_folder + "/uploads"), limits_(limits) {
  std::vector<fs::path> left;
  std::error_code error;
  for (fs::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().find(kSuffix) != std::string::npos) left.push_back(entry->path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
}

Status Uploads::CheckRoom(uint64_t bytes) const {
  if (uploads_.size() >= limits_.at_once) {
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "the server takes " + std::to_string(limits_.at_once) + " uploads at once",
                      .remedy = "wait until one is done; one that was left alone goes by itself"});
  }
  uint64_t left = limits_.bytes_max;
  for (const auto& [id, upload] : uploads_) left -= upload->about().bytes;
  if (bytes > left) {
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "the file has " + std::to_string(bytes) + " bytes, and the server has room for " +
                               std::to_string(left) + " of uploads",
                      .remedy = "wakewatch serve --import-gib; or import it on the server: wakewatch import"});
  }
  std::error_code error;
  const auto space = fs::space(folder_, error);
  if (!error && bytes > space.available) {
    return Fail(Error{.code = ErrorCode::kNoSpace,
                      .cause = "the file has " + std::to_string(bytes) + " bytes, and the server's disk has room for " +
                               std::to_string(space.available),
                      .remedy = "free space on the server's disk"});
  }
  return {};
}

Result<std::string> Uploads::Begin(UploadAbout about) {
  if (limits_.bytes_max == 0) {
    return Fail(NotNow("this server takes no uploads", about.file_name, "wakewatch serve --import-gib"));
  }
  if (about.bytes == 0) {
    return Fail(Error{ErrorCode::kInvalidArgument, "the file is empty", about.file_name, {}, "choose a trace"});
  }
  const std::lock_guard lock(mutex_);
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return Fail(ErrnoError(errno, "making the folder of uploads", about.file_name));
  }
  if (auto room = CheckRoom(about.bytes); !room) {
    room.error().file = about.file_name;
    return Fail(std::move(room.error()));
  }
  std::string id = RandomId();
  if (id.empty()) return Fail(ErrorCode::kInternal, "the system has no randomness for a name");
  std::string path = folder_ + "/" + id + std::string(kSuffix);
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return Fail(ErrnoError(errno, "making room for the upload", about.file_name));
  uploads_[id] = std::shared_ptr<Upload>(new Upload(std::move(about), id, std::move(path), file));
  return id;
}

Result<std::shared_ptr<Upload>> Uploads::Find(const std::string& id, const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  if (found != uploads_.end() && found->second->about().owner == owner) return found->second;
  return Fail(
      Error{.code = ErrorCode::kNotFound,
            .cause = "there is no such upload",
            .remedy = "begin it again; one that was left alone for an hour, or that a restart came between, is gone"});
}

Result<uint64_t> Uploads::Append(const std::string& id, const std::string& owner, uint64_t offset,
                                 std::string_view part) {
  const auto upload = Find(id, owner);
  if (!upload) return Fail(upload.error());
  Upload& into = **upload;
  const std::string& name = into.about_.file_name;
  if (part.size() > limits_.part_bytes_max) {
    return Fail(Error{ErrorCode::kTooLarge, "a part of " + std::to_string(part.size()) + " bytes", name, offset,
                      "parts have at most " + std::to_string(limits_.part_bytes_max) + " bytes"});
  }
  const std::lock_guard lock(into.mutex_);
  into.touched_ = Upload::Clock::now();
  if (offset <= into.received_ && part.size() <= into.received_ - offset) return into.received_;
  if (into.taken_) return Fail(NotNow("the file is being read", name, "begin it again to send another one"));
  if (offset != into.received_) {
    return Fail(NotNow("a part that begins at byte " + std::to_string(offset) + ", and the file ends at byte " +
                           std::to_string(into.received_) + " so far",
                       name, "go on where it ends"));
  }
  if (part.size() > into.about_.bytes - into.received_) {
    return Fail(Error{ErrorCode::kInvalidArgument,
                      "more than the " + std::to_string(into.about_.bytes) + " bytes that were announced", name, offset,
                      "did the file change while it was sent? begin it again"});
  }
  if (auto written = WriteAll(into.file_, part, offset, name); !written) return Fail(std::move(written.error()));
  into.received_ += part.size();
  return into.received_;
}

Result<std::shared_ptr<Upload>> Uploads::Take(const std::string& id, const std::string& owner) {
  auto upload = Find(id, owner);
  if (!upload) return upload;
  const std::lock_guard lock((*upload)->mutex_);
  const std::string& name = (*upload)->about_.file_name;
  if ((*upload)->taken_) return Fail(NotNow("the file is being read already", name, "wait for it"));
  if ((*upload)->received_ != (*upload)->about_.bytes) {
    return Fail(NotNow("only " + std::to_string((*upload)->received_) + " of " +
                           std::to_string((*upload)->about_.bytes) + " bytes are there",
                       name, "send the rest first"));
  }
  (*upload)->taken_ = true;
  return upload;
}

Status Uploads::Cancel(const std::string& id, const std::string& owner) {
  const auto upload = Find(id, owner);
  if (!upload) return Fail(upload.error());
  (*upload)->cancelled_ = true;
  const std::lock_guard lock((*upload)->mutex_);
  // A taker lets go of it by itself, and until then it takes its room.
  if (!(*upload)->taken_) Remove(id);
  return {};
}

void Uploads::Remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  uploads_.erase(id);
}

void Uploads::RemoveIdle(std::chrono::steady_clock::time_point now) {
  std::vector<std::shared_ptr<Upload>> gone;  // their files go when nothing is locked
  const std::lock_guard lock(mutex_);
  for (auto at = uploads_.begin(); at != uploads_.end();) {
    Upload& upload = *at->second;
    const std::unique_lock busy(upload.mutex_, std::try_to_lock);
    const bool idle = busy && !upload.taken_ && now - upload.touched_.load() > limits_.idle_max;
    if (idle) gone.push_back(at->second);
    at = idle ? uploads_.erase(at) : std::next(at);
  }
}

}  // namespace wakewatch

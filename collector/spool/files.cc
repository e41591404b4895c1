#include "collector/spool/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace wakewatch {
namespace {

// What is recorded of a machine is for its root alone.
constexpr mode_t kFileMode = 0600, kFolderMode = 0700;

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, kFileMode)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

Status Answer(int answer, const char* action, const std::string& path) {
  if (answer == 0) return {};
  return Fail(ErrnoError(errno, action, path));
}

class RealAppender final : public Files::Appender {
 public:
  explicit RealAppender(const std::string& path)
      : path_(path), file_(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW) {}
  bool open() const { return file_.get() >= 0; }

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Fail(ErrnoError(errno, "writing", path_));
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }
  Status Sync() override { return Answer(fdatasync(file_.get()), "syncing", path_); }

 private:
  const std::string path_;
  const Descriptor file_;
};

}  // namespace

Result<std::unique_ptr<Files::Appender>> RealFiles::Create(const std::string& path) {
  auto file = std::make_unique<RealAppender>(path);
  if (!file->open()) return Fail(ErrnoError(errno, "making", path));
  return std::unique_ptr<Appender>(std::move(file));
}

Status RealFiles::Truncate(const std::string& path, uint64_t bytes) {
  const Descriptor file(path, O_WRONLY | O_NOFOLLOW);
  if (file.get() < 0) return Fail(ErrnoError(errno, "opening", path));
  if (auto cut = Answer(ftruncate(file.get(), static_cast<off_t>(bytes)), "truncating", path); !cut) return cut;
  return Answer(fsync(file.get()), "syncing", path);
}

Status RealFiles::Rename(const std::string& from, const std::string& to) {
  return Answer(rename(from.c_str(), to.c_str()), "renaming", from);
}

Status RealFiles::Remove(const std::string& path) { return Answer(unlink(path.c_str()), "removing", path); }

Status RealFiles::MakeFolder(const std::string& path) {
  std::error_code error;
  const auto parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return Fail(ErrnoError(error.value(), "making", parent.string()));
  if (mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) return Fail(ErrnoError(errno, "making", path));
  return parent.empty() ? Status() : SyncFolder(parent.string());
}

Status RealFiles::SyncFolder(const std::string& path) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0) return Fail(ErrnoError(errno, "opening", path));
  return Answer(fsync(folder.get()), "syncing", path);
}

Result<std::vector<std::string>> RealFiles::List(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  auto entry = std::filesystem::directory_iterator(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return Fail(ErrnoError(error.value(), "listing", folder));
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> RealFiles::Read(const std::string& path, uint64_t offset, size_t bytes) {
  const Descriptor file(path, O_RDONLY | O_NOFOLLOW);
  if (file.get() < 0) return Fail(ErrnoError(errno, "opening", path));
  std::string text(bytes, '\0');
  size_t at = 0;
  while (at < bytes) {
    const ssize_t got = pread(file.get(), text.data() + at, bytes - at, static_cast<off_t>(offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(ErrnoError(errno, "reading", path));
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  text.resize(at);
  return text;
}

Result<uint64_t> RealFiles::Size(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return Fail(ErrnoError(errno, "looking at", path));
  return static_cast<uint64_t>(about.st_size);
}

Result<uint64_t> RealFiles::FreeBytes(const std::string& folder) {
  struct statvfs about {};
  if (statvfs(folder.c_str(), &about) != 0) return Fail(ErrnoError(errno, "looking at", folder));
  return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
}

}  // namespace wakewatch

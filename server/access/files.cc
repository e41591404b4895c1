#include "server/access/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace wakewatch {
namespace {

// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool GiveToOwner(int fd, const std::string& owner_of) {
  struct stat info {};
  if (owner_of.empty() || geteuid() != 0) return true;
  return stat(owner_of.c_str(), &info) == 0 && fchown(fd, info.st_uid, info.st_gid) == 0;
}

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Fail(ErrnoError(errno, "cannot open it", path));
  std::string bytes;
  char block[16 * 1024];
  for (;;) {
    const ssize_t n = read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(ErrnoError(errno, "cannot read it", path));
    if (n == 0) return bytes;
    bytes.append(block, static_cast<size_t>(n));
    if (bytes.size() > bytes_max) {
      return Fail(Error{.code = ErrorCode::kTooLarge,
                        .cause = "it has more than " + std::to_string(bytes_max) + " bytes",
                        .file = path});
    }
  }
}

Status WriteWholeFile(const std::string& path, std::string_view bytes, mode_t mode, const std::string& owner_of) {
  const std::string beside = path + ".new";
  unlink(beside.c_str());  // what an interrupted write left
  {
    const Descriptor file(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    const bool written = file.get() >= 0 && fchmod(file.get(), mode) == 0 && GiveToOwner(file.get(), owner_of) &&
                         WriteAll(file.get(), bytes) && fsync(file.get()) == 0;
    if (!written) {
      const int saved = errno;
      unlink(beside.c_str());
      return Fail(ErrnoError(saved, "cannot write it", path));
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) return Fail(ErrnoError(errno, "cannot put it in place", path));
  const Descriptor folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return Fail(ErrnoError(errno, "cannot make it durable", path));
  return {};
}

}  // namespace wakewatch

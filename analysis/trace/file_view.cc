#include "analysis/trace/file_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace wakewatch {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

uint64_t SystemPageSize() {
  static const auto kSize = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return kSize;
}

}  // namespace

Result<FileView> FileView::Open(const std::string& path) {
  // Without O_NONBLOCK opening a named pipe that nobody writes would wait for ever.
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return Fail(ErrnoError(errno, "cannot open", path));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Fail(ErrnoError(errno, "cannot stat", path));
  if (!S_ISREG(info.st_mode)) {
    return Fail({ErrorCode::kUnsupported, "is not a regular file", path, {}, "copy its contents into a file first"});
  }
  FileView view;
  view.path_ = path;
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return view;  // mmap refuses an empty range
  void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (map == MAP_FAILED) return Fail(ErrnoError(errno, "cannot map", path));
  view.map_ = map;
  view.bytes_ = Bytes(static_cast<const uint8_t*>(map), size);
  return view;
}

FileView FileView::FromBytes(std::string name, std::vector<uint8_t> bytes) {
  FileView view;
  view.path_ = std::move(name);
  view.owned_ = std::move(bytes);
  view.bytes_ = view.owned_;
  return view;
}

FileView::FileView(FileView&& other) noexcept { *this = std::move(other); }

FileView& FileView::operator=(FileView&& other) noexcept {
  if (this == &other) return *this;
  Close();
  path_ = std::move(other.path_);
  owned_ = std::move(other.owned_);  // keeps the heap block, so bytes_ stays right
  map_ = std::exchange(other.map_, nullptr);
  bytes_ = std::exchange(other.bytes_, Bytes());
  return *this;
}

FileView::~FileView() { Close(); }

void FileView::Close() {
  if (map_ != nullptr) munmap(map_, bytes_.size());
  map_ = nullptr;
  bytes_ = {};
}

void FileView::Release(uint64_t from, uint64_t size) const {
  if (map_ == nullptr || from >= bytes_.size()) return;
  const uint64_t page = SystemPageSize();
  const uint64_t to = size > bytes_.size() - from ? bytes_.size() : from + size;
  const uint64_t first = (from + page - 1) / page * page;
  const uint64_t last = to / page * page;
  // The answer does not matter: pages that stay resident cost memory, not correctness.
  if (first < last) madvise(static_cast<uint8_t*>(map_) + first, last - first, MADV_DONTNEED);
}

}  // namespace wakewatch

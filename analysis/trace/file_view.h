// Why: recordings are larger than memory should be, so they are mapped, not read. A FileView owns one read-only mapping
// (or bytes handed to it) and knows its bounds; what was read can be given back, so that resident memory stays flat.
// A file that another process cuts short while it is mapped is out of scope: the kernel then ends this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/base/bytes.h"
#include "analysis/base/result.h"

namespace wakewatch {

class FileView {
 public:
  // Maps the whole file. Errors: kNotFound, kPermission, kIo; kUnsupported when `path` is not a regular file.
  static Result<FileView> Open(const std::string& path);
  // A view of bytes that are already in memory; `name` stands for the path in messages.
  static FileView FromBytes(std::string name, std::vector<uint8_t> bytes);

  FileView(FileView&& other) noexcept;
  FileView& operator=(FileView&& other) noexcept;
  ~FileView();

  const std::string& path() const { return path_; }
  Bytes bytes() const { return bytes_; }

  // Drops the pages that lie wholly inside [from, from + size) from this process's resident memory. They stay readable:
  // the next access maps them again.
  void Release(uint64_t from, uint64_t size) const;

 private:
  FileView() = default;
  void Close();

  std::string path_;
  std::vector<uint8_t> owned_;
  void* map_ = nullptr;
  Bytes bytes_;
};

}  // namespace wakewatch

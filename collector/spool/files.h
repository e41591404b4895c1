// Why: what a spool promises about power loss can only be tried where power can be lost. So it reaches the disk through
// this seam: RealFiles in the collector, a model of a disk that forgets what was not synced in the tests.
//
// Errors of all calls: kNoSpace, kIo, kPermission, kNotFound, each with the path.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/base/result.h"

namespace wakewatch {

class Files {
 public:
  // A file that grows at its end.
  class Appender {
   public:
    virtual ~Appender() = default;
    // All of it, or an error; then any part of it may be in the file.
    virtual Status Append(std::string_view bytes) = 0;
    // What was appended survives a loss of power; whether the file's name does is up to SyncFolder.
    virtual Status Sync() = 0;
  };

  virtual ~Files() = default;

  // An empty file; one that was there is emptied.
  virtual Result<std::unique_ptr<Appender>> Create(const std::string& path) = 0;
  // Cuts the file off, durably.
  virtual Status Truncate(const std::string& path, uint64_t bytes) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  // With the folders above it; one that is there is no error.
  virtual Status MakeFolder(const std::string& path) = 0;
  // Creations, renames and removals in this folder survive a loss of power.
  virtual Status SyncFolder(const std::string& path) = 0;
  // Names, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> List(const std::string& folder) = 0;
  // Less than `bytes` at the end of the file.
  virtual Result<std::string> Read(const std::string& path, uint64_t offset, size_t bytes) = 0;
  virtual Result<uint64_t> Size(const std::string& path) = 0;
  // What may still be written to the file system of `folder`.
  virtual Result<uint64_t> FreeBytes(const std::string& folder) = 0;
};

class RealFiles final : public Files {
 public:
  Result<std::unique_ptr<Appender>> Create(const std::string& path) override;
  Status Truncate(const std::string& path, uint64_t bytes) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status MakeFolder(const std::string& path) override;
  Status SyncFolder(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& folder) override;
  Result<std::string> Read(const std::string& path, uint64_t offset, size_t bytes) override;
  Result<uint64_t> Size(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& folder) override;
};

}  // namespace wakewatch

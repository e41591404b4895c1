// Why: that a commit survives a loss of power is SQLite's promise and our settings'. This VFS stands between the two
// and the disk: it lets everything through, remembers what of each file was synced, and makes afterwards what a disk
// may hold that lost power at any moment: of what was written since, each piece may be there, missing, or torn at a
// sector. Files that were there when they were first opened are durable as they were then. Journals and logs are files
// like any other; the shared index of a log lives in memory, so is always lost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <sqlite3.h>

namespace wakewatch::store_test {

class PowerVfs {
 public:
  // Becomes the default of this process until it is destroyed. One at a time.
  explicit PowerVfs(uint64_t seed) : random_(seed), real_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *real_;
    vfs_.zName = "power";
    vfs_.pNext = nullptr;
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(Handle)) + real_->szOsFile;
    vfs_.xOpen = Open;
    vfs_.xDelete = Delete;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~PowerVfs() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
  }
  PowerVfs(const PowerVfs&) = delete;
  PowerVfs& operator=(const PowerVfs&) = delete;

  // The power fails in front of this change, counted from 0.
  void FailAt(uint64_t change) { fail_at_ = change; }
  uint64_t changes() const { return changes_; }
  bool power() const { return power_; }

  // Replaces every file by what the disk may hold. All connections must be closed.
  void LosePower() {
    for (auto& [path, file] : files_) {
      const bool there = file.durable_name || Pick(2) == 0;
      if (!there) {
        std::filesystem::remove(path);
        continue;
      }
      std::string bytes = file.synced;
      for (const Write& write : file.unsynced) ApplySome(write, &bytes);
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      std::filesystem::remove(path + "-shm");
    }
    files_.clear();
    power_ = true;
    fail_at_.reset();
  }

 private:
  static constexpr size_t kSector = 512;
  struct Write {
    int64_t offset = 0;
    std::string bytes;
    bool truncate = false;  // to `offset`
  };
  struct File {
    std::string synced;
    std::vector<Write> unsynced;
    bool durable_name = false;
  };
  struct Handle {
    sqlite3_file base;
    PowerVfs* power;
    std::string* path;  // null: not a file that is watched
    sqlite3_io_methods methods;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  uint64_t Pick(uint64_t below) { return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_); }

  bool Change() {
    if (power_ && fail_at_ && changes_ >= *fail_at_) power_ = false;
    if (power_) ++changes_;
    return power_;
  }

  void ApplySome(const Write& write, std::string* bytes) {
    if (Pick(3) == 0) return;
    if (write.truncate) {
      bytes->resize(static_cast<size_t>(write.offset));
      return;
    }
    const bool torn = Pick(4) == 0;
    for (size_t at = 0; at < write.bytes.size(); at += kSector) {
      if (torn && Pick(2) == 0) continue;
      const std::string part = write.bytes.substr(at, kSector);
      const size_t offset = static_cast<size_t>(write.offset) + at;
      if (bytes->size() < offset + part.size()) bytes->resize(offset + part.size());
      std::copy(part.begin(), part.end(), bytes->begin() + static_cast<ptrdiff_t>(offset));
    }
  }

  static void ApplyAll(const Write& write, std::string* bytes) {
    const auto offset = static_cast<size_t>(write.offset);
    if (write.truncate) return bytes->resize(offset);
    if (bytes->size() < offset + write.bytes.size()) bytes->resize(offset + write.bytes.size());
    std::copy(write.bytes.begin(), write.bytes.end(), bytes->begin() + write.offset);
  }

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    auto* const power = static_cast<PowerVfs*>(vfs->pAppData);
    auto* const handle = reinterpret_cast<Handle*>(file);
    std::memset(static_cast<void*>(handle), 0, sizeof *handle);
    const bool watched =
        name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL));
    if (watched && !power->power_) return SQLITE_CANTOPEN;
    if (watched && !power->files_.contains(name)) {
      File& found = power->files_[name];
      std::ifstream in(name, std::ios::binary);
      found.durable_name = in.good();
      found.synced = {std::istreambuf_iterator<char>(in), {}};
    }
    const int answer = power->real_->xOpen(power->real_, name, handle->real(), flags, out_flags);
    if (handle->real()->pMethods == nullptr) return answer;
    handle->power = power;
    if (watched) handle->path = new std::string(name);
    handle->methods = Methods();
    handle->base.pMethods = &handle->methods;
    return answer;
  }

  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    auto* const power = static_cast<PowerVfs*>(vfs->pAppData);
    if (!power->Change()) return SQLITE_IOERR_DELETE;
    // As if it were durable: what a deletion that is not would bring back is a log whose content is in the file
    // already.
    power->files_.erase(name);
    return power->real_->xDelete(power->real_, name, sync_folder);
  }

  static Handle* Of(sqlite3_file* file) { return reinterpret_cast<Handle*>(file); }
  File& FileOf(const Handle& handle) { return files_[*handle.path]; }

  static int Note(sqlite3_file* file, Write write) {
    Handle* const handle = Of(file);
    if (handle->path == nullptr) return SQLITE_OK;
    if (!handle->power->Change()) return SQLITE_IOERR;
    handle->power->FileOf(*handle).unsynced.push_back(std::move(write));
    return SQLITE_OK;
  }

  static sqlite3_io_methods Methods() {
    sqlite3_io_methods methods = {};
    methods.iVersion = 2;
    methods.xClose = [](sqlite3_file* file) {
      delete Of(file)->path;
      return Of(file)->real()->pMethods->xClose(Of(file)->real());
    };
    methods.xRead = [](sqlite3_file* file, void* to, int bytes, sqlite3_int64 offset) {
      if (!Of(file)->power->power_) return SQLITE_IOERR_READ;
      return Of(file)->real()->pMethods->xRead(Of(file)->real(), to, bytes, offset);
    };
    methods.xWrite = [](sqlite3_file* file, const void* from, int bytes, sqlite3_int64 offset) {
      const int fate = Note(file, {offset, std::string(static_cast<const char*>(from), static_cast<size_t>(bytes))});
      return fate != SQLITE_OK ? fate : Of(file)->real()->pMethods->xWrite(Of(file)->real(), from, bytes, offset);
    };
    methods.xTruncate = [](sqlite3_file* file, sqlite3_int64 bytes) {
      const int fate = Note(file, {bytes, {}, true});
      return fate != SQLITE_OK ? fate : Of(file)->real()->pMethods->xTruncate(Of(file)->real(), bytes);
    };
    methods.xSync = [](sqlite3_file* file, int) {
      Handle* const handle = Of(file);
      if (handle->path == nullptr) return SQLITE_OK;
      if (!handle->power->Change()) return SQLITE_IOERR_FSYNC;
      File& synced = handle->power->FileOf(*handle);
      for (const Write& write : synced.unsynced) ApplyAll(write, &synced.synced);
      synced.unsynced.clear();
      synced.durable_name = true;  // SQLite syncs the folder of a new log together with it
      return SQLITE_OK;            // the real disk keeps its power
    };
    methods.xFileSize = [](sqlite3_file* file, sqlite3_int64* bytes) {
      return Of(file)->real()->pMethods->xFileSize(Of(file)->real(), bytes);
    };
    methods.xLock = [](sqlite3_file* file, int lock) {
      return Of(file)->real()->pMethods->xLock(Of(file)->real(), lock);
    };
    methods.xUnlock = [](sqlite3_file* file, int lock) {
      return Of(file)->real()->pMethods->xUnlock(Of(file)->real(), lock);
    };
    methods.xCheckReservedLock = [](sqlite3_file* file, int* out) {
      return Of(file)->real()->pMethods->xCheckReservedLock(Of(file)->real(), out);
    };
    methods.xFileControl = [](sqlite3_file* file, int operation, void* argument) {
      return Of(file)->real()->pMethods->xFileControl(Of(file)->real(), operation, argument);
    };
    methods.xSectorSize = [](sqlite3_file*) { return static_cast<int>(kSector); };
    // Nothing is promised: neither atomic writes nor that a write of one place leaves its neighbours alone.
    methods.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
    methods.xShmMap = [](sqlite3_file* file, int region, int bytes, int extend, void volatile** to) {
      return Of(file)->real()->pMethods->xShmMap(Of(file)->real(), region, bytes, extend, to);
    };
    methods.xShmLock = [](sqlite3_file* file, int offset, int n, int flags) {
      return Of(file)->real()->pMethods->xShmLock(Of(file)->real(), offset, n, flags);
    };
    methods.xShmBarrier = [](sqlite3_file* file) { Of(file)->real()->pMethods->xShmBarrier(Of(file)->real()); };
    methods.xShmUnmap = [](sqlite3_file* file, int erase) {
      return Of(file)->real()->pMethods->xShmUnmap(Of(file)->real(), erase);
    };
    return methods;
  }

  std::mt19937_64 random_;
  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_;
  std::map<std::string, File> files_;
  std::optional<uint64_t> fail_at_;
  uint64_t changes_ = 0;
  bool power_ = true;
};

}  // namespace wakewatch::store_test

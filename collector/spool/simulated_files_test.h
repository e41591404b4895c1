// Why: a disk as it may be after a loss of power: bytes that were not synced are gone, or torn at any byte, or full of
// what was there before; a name that was made, changed or removed is as it was before, unless its folder was synced.
// All from one seed. It also runs full, and fails, when it is told to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "collector/spool/files.h"

namespace wakewatch::spool_test {

class SimulatedFiles final : public Files {
 public:
  explicit SimulatedFiles(uint64_t seed) : random_(seed) {}

  // What happens next.
  std::optional<uint64_t> power_fails_after;  // operations that change something
  double error_rate = 0;                      // of those that change something: EIO
  double read_error_rate = 0;
  uint64_t capacity = UINT64_MAX;  // bytes

  bool power() const { return power_; }
  uint64_t operations() const { return operations_; }

  // Every file is what was durable, and of the rest what chance left. Handles are dead.
  void LosePower() {
    power_ = true;
    ++life_;
    power_fails_after.reset();
    ApplyNames();
    names_.clear();
    for (const auto& [path, file] : durable_names_) {
      TearUnsynced(file.get());
      names_[path] = file;
    }
  }

  // The process ended; the disk goes on.
  void Kill() {
    ++life_;
    power_ = true;
    power_fails_after.reset();
  }

  // Flips one bit of a stored file. False: there is none with that ending.
  bool FlipBit(const std::string& ending) {
    std::vector<std::string> paths;
    for (const auto& [path, file] : names_) {
      if (path.ends_with(ending) && !file->bytes.empty()) paths.push_back(path);
    }
    if (paths.empty()) return false;
    std::string& bytes = names_.at(paths[Pick(paths.size())])->bytes;
    bytes[Pick(bytes.size())] ^= static_cast<char>(1 << Pick(8));
    return true;
  }

  Result<std::unique_ptr<Appender>> Create(const std::string& path) override {
    if (auto fate = Change(path); !fate) return tl::unexpected<Error>(std::move(fate.error()));
    const auto found = names_.find(path);
    if (found != names_.end()) {
      found->second->bytes.clear();  // in place, and what was durable of it is at stake
      found->second->rewritten = true;
    } else {
      names_[path] = std::make_shared<File>();
      pending_.push_back({Step::kMake, path, {}, names_[path]});
    }
    return std::unique_ptr<Appender>(std::make_unique<SimulatedAppender>(this, path, names_[path]));
  }

  Status Truncate(const std::string& path, uint64_t bytes) override {
    if (auto fate = Change(path); !fate) return fate;
    const auto found = names_.find(path);
    if (found == names_.end()) return Missing(path);
    File& file = *found->second;
    file.bytes.resize(std::min<uint64_t>(bytes, file.bytes.size()));
    file.synced = file.bytes;
    return {};
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (auto fate = Change(from); !fate) return fate;
    const auto found = names_.find(from);
    if (found == names_.end()) return Missing(from);
    pending_.push_back({Step::kRename, from, to, found->second});
    names_[to] = found->second;
    names_.erase(from);
    return {};
  }

  Status Remove(const std::string& path) override {
    if (auto fate = Change(path); !fate) return fate;
    const auto found = names_.find(path);
    if (found == names_.end()) return Missing(path);
    pending_.push_back({Step::kRemove, path, {}, found->second});
    names_.erase(found);
    return {};
  }

  Status MakeFolder(const std::string&) override { return {}; }

  Status SyncFolder(const std::string& path) override {
    if (auto fate = Change(path); !fate) return fate;
    for (const Step& step : pending_) Apply(step);
    pending_.clear();
    return {};
  }

  Result<std::vector<std::string>> List(const std::string& folder) override {
    if (!power_) return Off(folder);
    std::vector<std::string> names;
    for (const auto& [path, file] : names_) names.push_back(path.substr(folder.size() + 1));
    return names;
  }

  Result<std::string> Read(const std::string& path, uint64_t offset, size_t bytes) override {
    if (!power_) return Off(path);
    if (Chance(read_error_rate)) return Fail(Error{ErrorCode::kIo, "a read fails", path});
    const auto found = names_.find(path);
    if (found == names_.end()) return Fail(Missing(path).error());
    const std::string& all = found->second->bytes;
    return offset >= all.size() ? std::string() : all.substr(offset, bytes);
  }

  Result<uint64_t> Size(const std::string& path) override {
    if (!power_) return Off(path);
    const auto found = names_.find(path);
    if (found == names_.end()) return Fail(Missing(path).error());
    return found->second->bytes.size();
  }

  Result<uint64_t> FreeBytes(const std::string&) override { return capacity - std::min(capacity, Used()); }

 private:
  struct File {
    std::string bytes, synced;
    bool rewritten = false;  // since the last sync: not only bytes at its end are at stake
  };
  struct Step {
    enum Kind { kMake, kRename, kRemove } kind;
    std::string from, to;
    std::shared_ptr<File> file;
  };

  class SimulatedAppender final : public Appender {
   public:
    SimulatedAppender(SimulatedFiles* files, std::string path, std::shared_ptr<File> file)
        : files_(files), path_(std::move(path)), file_(std::move(file)), life_(files->life_) {}

    Status Append(std::string_view bytes) override {
      if (life_ != files_->life_) return Fail(ErrorCode::kInternal, "a handle of an earlier life");
      const uint64_t used = files_->Used();
      const uint64_t room = files_->capacity - std::min(files_->capacity, used);
      auto fate = files_->Change(path_);
      // Where it fails a part of it was written.
      if (!fate) bytes = bytes.substr(0, files_->Pick(bytes.size() + 1));
      if (fate && bytes.size() > room) fate = Fail(Error{ErrorCode::kNoSpace, "the disk is full", path_});
      file_->bytes += bytes.substr(0, room);
      return fate;
    }
    Status Sync() override {
      if (life_ != files_->life_) return Fail(ErrorCode::kInternal, "a handle of an earlier life");
      if (auto fate = files_->Change(path_); !fate) return fate;
      file_->synced = file_->bytes;
      file_->rewritten = false;
      return {};
    }

   private:
    SimulatedFiles* const files_;
    const std::string path_;
    const std::shared_ptr<File> file_;
    const uint64_t life_;
  };

  uint64_t Pick(uint64_t below) { return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_); }
  bool Chance(double rate) { return rate > 0 && std::bernoulli_distribution(rate)(random_); }

  // Whether an operation takes place.
  Status Change(const std::string& path) {
    if (!power_) return Off(path);
    if (power_fails_after && operations_ >= *power_fails_after) {
      power_ = false;
      return Off(path);
    }
    ++operations_;
    if (Chance(error_rate)) return Fail(Error{ErrorCode::kIo, "the disk fails", path});
    return {};
  }

  static tl::unexpected<Error> Off(const std::string& path) {
    return Fail(Error{ErrorCode::kIo, "the power is off", path});
  }
  static Status Missing(const std::string& path) { return Fail(Error{ErrorCode::kNotFound, "no such file", path}); }

  uint64_t Used() const {
    uint64_t used = 0;
    for (const auto& [path, file] : names_) used += file->bytes.size();
    return used;
  }

  void Apply(const Step& step) {
    if (step.kind != Step::kMake) durable_names_.erase(step.from);
    if (step.kind != Step::kRemove) durable_names_[step.kind == Step::kMake ? step.from : step.to] = step.file;
  }

  // A file system with a journal keeps a first part of what was done to a folder; others keep any part of it.
  void ApplyNames() {
    const bool journal = Chance(0.5);
    const size_t kept = Pick(pending_.size() + 1);
    for (size_t i = 0; i < pending_.size(); ++i) {
      if (journal ? i < kept : Chance(0.5)) Apply(pending_[i]);
    }
    pending_.clear();
  }

  void TearUnsynced(File* file) {
    if (file->rewritten && Chance(0.5)) file->bytes = file->synced;
    const size_t safe = file->bytes.starts_with(file->synced) ? file->synced.size() : 0;
    if (file->bytes.size() > safe) {
      const size_t kept = safe + Pick(file->bytes.size() - safe + 1);
      if (Chance(0.5)) {
        file->bytes.resize(kept);
      } else {
        // The length is durable, the bytes are not.
        for (size_t i = kept; i < file->bytes.size(); ++i)
          file->bytes[i] = Chance(0.5) ? '\0' : static_cast<char>(Pick(256));
      }
    }
    file->synced = file->bytes;
    file->rewritten = false;
  }

  std::mt19937_64 random_;
  bool power_ = true;
  uint64_t life_ = 0, operations_ = 0;
  std::map<std::string, std::shared_ptr<File>> names_, durable_names_;
  std::vector<Step> pending_;  // since the folder was synced
};

}  // namespace wakewatch::spool_test

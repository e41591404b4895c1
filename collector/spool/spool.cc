#include "collector/spool/spool.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace wakewatch {
namespace {

constexpr int kReadTries = 3;

std::string SegmentName(uint64_t first) {
  char name[32];
  std::snprintf(name, sizeof name, "%020" PRIu64 ".seg", first);
  return name;
}

}  // namespace

Spool::Spool(Files* files, SpoolOptions options) : files_(files), options_(std::move(options)) { Recover(); }

void Spool::Begin(uint64_t key, std::string preamble) {
  head_.key = key;
  head_.preamble = std::move(preamble);
  head_changed_ = true;
}

uint64_t Spool::bytes() const {
  uint64_t bytes = bad_bytes_;
  for (const Segment& segment : segments_) bytes += segment.bytes;
  return bytes;
}

Result<uint64_t> Spool::Append(std::string_view body) {
  if (body.size() > kRecordBytesMax || head_.preamble.size() > kPreambleBytesMax) {
    return Fail(Error{ErrorCode::kTooLarge, "a record of " + std::to_string(body.size()) + " bytes", options_.folder});
  }
  const std::string bytes = RecordBytes(next_, next_, body);
  while (true) {
    auto status = MakeRoom(bytes.size() + kSegmentHeaderBytes + head_.preamble.size());
    const uint64_t room = std::min(options_.segment_bytes, options_.bytes_max / 8);
    const bool full =
        file_ != nullptr && segments_.back().bytes + bytes.size() > room && segments_.back().first < next_;
    if (status && (file_ == nullptr || full || head_changed_)) status = Roll();
    const bool ready = status.has_value();
    if (ready) status = file_->Append(bytes);
    if (status) break;
    // A part of it may be there. Where that cannot be cut off, the segment ends here.
    if (ready && !files_->Truncate(PathOf(segments_.back().name), segments_.back().bytes)) CloseNewest();
    if (status.error().code != ErrorCode::kNoSpace || !DropOldest()) {
      return tl::unexpected<Error>(std::move(status.error()));
    }
  }
  segments_.back().bytes += bytes.size();
  segments_.back().last = next_;
  unsynced_bytes_ += bytes.size();
  return next_++;
}

Status Spool::Roll() {
  if (file_ != nullptr) {
    // The next segment must not be durable in front of it, or what is missing would be told as such.
    if (auto synced = Sync(); !synced) Log(synced.error().Text());
    CloseNewest();
  }
  const auto free = files_->FreeBytes(options_.folder);
  if (free && *free < options_.free_bytes_min) (void)DropOldest();
  const std::string name = SegmentName(next_), path = PathOf(name);
  SegmentHead head{next_, head_.key, head_.preamble};
  auto file = files_->Create(path);
  if (!file && file.error().code == ErrorCode::kNotFound) {
    if (auto made = files_->MakeFolder(options_.folder); !made) return made;
    file = files_->Create(path);
  }
  if (!file) return tl::unexpected<Error>(std::move(file.error()));
  const std::string bytes = SegmentHeadBytes(head);
  if (auto status = (*file)->Append(bytes); !status) {
    (void)files_->Remove(path);
    return status;
  }
  Segment& segment = segments_.emplace_back();
  segment.first = next_;
  segment.last = next_ - 1;
  segment.name = name;
  segment.bytes = bytes.size();
  segment.head = std::make_shared<const SegmentHead>(std::move(head));
  file_ = std::move(*file);
  unsynced_bytes_ += bytes.size();
  name_unsynced_ = true;
  head_changed_ = false;
  return {};
}

void Spool::CloseNewest() {
  file_.reset();
  unsynced_bytes_ = 0;
  if (segments_.empty() || segments_.back().last >= segments_.back().first) return;
  (void)files_->Remove(PathOf(segments_.back().name));
  segments_.pop_back();
}

Status Spool::Sync() {
  if (file_ == nullptr || unsynced_bytes_ == 0) return {};
  unsynced_bytes_ = 0;
  auto status = file_->Sync();
  if (status && name_unsynced_) status = files_->SyncFolder(options_.folder);
  if (!status) {
    // The kernel tells of a failed write once; a second fsync of the same file would succeed without having written.
    ++stats_.sync_failures;
    CloseNewest();
    return status;
  }
  name_unsynced_ = false;
  return {};
}

Status Spool::ReadHead(Segment* segment) {
  if (segment->head != nullptr) return {};
  auto head = ReadSegmentHead(files_, PathOf(segment->name));
  if (!head) return tl::unexpected<Error>(std::move(head.error()));
  segment->head = std::make_shared<const SegmentHead>(std::move(*head));
  return {};
}

Result<std::optional<SpoolItem>> Spool::Next() {
  for (size_t i = 0; i < segments_.size();) {
    Segment& segment = segments_[i];
    if (segment.last <= read_) {
      ++i;
      continue;
    }
    const std::string path = PathOf(segment.name);
    auto status = ReadHead(&segment);
    if (!status && (status.error().code == ErrorCode::kCorrupt || ++read_errors_ >= kReadTries)) {
      Log(status.error().Text());
      Quarantine(i);
      continue;
    }
    if (!status) return tl::unexpected<Error>(std::move(status.error()));
    const uint64_t offset =
        cursor_name_ == segment.name ? cursor_ : kSegmentHeaderBytes + segment.head->preamble.size();
    auto record = ReadRecord(files_, path, offset, segment.bytes, read_ + 1, segment.last);
    if (!record && ++read_errors_ < kReadTries) return tl::unexpected<Error>(std::move(record.error()));
    read_errors_ = 0;
    if (record && *record) {
      SpoolItem item;
      item.first = (*record)->first;
      item.last = (*record)->last;
      item.missing = std::exchange(missing_before_, 0) + (item.first - read_ - 1);
      item.head = segment.head;
      item.body = std::move((*record)->body);
      stats_.missing += item.missing;
      segment.damaged |= item.missing > 0 && item.first > segment.first;
      read_ = item.last;
      cursor_name_ = segment.name;
      cursor_ = (*record)->end;
      return item;
    }
    // Its last records are gone; the numbers of what follows say how many.
    Log(path + ": records " + std::to_string(read_ + 1) + " to " + std::to_string(segment.last) + " cannot be read");
    segment.damaged = true;
    if (active(segment)) CloseNewest();
    missing_before_ += segment.last - read_;
    read_ = segment.last;
  }
  // What is left of the numbers was in files that are gone.
  missing_before_ += next_ - 1 - read_;
  read_ = next_ - 1;
  return std::nullopt;
}

uint64_t Spool::TakeLast() {
  read_ = next_ - 1;
  cursor_name_ = segments_.back().name;
  cursor_ = segments_.back().bytes;
  stats_.missing += missing_before_;
  return std::exchange(missing_before_, 0);
}

void Spool::Acknowledge(uint64_t number, std::string state) {
  number = std::min(number, read_);
  if (number <= pointer_.number) return;
  pointer_ = {number, std::move(state)};
  pointer_durable_ = false;
}

Status Spool::TryWriteWhole(const std::string& name, std::string_view bytes) {
  const std::string fresh = PathOf(name + ".new");
  auto file = files_->Create(fresh);
  if (!file) return tl::unexpected<Error>(std::move(file.error()));
  auto status = (*file)->Append(bytes);
  if (status) status = (*file)->Sync();
  if (status) status = files_->Rename(fresh, PathOf(name));
  if (!status) (void)files_->Remove(fresh);
  return status ? files_->SyncFolder(options_.folder) : status;
}

// Durably, all or nothing. Where the disk is full there is still the reserve.
Status Spool::WriteWhole(const std::string& name, std::string_view bytes) {
  auto status = TryWriteWhole(name, bytes);
  if (status || status.error().code != ErrorCode::kNoSpace || !FreeReserve()) return status;
  return TryWriteWhole(name, bytes);
}

Status Spool::SavePointer() {
  if (pointer_durable_) return {};
  auto status = WriteWhole("pointer", PointerBytes(pointer_));
  pointer_durable_ = status.has_value();
  return status;
}

Status Spool::Trim() {
  const auto may_go = [&] {
    return !segments_.empty() && !active(segments_.front()) && segments_.front().last <= pointer_.number;
  };
  if (!may_go()) return {};
  if (auto saved = SavePointer(); !saved) return saved;
  while (may_go()) {
    if (segments_.front().damaged) {
      Quarantine(0);
      continue;
    }
    (void)files_->Remove(PathOf(segments_.front().name));
    segments_.pop_front();
  }
  MakeReserve();
  return {};
}

SpoolStats Spool::stats() const {
  SpoolStats stats = stats_;
  stats.bytes = bytes();
  stats.segments = segments_.size();
  stats.unread = next_ - 1 - read_;
  return stats;
}

}  // namespace wakewatch

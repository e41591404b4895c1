// How a spool starts: with whatever is in its folder.
#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "collector/spool/spool.h"

namespace wakewatch {
namespace {

constexpr std::string_view kSegmentSuffix = ".seg", kCutSuffix = ".cut", kBadSuffix = ".bad", kNewSuffix = ".new";
constexpr size_t kBadFilesMax = 2;
constexpr uint64_t kSentBytesMax = 8u << 20;  // that an uplink has under way, at most

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0 || number >= UINT64_MAX / 2) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

void Spool::Recover() {
  if (auto made = files_->MakeFolder(options_.folder); !made) Log(made.error().Text());
  auto names = files_->List(options_.folder);
  if (!names) {
    Log(names.error().Text());
    return;
  }
  // Whoever wrote this was perhaps killed: what is seen here must be durable before anything is removed for its sake.
  const auto synced = files_->SyncFolder(options_.folder);
  if (!synced) Log(synced.error().Text());
  for (const std::string& name : *names) TakeFound(name);
  // What covers more comes first.
  std::stable_sort(segments_.begin(), segments_.end(), [](const Segment& a, const Segment& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.cut != b.cut ? a.cut : a.last > b.last;
  });
  KeepFewBad();
  RemoveCovered(synced.has_value());
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    if (!segments_[i].cut) segments_[i].last = segments_[i + 1].first - 1;
  }
  RecoverNewest();
  RecoverPointer();
  pointer_durable_ = synced.has_value();
  if (auto trimmed = Trim(); !trimmed) Log(trimmed.error().Text());
  Pin();
  MakeReserve();
}

// A server may have what was sent and not acknowledged. Were that cut, a gap would be said of it.
void Spool::Pin() {
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) {
    if (segment.first > read_ + 1 && bytes >= std::min(kSentBytesMax, options_.bytes_max / 4)) return;
    pinned_ = segment.last;
    if (segment.first > read_) bytes += segment.bytes;
  }
}

void Spool::TakeFound(const std::string& name) {
  const std::string path = PathOf(name);
  if (name == "reserve") reserve_ = true;
  if (name.ends_with(kNewSuffix)) (void)files_->Remove(path);
  const bool cut = name.ends_with(kCutSuffix);
  if (!cut && !name.ends_with(kSegmentSuffix)) return;
  const std::string_view stem = std::string_view(name).substr(0, name.size() - kSegmentSuffix.size());
  const size_t dash = cut ? stem.find('-') : stem.size();
  if (dash == std::string_view::npos) return;
  const auto first = Number(stem.substr(0, dash));
  const auto last = cut ? Number(stem.substr(dash + 1)) : first;
  if (!first || !last || *last < *first) return;
  Segment segment;
  segment.first = *first;
  segment.last = *last;
  segment.name = name;
  segment.cut = cut;
  segment.bytes = files_->Size(path).value_or(0);
  segments_.push_back(std::move(segment));
}

// What was cut into one may still be there beside it. A cut that cannot be read covers nothing.
void Spool::RemoveCovered(bool remove) {
  for (size_t i = 0; i < segments_.size();) {
    Segment& segment = segments_[i];
    if (!segment.cut) {
      ++i;
      continue;
    }
    bool whole = ReadHead(&segment).has_value();
    if (whole) {
      const uint64_t at = kSegmentHeaderBytes + segment.head->preamble.size();
      const auto record = ReadRecord(files_, PathOf(segment.name), at, segment.bytes, segment.first, segment.last);
      whole = record && *record && (*record)->first == segment.first && (*record)->last == segment.last;
    }
    if (!whole) {
      Quarantine(i);
      continue;
    }
    const uint64_t covered = segment.last;
    ++i;
    while (i < segments_.size() && segments_[i].first <= covered) {
      if (remove) (void)files_->Remove(PathOf(segments_[i].name));
      segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

// Only the newest segment can be torn, and only its records say which number is next. The others are looked at when
// they are read: a start must not take as long as reading gigabytes does.
void Spool::RecoverNewest() {
  if (segments_.empty()) return;
  Segment& newest = segments_.back();
  next_ = newest.last + 1;
  if (newest.cut) return;
  next_ = newest.first;
  const auto head = ReadHead(&newest);
  if (!head) Log(head.error().Text());
  uint64_t end = kSegmentHeaderBytes + (head ? newest.head->preamble.size() : 0);
  while (true) {
    const auto record = ReadRecord(files_, PathOf(newest.name), end, newest.bytes, next_, UINT64_MAX / 2);
    if (!record) {
      Log(record.error().Text());
      // It may hold as many as fit; none of their numbers may be used again, and nothing is cut off.
      next_ += newest.bytes / kRecordHeaderBytes;
      newest.last = next_ - 1;
      return;
    }
    if (!*record) break;
    next_ = (*record)->last + 1;
    end = (*record)->end;
  }
  newest.last = next_ - 1;
  const bool empty = newest.last < newest.first;
  // Its records cannot be understood; that they were there is seen from the numbers.
  if (!head && !empty) return Quarantine(segments_.size() - 1);
  // This makes durable as well what a process that was killed had not synced.
  if (!empty && files_->Truncate(PathOf(newest.name), end)) newest.bytes = end;
  if (!empty) return;
  (void)files_->Remove(PathOf(newest.name));
  segments_.pop_back();
}

void Spool::RecoverPointer() {
  const std::string path = PathOf("pointer");
  const auto size = files_->Size(path);
  std::optional<SpoolPointer> pointer;
  if (size && *size <= kRecordBytesMax) {
    const auto bytes = files_->Read(path, 0, *size);
    if (bytes) pointer = ParsePointer(*bytes);
    if (!pointer) Log(path + ": it is damaged; what is in the spool is delivered again");
  }
  if (pointer) {
    pointer_ = std::move(*pointer);
    next_ = std::max(next_, pointer_.number + 1);
    read_ = pointer_.number;
  } else {
    read_ = segments_.empty() ? next_ - 1 : segments_.front().first - 1;
  }
}

void Spool::Quarantine(size_t index) {
  const Segment& segment = segments_[index];
  const std::string path = PathOf(segment.name);
  Log(path + ": damaged; kept as " + segment.name + std::string(kBadSuffix));
  ++stats_.quarantined;
  if (active(segment)) {
    file_.reset();
    unsynced_bytes_ = 0;
  }
  if (!files_->Rename(path, path + std::string(kBadSuffix))) (void)files_->Remove(path);
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(index));
  KeepFewBad();
}

// Damaged files are kept to be looked at, the newest few of them.
void Spool::KeepFewBad() {
  bad_bytes_ = 0;
  auto names = files_->List(options_.folder);
  if (!names) return;
  std::erase_if(*names, [](const std::string& name) { return !name.ends_with(kBadSuffix); });
  for (size_t i = 0; i < names->size(); ++i) {
    const std::string path = PathOf((*names)[i]);
    if (i + kBadFilesMax < names->size()) {
      (void)files_->Remove(path);
    } else {
      bad_bytes_ += files_->Size(path).value_or(0);
    }
  }
}

}  // namespace wakewatch

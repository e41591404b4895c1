// How a spool makes room.
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "collector/spool/spool.h"

namespace wakewatch {
namespace {

constexpr std::string_view kReserveName = "reserve";
constexpr size_t kReserveBytes = 256u << 10;

std::string CutName(uint64_t first, uint64_t last) {
  char name[64];
  std::snprintf(name, sizeof name, "%020" PRIu64 "-%020" PRIu64 ".cut", first, last);
  return name;
}

}  // namespace

Status Spool::MakeRoom(uint64_t bytes_more) {
  while (bytes() + bytes_more > options_.bytes_max) {
    if (DropOldest()) continue;
    return Fail(Error{ErrorCode::kNoSpace, "the spool is full, and nothing in it may go", options_.folder});
  }
  return {};
}

// False: nothing may go.
bool Spool::DropOldest() {
  const size_t before = segments_.size();
  if (Trim() && segments_.size() < before) return true;
  uint64_t cut_bytes = 0;
  size_t oldest = segments_.size(), oldest_cut = segments_.size();
  for (size_t i = segments_.size(); i-- > 0;) {
    const Segment& segment = segments_[i];
    if (segment.first <= std::max(read_, pinned_) || segment.last < segment.first) continue;
    (segment.cut ? oldest_cut : oldest) = i;
    if (segment.cut) cut_bytes += segment.bytes;
  }
  // What is left of what was cut must not push out everything else.
  if (cut_bytes > options_.bytes_max / 4) return DropOutright(oldest_cut);
  if (oldest == segments_.size()) return false;
  if (active(segments_[oldest])) {
    (void)Sync();
    CloseNewest();
  }
  if (auto head = ReadHead(&segments_[oldest]); !head) {
    Log(head.error().Text());
    return head.error().code == ErrorCode::kCorrupt && DropOutright(oldest);
  }
  size_t from = oldest;
  if (oldest > 0 && segments_[oldest - 1].cut && segments_[oldest - 1].first > std::max(read_, pinned_) &&
      ReadHead(&segments_[oldest - 1]) && segments_[oldest - 1].head->key == segments_[oldest].head->key) {
    --from;
  }
  const auto record = CutOf(from, oldest);
  if (!record) {
    Log(record.error().Text());
    return false;
  }
  if (!*record) return DropOutright(oldest);
  Segment made;
  const SegmentHead head{(*record)->first, segments_[oldest].head->key, segments_[oldest].head->preamble};
  if (auto written = WriteCut(**record, head, &made); !written) {
    Log(written.error().Text());
    return written.error().code == ErrorCode::kNoSpace && DropOutright(oldest);
  }
  for (size_t i = from; i <= oldest; ++i) {
    if (segments_[i].name != made.name) (void)files_->Remove(PathOf(segments_[i].name));
  }
  stats_.cut_records += (*record)->last - (*record)->first + 1;
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(from), segments_.begin() + static_cast<ptrdiff_t>(oldest));
  segments_[from] = std::move(made);
  return true;
}

Result<std::optional<StoredRecord>> Spool::CutOf(size_t from, size_t to) {
  auto cut = options_.cut();
  StoredRecord all;
  for (size_t i = from; i <= to; ++i) {
    const Segment& segment = segments_[i];
    const std::string path = PathOf(segment.name);
    uint64_t at = kSegmentHeaderBytes + segment.head->preamble.size();
    while (true) {
      auto record = ReadRecord(files_, path, at, segment.bytes, std::max(segment.first, all.last + 1), segment.last);
      if (!record || !*record) {
        if (!record) return record;
        break;
      }
      SpoolItem item{(*record)->first, (*record)->last, 0, segment.head, std::move((*record)->body)};
      item.missing = all.last == 0 ? 0 : item.first - all.last - 1;
      stats_.missing += item.missing;
      if (all.first == 0) all.first = item.first;
      all.last = item.last;
      at = (*record)->end;
      cut->Add(item);
    }
  }
  if (all.first == 0) return std::nullopt;
  all.body = cut->Body();
  return all;
}

Status Spool::WriteCut(const StoredRecord& record, const SegmentHead& head, Segment* made) {
  const std::string bytes = SegmentHeadBytes(head) + RecordBytes(record.first, record.last, record.body);
  made->first = record.first;
  made->last = record.last;
  made->name = CutName(record.first, record.last);
  made->bytes = bytes.size();
  made->cut = true;
  made->head = std::make_shared<const SegmentHead>(head);
  return WriteWhole(made->name, bytes);
}

// Its numbers will be missing.
bool Spool::DropOutright(size_t index) {
  Log(PathOf(segments_[index].name) + ": dropped as a whole, to make room");
  (void)files_->Remove(PathOf(segments_[index].name));
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(index));
  return true;
}

void Spool::MakeReserve() {
  if (reserve_) return;
  const size_t bytes = std::min<uint64_t>(kReserveBytes, options_.bytes_max / 64);
  reserve_ = TryWriteWhole(std::string(kReserveName), std::string(bytes, '\0')).has_value();
}

bool Spool::FreeReserve() {
  return std::exchange(reserve_, false) && files_->Remove(PathOf(std::string(kReserveName))).has_value();
}

}  // namespace wakewatch

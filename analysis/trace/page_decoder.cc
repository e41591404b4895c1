#include "analysis/trace/page_decoder.h"

#include <algorithm>
#include <limits>

namespace wakewatch {
namespace {

// enum ring_buffer_type: what type_len means when it is not a length in words.
constexpr uint32_t kTypeDataMax = 28;
constexpr uint32_t kTypePadding = 29;
constexpr uint32_t kTypeTimeExtend = 30;
constexpr uint32_t kTypeTimeStamp = 31;

constexpr size_t kWordBytes = 4;
constexpr uint32_t kDeltaBits = 27;  // TS_SHIFT
constexpr uint32_t kDeltaMask = (1u << kDeltaBits) - 1;
constexpr uint32_t kTypeBits = 5;
constexpr uint64_t kStampTopBits = 0xf8ull << 56;  // TS_MSB: what a stamp of 59 bits leaves out

constexpr uint64_t kCommitMask = (1u << 27) - 1;
constexpr uint64_t kMissedEvents = 1u << 31;  // RB_MISSED_EVENTS
constexpr uint64_t kMissedStored = 1u << 30;  // RB_MISSED_STORED

constexpr uint64_t kOpenEnd = std::numeric_limits<uint64_t>::max();
constexpr size_t kRecordBytesMax = std::numeric_limits<uint16_t>::max();

// rb_fix_abs_ts: an absolute stamp takes its upper five bits from the time it follows.
uint64_t WithTopBits(uint64_t stamp, uint64_t now) {
  if ((now & kStampTopBits) == 0) return stamp;
  stamp |= now & kStampTopBits;
  return stamp < now ? stamp + (1ull << 59) : stamp;
}

}  // namespace

struct PageDecoder::Walk {
  const uint8_t* at;   // the next record's header
  const uint8_t* end;  // of the data
  uint64_t time;       // as the page has it; may lie behind last_ns_ when the page does
  bool backwards;      // this page is counted as kPageTimeBackwards already
  EventBlock* block;
  AnomalyCounts* anomalies;
  size_t gap;              // place of the open gap among the block's events
  bool gap_open;           // there is one
  uint64_t short_records;  // kShortRecord so far: tells the two reasons apart for which a record is not decoded
};

PageDecoder::PageDecoder(const RecordDecoder& decoder, uint32_t cpu)
    : decoder_(decoder),
      layout_(decoder.formats().page()),
      order_(decoder.formats().machine().order),
      long_size_(layout_.commit_size == 4 ? 4 : 8),
      header_size_(std::max<size_t>(
          {layout_.data_offset, layout_.timestamp_offset + sizeof(uint64_t), layout_.commit_offset + long_size_})),
      cpu_(static_cast<uint16_t>(cpu)) {}

void PageDecoder::Decode(Bytes page, EventBlock* block, AnomalyCounts* anomalies) {
  Walk walk{nullptr, nullptr, 0, false, block, anomalies, 0, false, anomalies->Of(Anomaly::kShortRecord)};
  if (page.size() < header_size_) return Spoil(&walk, Anomaly::kPageCommitPastEnd);
  const uint8_t* const word = &page[layout_.commit_offset];
  const uint64_t flags = long_size_ == 4 ? Load<uint32_t>(word, order_) : Load<uint64_t>(word, order_);
  const uint64_t commit = flags & kCommitMask;
  const Bytes data = page.subspan(layout_.data_offset);
  if ((flags & kMissedEvents) != 0) {
    const bool stored = (flags & kMissedStored) != 0;
    OpenGap(&walk, stored ? LostBehind(data, commit) : kLostUnknown, GapCause::kOverrun);
  }
  if (commit > data.size()) return Spoil(&walk, Anomaly::kPageCommitPastEnd);
  walk.at = data.data();
  walk.end = walk.at + commit;
  walk.time = Load<uint64_t>(&page[layout_.timestamp_offset], order_);
  if (commit != 0 && walk.time < last_ns_) CountBackwards(&walk);
  WalkRecords(&walk);
}

// The hot path: one turn a record.
void PageDecoder::WalkRecords(Walk* walk) {
  const bool big = order_ == std::endian::big;
  while (walk->at != walk->end) {
    size_t left = static_cast<size_t>(walk->end - walk->at);
    if (left < kWordBytes) return Spoil(walk, Anomaly::kPageBadRecord);
    left -= kWordBytes;
    // struct ring_buffer_event: two bit fields, which big-endian compilers lay out from the top.
    const uint32_t word = Load<uint32_t>(walk->at, order_);
    const uint32_t type_len = big ? word >> kDeltaBits : word & ((1u << kTypeBits) - 1);
    const uint32_t delta = big ? word & kDeltaMask : word >> kTypeBits;
    const uint8_t* const body = walk->at + kWordBytes;
    if (type_len - 1 >= kTypeDataMax) {
      if (!WalkSpecial(walk, body, left, type_len, delta)) return;
      continue;
    }
    const size_t size = type_len * kWordBytes;
    if (size > left) return Spoil(walk, Anomaly::kPageBadRecord);
    Advance(walk, walk->time + delta);
    AddRecord(walk, body, size);
    walk->at = body + size;
  }
}

// What is no short record. `body` stands behind its header word, `left` bytes before the end. False: the page is over.
bool PageDecoder::WalkSpecial(Walk* walk, const uint8_t* body, size_t left, uint32_t type_len, uint64_t delta) {
  if (type_len == kTypePadding && delta == 0) return false;  // rb_null_event: nothing but padding follows
  if (left < kWordBytes) {
    Spoil(walk, Anomaly::kPageBadRecord);
    return false;
  }
  const uint32_t word = Load<uint32_t>(body, order_);
  walk->at = body + kWordBytes;
  if (type_len == kTypeTimeExtend) {
    Advance(walk, walk->time + (uint64_t{word} << kDeltaBits) + delta);
    return true;
  }
  if (type_len == kTypeTimeStamp) {
    Advance(walk, WithTopBits((uint64_t{word} << kDeltaBits) + delta, walk->time));
    return true;
  }
  // A length in bytes: of a long record it counts itself (rb_update_event), of a discarded one it does too.
  const size_t size = (size_t{word} + kWordBytes - 1) / kWordBytes * kWordBytes;
  if (word < kWordBytes || size > left) {
    Spoil(walk, Anomaly::kPageBadRecord);
    return false;
  }
  walk->at = body + size;
  if (type_len == kTypePadding) {
    // An event that was filtered out. rb_event_discard makes a delta of 0 into 1, so 1 means that no time passed, as
    // rb_read_data_buffer has it.
    if (delta != 1) Advance(walk, walk->time + delta);
    return true;
  }
  Advance(walk, walk->time + delta);
  AddRecord(walk, body + kWordBytes, word - kWordBytes);
  return true;
}

inline void PageDecoder::Advance(Walk* walk, uint64_t to) {
  if (to < walk->time) CountBackwards(walk);
  walk->time = to;
}

inline void PageDecoder::AddRecord(Walk* walk, const uint8_t* record, size_t size) {
  Event& event = walk->block->events.emplace_back();
  // A sub-buffer may hold longer records than an Event can describe; what is typed stands at their front.
  const auto known_size = static_cast<uint32_t>(std::min(size, kRecordBytesMax));
  if (!decoder_.Decode(record, known_size, &event, walk->anomalies)) {
    walk->block->events.pop_back();
    const uint64_t short_records = walk->anomalies->Of(Anomaly::kShortRecord);
    if (short_records != walk->short_records) OpenGap(walk, kLostUnknown, GapCause::kCorrupt);
    walk->short_records = short_records;
    return;
  }
  last_ns_ = std::max(last_ns_, walk->time);
  event.ts_ns = last_ns_;
  event.cpu = cpu_;
  if (walk->gap_open) {
    walk->block->events[walk->gap].gap.end_ns = last_ns_;
    walk->gap_open = false;
  }
}

void PageDecoder::OpenGap(Walk* walk, uint64_t lost, GapCause cause) {
  std::vector<Event>& events = walk->block->events;
  if (walk->gap_open) {
    // No event stands between the two, so they are one.
    events[walk->gap].gap = {kOpenEnd, kLostUnknown, GapCause::kCorrupt};
    return;
  }
  walk->gap = events.size();
  walk->gap_open = true;
  Event& gap = events.emplace_back();
  gap.type = EventType::kGap;
  gap.cpu = cpu_;
  gap.ts_ns = last_ns_;
  gap.gap = {kOpenEnd, lost, cause};
}

void PageDecoder::Spoil(Walk* walk, Anomaly why) {
  walk->anomalies->Add(why);
  OpenGap(walk, kLostUnknown, GapCause::kCorrupt);
}

void PageDecoder::CountBackwards(Walk* walk) {
  if (!walk->backwards) walk->anomalies->Add(Anomaly::kPageTimeBackwards);
  walk->backwards = true;
}

// ring_buffer_read_page puts the count, a long, behind the data where there is room. All ones: it lost count itself.
uint64_t PageDecoder::LostBehind(Bytes data, uint64_t commit) const {
  if (commit > data.size() || data.size() - commit < long_size_) return kLostUnknown;
  const uint8_t* const at = data.data() + commit;
  if (long_size_ != 4) return Load<uint64_t>(at, order_);
  const uint32_t lost = Load<uint32_t>(at, order_);
  return lost == std::numeric_limits<uint32_t>::max() ? kLostUnknown : lost;
}

}  // namespace wakewatch

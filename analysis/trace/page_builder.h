// Why: what no recording at hand holds (other byte orders, 32-bit kernels, absolute stamps, damage at a chosen place)
// needs pages made to order. For tests only; the events are softirq_raise, 12 bytes long.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/trace/format.h"

namespace wakewatch::page_test {

inline constexpr uint16_t kEventId = 77;
inline constexpr uint32_t kEventBytes = 12;

// The machine that wrote a page.
struct Shape {
  std::endian order = std::endian::little;
  uint8_t long_size = 8;     // bytes
  uint32_t page_size = 256;  // bytes; small, so that a page is easily filled (no kernel has less than 4096)
  uint32_t header_size() const { return 8u + long_size; }
};

inline std::string HeaderPage(const Shape& shape) {
  const auto field = [](const std::string& what, uint32_t offset, uint32_t size) {
    return "\tfield: " + what + ";\toffset:" + std::to_string(offset) + ";\tsize:" + std::to_string(size) +
           ";\tsigned:0;\n";
  };
  return field("u64 timestamp", 0, 8) + field("local_t commit", 8, shape.long_size) + field("int overwrite", 8, 1) +
         field("char data", shape.header_size(), 4096 - shape.header_size());
}

inline std::string EventFormatText() {
  return "name: softirq_raise\nID: 77\nformat:\n"
         "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
         "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
         "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
         "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
         "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n\n"
         "print fmt: \"vec=%u\", REC->vec\n";
}

inline FormatTable Formats(const Shape& shape) {
  FormatTable formats = *FormatTable::Create({shape.order, shape.long_size}, HeaderPage(shape));
  formats.set_page_size(shape.page_size);
  (void)formats.Add("irq", EventFormatText());
  return formats;
}

// Writes a page as ring_buffer.c lays it out: a header, then one record after the other.
class PageBuilder {
 public:
  PageBuilder(const Shape& shape, uint64_t stamp) : shape_(shape), stamp_(stamp) {}

  // An event `delta_ns` after the one in front of it.
  PageBuilder& Event(uint32_t delta_ns, uint16_t id = kEventId) {
    return Header(kEventBytes / 4, delta_ns).Payload(id, kEventBytes);
  }
  // The same with an explicit length, as long records and some machines have it.
  PageBuilder& LongEvent(uint32_t delta_ns, uint32_t size = kEventBytes) {
    return Header(0, delta_ns).Word(size + 4).Payload(kEventId, size);
  }
  // Only the common fields.
  PageBuilder& ShortEvent(uint32_t delta_ns) { return Header(2, delta_ns).Payload(kEventId, 8); }
  PageBuilder& Discarded(uint32_t delta_ns) { return Header(29, delta_ns).Word(kEventBytes).Raw(kEventBytes - 4); }
  PageBuilder& Extend(uint64_t delta_ns) { return Header(30, Low(delta_ns)).Word(High(delta_ns)); }
  PageBuilder& Absolute(uint64_t stamp) { return Header(31, Low(stamp)).Word(High(stamp)); }

  PageBuilder& Header(uint32_t type_len, uint32_t delta) {
    return Word(shape_.order == std::endian::big ? type_len << 27 | delta : delta << 5 | type_len);
  }
  PageBuilder& Word(uint32_t value) { return Put(&data_, value, 4); }
  PageBuilder& Raw(size_t size) {
    data_.resize(data_.size() + size, 0xa5);
    return *this;
  }
  // Nothing but zeroes up to the page's end, as part of the data: what rb_null_event recognises.
  PageBuilder& Null() { return Header(29, 0).Fill(); }
  PageBuilder& Fill() {
    data_.resize(shape_.page_size - shape_.header_size());
    return *this;
  }

  PageBuilder& Missed() {
    flags_ |= 1u << 31;
    return *this;
  }
  PageBuilder& MissedCount(uint64_t count) {
    flags_ |= 3u << 30;
    count_ = count;
    return *this;
  }
  // Announces this many bytes, whatever there are.
  PageBuilder& Commit(uint32_t bytes) {
    commit_ = bytes;
    announced_ = true;
    return *this;
  }
  // Only the first `bytes` of the page.
  PageBuilder& Cut(uint32_t bytes) {
    cut_ = bytes;
    return *this;
  }

  std::vector<uint8_t> Take() const {
    std::vector<uint8_t> page;
    Put(&page, stamp_, 8);
    Put(&page, (announced_ ? commit_ : data_.size()) | flags_, shape_.long_size);
    page.insert(page.end(), data_.begin(), data_.end());
    if ((flags_ & 1u << 30) != 0) Put(&page, count_, shape_.long_size);
    page.resize(cut_ < shape_.page_size ? cut_ : shape_.page_size);
    return page;
  }

 private:
  static uint32_t Low(uint64_t time) { return static_cast<uint32_t>(time & ((1u << 27) - 1)); }
  static uint32_t High(uint64_t time) { return static_cast<uint32_t>(time >> 27); }
  PageBuilder& Put(std::vector<uint8_t>* bytes, uint64_t value, uint32_t size) {
    static_cast<const PageBuilder*>(this)->Put(bytes, value, size);
    return *this;
  }
  void Put(std::vector<uint8_t>* bytes, uint64_t value, uint32_t size) const {
    for (uint32_t i = 0; i < size; ++i) {
      const uint32_t place = shape_.order == std::endian::big ? size - 1 - i : i;
      bytes->push_back(static_cast<uint8_t>(value >> (8 * place)));
    }
  }
  PageBuilder& Payload(uint16_t id, uint32_t size) {
    Put(&data_, id, 2);
    Put(&data_, 0, 2);
    Put(&data_, 1000, 4);
    for (uint32_t at = 8; at < size; at += 4) Word(3);
    return *this;
  }

  Shape shape_;
  uint64_t stamp_;
  std::vector<uint8_t> data_;
  uint64_t flags_ = 0, count_ = 0;
  uint32_t commit_ = 0, cut_ = UINT32_MAX;
  bool announced_ = false;
};

// "1000", or "gap 0..1000 174 overrun": one line an event.
inline std::string TextOf(const std::vector<wakewatch::Event>& events) {
  std::string text;
  for (const wakewatch::Event& event : events) {
    if (event.type != EventType::kGap) {
      text += std::to_string(event.ts_ns) + "\n";
      continue;
    }
    const Event::Gap& gap = event.gap;
    text += "gap " + std::to_string(event.ts_ns) + "..";
    text += (gap.end_ns == UINT64_MAX ? "open" : std::to_string(gap.end_ns)) + " ";
    text += (gap.lost == kLostUnknown ? "?" : std::to_string(gap.lost)) + " " + std::string(Name(gap.cause)) + "\n";
  }
  return text;
}

// "page-bad-record 1\n", those that are not zero.
inline std::string TextOf(const AnomalyCounts& anomalies) {
  std::string text;
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    const uint64_t count = anomalies.all()[i];
    if (count != 0) text += std::string(kAnomalyInfo[i].name) + " " + std::to_string(count) + "\n";
  }
  return text;
}

}  // namespace wakewatch::page_test

// Why: kernels move and resize fields, so nothing about a record's layout is assumed. FormatTable learns every event's
// layout once, from the text in the trace (events/*/*/format, header_page), through libtraceevent; decoding then
// reads at those offsets. A format that places a field outside the record is refused here, so later reads need no check
// beyond the record's size.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/base/bytes.h"
#include "analysis/base/result.h"
#include "analysis/trace/event.h"

namespace wakewatch {

enum class FieldKind : uint8_t {
  kSigned,    // integer of 1, 2, 4 or 8 bytes
  kUnsigned,  // integer, also pointers and bool
  kText,      // char array of fixed size, ends at the first NUL
  kBytes,     // any other array or structure of fixed size
  kLocText,   // __data_loc / __rel_loc char[]: 4 bytes that point to text inside the record
  kLocBytes,  // __data_loc / __rel_loc of another type
};

struct FieldSpec {
  std::string name, type;  // type as the kernel writes it, "pid_t"
  uint16_t offset = 0;     // bytes from the record's start
  uint16_t size = 0;       // bytes of the fixed part
  FieldKind kind = FieldKind::kUnsigned;
  bool relative = false;  // __rel_loc: the stored offset counts from the end of this field
  bool pointer = false;   // a kernel address, shown in hex and looked up among the symbols
};

struct EventFormat {
  uint16_t id = 0;  // common_type; changes between boots for probes
  EventType type = EventType::kGeneric;
  uint16_t fixed_size = 0;  // bytes up to the end of the last fixed field: the least a record may have
  bool has_loc = false;     // at least one kLoc* field: records may be longer than fixed_size
  std::string system, name;
  std::vector<FieldSpec> fields;  // without the four common ones, in record order
  std::string text;               // the format file, as read

  const FieldSpec* Find(std::string_view field) const;
};

// How a ring-buffer page (sub-buffer) begins. Source: events/header_page.
struct PageLayout {
  uint16_t timestamp_offset = 0;
  uint16_t commit_offset = 8;
  uint8_t commit_size = 8;  // 4 on 32-bit kernels
  uint16_t data_offset = 16;
  uint32_t page_size = 4096;  // bytes of a whole sub-buffer, header included
};

struct CommonLayout {
  FieldSpec type, flags, preempt_count, pid;
  uint16_t size = 8;  // bytes to the end of the last of them
};

// What sched_switch's prev_state means on this kernel. Source: the event's own print fmt.
class PrevStates {
 public:
  // From a sched_switch format; the 4.14+ table (S 1, D 2, T 4, t 8, X 16, Z 32, P 64, I 128, R+ 256) when it has none.
  static PrevStates FromPrintFmt(std::string_view print_fmt);
  // 'R', or the letter of the lowest bit set ('S', 'D', 'T', 't', 'X', 'Z', 'P', 'I'); '?' for bits without a letter.
  char Letter(uint32_t raw) const;
  // Preempted inside the kernel: printed as R+.
  bool PreemptedInKernel(uint32_t raw) const { return preempt_bit_ != 0 && raw == preempt_bit_; }
  // True when the task stayed runnable: R or R+.
  bool Runnable(uint32_t raw) const { return (raw & mask_) == 0; }
  std::string Text(uint32_t raw) const;  // "S", "R+", "D|K"

 private:
  std::vector<std::pair<uint32_t, char>> letters_ = {{1, 'S'},  {2, 'D'},  {4, 'T'},  {8, 't'},
                                                     {16, 'X'}, {32, 'Z'}, {64, 'P'}, {128, 'I'}};
  uint32_t mask_ = 0xff;
  uint32_t preempt_bit_ = 0x100;  // 0: this kernel does not print R+
};

class FormatTable {
 public:
  struct Machine {
    std::endian order = std::endian::little;
    uint8_t long_size = 8;  // bytes
  };

  FormatTable();
  FormatTable(FormatTable&&) = default;
  FormatTable& operator=(FormatTable&&) = default;

  // `header_page` is the text of events/header_page; empty: the usual layout, with pages of 4096 bytes.
  // Errors: kCorrupt (a machine or page that no kernel has).
  static Result<FormatTable> Create(Machine machine, std::string_view header_page);

  // Adds one event from the text of its format file. A format that cannot be used is counted, not fatal: the answer is
  // an Error that names the event, and the table is unchanged. Adding the same text twice is fine and adds nothing.
  Status Add(std::string_view system, std::string_view text);

  const std::vector<EventFormat>& events() const { return events_; }
  const EventFormat* ById(uint16_t id) const {
    return id < by_id_.size() && by_id_[id] >= 0 ? &events_[static_cast<size_t>(by_id_[id])] : nullptr;
  }
  // Index into events(), or -1.
  int IndexById(uint16_t id) const { return id < by_id_.size() ? by_id_[id] : -1; }
  // The first that was added; nullptr for kGeneric, which many are.
  const EventFormat* ByType(EventType type) const;
  const EventFormat* Find(std::string_view system, std::string_view name) const;

  const Machine& machine() const { return machine_; }
  const PageLayout& page() const { return page_; }
  void set_page_size(uint32_t bytes) { page_.page_size = bytes; }
  const CommonLayout& common() const { return common_; }
  const PrevStates& prev_states() const { return prev_states_; }
  const AnomalyCounts& anomalies() const { return anomalies_; }
  const std::string& header_page_text() const { return header_page_text_; }

  // xxh3-64 over the machine, the page header and every format, in id order: two tables with one hash decode alike.
  uint64_t Hash() const;

 private:
  Status TryAdd(std::string_view system, std::string_view text);
  void Insert(EventFormat format);

  Machine machine_;
  PageLayout page_;
  CommonLayout common_;
  PrevStates prev_states_;
  bool have_common_ = false;
  std::vector<EventFormat> events_;
  std::vector<int> by_id_;
  std::array<int, kEventTypeCount> by_type_{};  // the first index of each, or -1
  std::vector<uint64_t> text_hashes_;           // by index
  AnomalyCounts anomalies_;
  std::string header_page_text_;
};

// Reads one integer field. `record` must have at least field.offset + field.size bytes.
uint64_t ReadInteger(const uint8_t* record, const FieldSpec& field, std::endian order);

// One field's value as a user reads it (comm, "S", "0xffff…", -3). Never reads outside `record`.
std::string FieldText(const FieldSpec& field, Bytes record, std::endian order);
// "prev_comm=swapper/0 prev_pid=0 …" for any event, from its own format; `event` must belong to `formats`.
std::string EventText(const Event& event, const FormatTable& formats);

}  // namespace wakewatch

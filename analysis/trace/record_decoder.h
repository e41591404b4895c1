// Why: the step from a raw record to a typed Event, shared by ring-buffer pages and stored chunks. Offsets, sizes and
// signs are bound once per FormatTable; decoding is then a switch and a few loads.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "analysis/base/anomaly.h"
#include "analysis/trace/event.h"
#include "analysis/trace/format.h"

namespace wakewatch {

class RecordDecoder {
 public:
  // `formats` must outlive the decoder and not change while it is used.
  explicit RecordDecoder(const FormatTable& formats);

  // Decodes `size` bytes at `record` into *event; ts_ns and cpu are the caller's to set. False (and a counted
  // anomaly) when the format is unknown or the record is shorter than its fixed fields; *event is then undefined.
  // A typed field that this kernel's event does not have is 0; a pid or a CPU, where 0 is somebody, is -1.
  // Of a record beyond 65535 bytes the first 65535 are seen.
  bool Decode(const uint8_t* record, uint32_t size, Event* event, AnomalyCounts* anomalies) const {
    return order_ == std::endian::little ? DecodeAs<std::endian::little>(record, size, event, anomalies)
                                         : DecodeAs<std::endian::big>(record, size, event, anomalies);
  }

  const FormatTable& formats() const { return *formats_; }

 private:
  // The member of Event's union that a type fills.
  enum class Shape : uint8_t {
    kNone,
    kSwitch,
    kWake,
    kMigrate,
    kFork,
    kTask,
    kStopRet,
    kSoftirq,
    kIrq,
    kTasklet,
    kWork,
    kKthreadWork,
    kTimer,
    kIpi,
    kProbeTask,
    kProbeObject,
  };
  // An integer of any width is loaded as the eight bytes that end where it ends, and shifted: no branch, and no byte
  // outside the record, because at least eight bytes of common fields stand in front of it.
  struct Number {
    uint64_t mask = 0;    // of the bits it has; 0: absent on this kernel
    uint16_t offset = 0;  // of the eight bytes
    uint8_t shift = 0;
    int16_t absent = 0;  // the value when it is absent; else 0
  };
  struct Text {
    uint16_t offset = 0, size = 0;  // size 0: absent
    bool located = false;           // __data_loc or __rel_loc
    uint16_t base = 0;              // what the stored offset counts from
  };
  struct Plan {
    EventType type = EventType::kGeneric;
    Shape shape = Shape::kNone;
    uint16_t fixed_size = 0;
    Number number[5];
    Text text[2];
  };
  struct Binding;
  // The fields of each type, in the order in which Fill* reads them.
  static const Binding& BindingOf(EventType type);
  static const Binding& BindingOfProbe(EventType type);

  static Number BindNumber(const EventFormat& format, std::string_view name);
  static Text BindText(const EventFormat& format, std::string_view name);

  template <std::endian kOrder>
  bool DecodeAs(const uint8_t* record, uint32_t size, Event* event, AnomalyCounts* anomalies) const;
  template <std::endian kOrder>
  static void FillSched(const Plan& plan, Event* event, AnomalyCounts* anomalies);
  template <std::endian kOrder>
  static void FillOther(const Plan& plan, Event* event, AnomalyCounts* anomalies);

  const FormatTable* formats_;
  std::vector<Plan> plans_;  // by format index
  std::endian order_;
  uint16_t type_, flags_, preempt_count_, pid_;  // offsets of the common fields
  uint16_t common_size_;
};

}  // namespace wakewatch

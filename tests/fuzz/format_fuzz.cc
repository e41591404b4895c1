// Any bytes as an event's format file and, behind a NUL, as a record of that event. A format that is taken has fields
// that lie inside a record, and can be read from any record that is decoded, and printed.
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/record_decoder.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace {

using namespace wakewatch;

// The subsystem whose event of this name is decoded by its fields; any other is kept as it is.
std::string_view SystemOf(std::string_view text) {
  constexpr std::string_view kName = "name: ";
  if (!text.starts_with(kName)) return "fuzz";
  const std::string_view name = text.substr(kName.size(), text.find('\n') - kName.size());
  for (const EventTypeInfo& info : kEventTypeInfo) {
    if (info.name == name && !info.system.empty()) return info.system;
  }
  return "fuzz";
}

// A record of its own, so that the sanitizer guards both ends. The tail's first byte says by how much it is longer or
// shorter than the format's fields are, the others are its content.
std::unique_ptr<uint8_t[]> MakeRecord(const EventFormat& format, std::string_view tail, std::endian order,
                                      size_t* size) {
  const int more = tail.empty() ? 0 : static_cast<int8_t>(tail[0]);
  tail = tail.substr(std::min<size_t>(tail.size(), 1));
  *size = static_cast<size_t>(std::clamp(format.fixed_size + more, 0, 65535));
  auto record = std::make_unique<uint8_t[]>(*size);
  std::copy_n(tail.begin(), std::min(tail.size(), *size), record.get());
  if (*size >= 2) {
    const bool little = order == std::endian::little;
    record[little ? 0 : 1] = static_cast<uint8_t>(format.id);
    record[little ? 1 : 0] = static_cast<uint8_t>(format.id >> 8);
  }
  return record;
}

void CheckText(const Event& event, TextRef text) {
  if (uint32_t{text.offset} + text.size > event.record_size) std::abort();
}

void CheckTexts(const Event& event) {
  switch (event.type) {
    case EventType::kSchedSwitch:
      CheckText(event, event.sw.prev_comm);
      CheckText(event, event.sw.next_comm);
      return;
    case EventType::kSchedWaking: return CheckText(event, event.wake.comm);
    case EventType::kIrqEntry: return CheckText(event, event.irq.name);
    case EventType::kWorkQueue: return CheckText(event, event.work.workqueue);
    default: return;
  }
}

void Check(std::string_view text, std::string_view tail, std::endian order) {
  auto formats = FormatTable::Create({order, 8}, "");
  if (!formats) std::abort();
  const std::string_view system = SystemOf(text);
  if (const auto added = formats->Add(system, text); !added) {
    if (added.error().cause.empty() || !formats->events().empty()) std::abort();
    return;
  }
  const uint64_t hash = formats->Hash();
  if (!formats->Add(system, text) || formats->Hash() != hash) std::abort();
  const RecordDecoder decoder(*formats);
  AnomalyCounts anomalies;
  for (const EventFormat& format : formats->events()) {
    for (const FieldSpec& field : format.fields) {
      if (uint32_t{field.offset} + field.size > format.fixed_size) std::abort();
    }
    size_t size = 0;
    const auto record = MakeRecord(format, tail, order, &size);
    Event event;
    if (!decoder.Decode(record.get(), static_cast<uint32_t>(size), &event, &anomalies)) continue;
    if (size < format.fixed_size) std::abort();
    CheckTexts(event);
    (void)EventText(event, *formats);
    for (const FieldSpec& field : format.fields) (void)FieldText(field, {record.get(), size}, order);
  }
}

// What is worth a step: the digits of the text, and all of the record.
std::vector<size_t> Steppable(const uint8_t* data, size_t size) {
  std::vector<size_t> places;
  bool in_record = false;
  for (size_t i = 0; i < size; ++i) {
    in_record = in_record || data[i] == 0;
    if (in_record || std::isdigit(data[i]) != 0) places.push_back(i);
  }
  return places;
}

}  // namespace

// Half of the time a step of one number, up or down: an offset or a size that is too large by one is what a wrong bound
// lets in.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max, unsigned int seed) {
  std::minstd_rand random(seed);
  const std::vector<size_t> places = Steppable(data, size);
  if (places.empty() || random() % 2 == 0) return LLVMFuzzerMutate(data, size, size_max);
  uint8_t& byte = data[places[random() % places.size()]];
  byte = static_cast<uint8_t>(random() % 2 == 0 ? byte + 1 : byte - 1);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find('\0');
  const std::string_view text = all.substr(0, end);
  const std::string_view tail = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
  Check(text, tail, std::endian::little);
  Check(text, tail, std::endian::big);
  return 0;
}

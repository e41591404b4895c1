// Any bytes as an event's format file and, behind a NUL, as a record of that event. A format that is taken has fields
// that can be read from any record that is decoded, and printed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "analysis/trace/event.h"
#include "analysis/trace/format.h"
#include "analysis/trace/record_decoder.h"

namespace {

using namespace wakewatch;

void Check(std::string_view text, std::string_view tail, std::endian order) {
  auto formats = FormatTable::Create({order, 8}, "");
  if (!formats) std::abort();
  if (const auto added = formats->Add("fuzz", text); !added) {
    if (added.error().cause.empty() || !formats->events().empty()) std::abort();
    return;
  }
  const uint64_t hash = formats->Hash();
  if (!formats->Add("fuzz", text) || formats->Hash() != hash) std::abort();
  const RecordDecoder decoder(*formats);
  AnomalyCounts anomalies;
  for (const EventFormat& format : formats->events()) {
    // A record of its own, so that the sanitizer guards both ends.
    const size_t size = std::min<size_t>(tail.size(), 65535);
    const auto record = std::make_unique<uint8_t[]>(size);
    std::copy(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(size), record.get());
    if (size >= 2) {
      const bool little = order == std::endian::little;
      record[little ? 0 : 1] = static_cast<uint8_t>(format.id);
      record[little ? 1 : 0] = static_cast<uint8_t>(format.id >> 8);
    }
    Event event;
    if (!decoder.Decode(record.get(), static_cast<uint32_t>(size), &event, &anomalies)) continue;
    (void)EventText(event, *formats);
    for (const FieldSpec& field : format.fields) (void)FieldText(field, {record.get(), size}, order);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find('\0');
  const std::string_view text = all.substr(0, end);
  const std::string_view tail = end == std::string_view::npos ? std::string_view() : all.substr(end + 1);
  Check(text, tail, std::endian::little);
  Check(text, tail, std::endian::big);
  return 0;
}

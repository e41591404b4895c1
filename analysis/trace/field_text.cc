#include <charconv>
#include <cstring>

#include "analysis/trace/format.h"

namespace wakewatch {
namespace {

std::string Hex(uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::string HexBytes(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string UpToNul(Bytes bytes) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return bytes.empty() ? std::string() : std::string(text, strnlen(text, bytes.size()));
}

// What a __data_loc or __rel_loc word points to; empty when that is not inside the record.
Bytes Located(const FieldSpec& field, Bytes record, std::endian order) {
  if (field.size != 4) return {};
  const uint32_t word = Load<uint32_t>(record.data() + field.offset, order);
  const size_t offset = (word & 0xffff) + (field.relative ? size_t{field.offset} + field.size : 0);
  const size_t size = word >> 16;
  if (offset > record.size() || size > record.size() - offset) return {};
  return record.subspan(offset, size);
}

}  // namespace

uint64_t ReadInteger(const uint8_t* record, const FieldSpec& field, std::endian order) {
  const bool is_signed = field.kind == FieldKind::kSigned;
  const uint8_t* at = record + field.offset;
  const auto extend = [is_signed](auto value, auto as_signed) {
    return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<decltype(as_signed)>(value)))
                     : static_cast<uint64_t>(value);
  };
  switch (field.size) {
    case 1: return extend(*at, int8_t{});
    case 2: return extend(Load<uint16_t>(at, order), int16_t{});
    case 4: return extend(Load<uint32_t>(at, order), int32_t{});
    case 8: return Load<uint64_t>(at, order);
    default: return 0;
  }
}

std::string FieldText(const FieldSpec& field, Bytes record, std::endian order) {
  if (size_t{field.offset} + field.size > record.size()) return {};
  // "char buf[]" is the rest of the record.
  const bool open_end = field.size == 0 && field.type.ends_with("[]");
  const Bytes own = open_end ? record.subspan(field.offset) : record.subspan(field.offset, field.size);
  switch (field.kind) {
    case FieldKind::kSigned: return std::to_string(static_cast<int64_t>(ReadInteger(record.data(), field, order)));
    case FieldKind::kUnsigned: {
      const uint64_t value = ReadInteger(record.data(), field, order);
      return field.pointer ? Hex(value) : std::to_string(value);
    }
    case FieldKind::kText: return UpToNul(own);
    case FieldKind::kBytes: return HexBytes(own);
    case FieldKind::kLocText: return UpToNul(Located(field, record, order));
    case FieldKind::kLocBytes: return HexBytes(Located(field, record, order));
  }
  return {};
}

std::string EventText(const Event& event, const FormatTable& formats) {
  if (event.type == EventType::kGap || event.format >= formats.events().size()) return {};
  const Bytes record(event.record, event.record_size);
  const std::endian order = formats.machine().order;
  std::string text;
  for (const FieldSpec& field : formats.events()[event.format].fields) {
    if (!text.empty()) text += ' ';
    text += field.name;
    text += '=';
    const bool state = event.type == EventType::kSchedSwitch && field.name == "prev_state" && field.size <= 8 &&
                       size_t{field.offset} + field.size <= record.size();
    text += state ? formats.prev_states().Text(static_cast<uint32_t>(ReadInteger(record.data(), field, order)))
                  : FieldText(field, record, order);
  }
  return text;
}

}  // namespace wakewatch

#include "analysis/checks/lost_wakeup/timer_bases.h"

namespace wakewatch {
namespace {

constexpr uint64_t kCpuMask = 0x3ffff, kDeferrable = 0x80000, kPinned = 0x100000;
constexpr unsigned kIndexShift = 22;
constexpr uint64_t kLevelSize = 64;  // buckets
constexpr unsigned kLevelShift = 3;  // each level is eight times as coarse as the one below
constexpr uint64_t kLevels = 9;
constexpr uint64_t kModeSoft = 0x04;  // HRTIMER_MODE_SOFT

std::optional<FieldSpec> FieldOf(const EventFormat& format, std::string_view name) {
  const FieldSpec* const field = format.Find(name);
  const bool integer = field != nullptr && (field->kind == FieldKind::kUnsigned || field->kind == FieldKind::kSigned);
  return integer ? std::optional(*field) : std::nullopt;
}

bool Holds(const Event& event, const std::optional<FieldSpec>& field) {
  return field && event.record != nullptr && field->offset + size_t{field->size} <= event.record_size;
}

}  // namespace

const TimerStartFields::Layout& TimerStartFields::Of(Layout* layout, const Event& event, const FormatTable& formats) {
  if (layout->format == event.format) return *layout;
  *layout = Layout{};
  if (event.format >= formats.events().size()) return *layout;
  const EventFormat& format = formats.events()[event.format];
  *layout = {event.format, FieldOf(format, "flags"), FieldOf(format, "bucket_expiry"), FieldOf(format, "mode")};
  return *layout;
}

std::optional<WheelPlace> TimerStartFields::PlaceOf(const Event& event, const FormatTable& formats) {
  const Layout& layout = Of(&wheel_, event, formats);
  if (!Holds(event, layout.flags)) return std::nullopt;
  const std::endian order = formats.machine().order;
  const uint64_t flags = ReadInteger(event.record, *layout.flags, order);
  const uint64_t index = flags >> kIndexShift & 0x3ff, level = index / kLevelSize;
  const uint64_t cpu = flags & kCpuMask;
  if (cpu >= kBaseCpusMax || level >= kLevels) return std::nullopt;
  WheelPlace place;
  place.deferrable = (flags & kDeferrable) != 0;
  // From 6.9 on pinned timers have a base of their own; before that they are kept apart for nothing.
  place.base = static_cast<uint32_t>(cpu * 4 + (place.deferrable ? 2u : 0u) + ((flags & kPinned) != 0 ? 1u : 0u));
  if (Holds(event, layout.bucket)) {
    place.due = ReadInteger(event.record, *layout.bucket, order);
    return place;
  }
  // The bucket behind the expiry; a timer that was overdue when it was armed stands in a later one.
  const auto shift = static_cast<unsigned>(level * kLevelShift);
  uint64_t bucket = (event.timer.expires >> shift) + 1;
  bucket += (index - bucket) % kLevelSize;
  place.due = bucket << shift;
  return place;
}

bool TimerStartFields::IsSoftHrtimer(const Event& event, const FormatTable& formats) {
  const Layout& layout = Of(&hrtimer_, event, formats);
  return Holds(event, layout.mode) &&
         (ReadInteger(event.record, *layout.mode, formats.machine().order) & kModeSoft) != 0;
}

}  // namespace wakewatch

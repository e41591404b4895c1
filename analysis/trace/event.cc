#include "analysis/trace/event.h"

#include <cstring>
#include <string>
#include <unordered_map>

namespace wakewatch {

EventType EventTypeOf(std::string_view system, std::string_view name) {
  static const auto* kByName = [] {
    auto* map = new std::unordered_map<std::string, EventType>();
    for (size_t i = 1; i + 1 < kEventTypeCount; ++i) {
      map->emplace(std::string(kEventTypeInfo[i].system) + '/' + std::string(kEventTypeInfo[i].name),
                   static_cast<EventType>(i));
    }
    return map;
  }();
  const auto it = kByName->find(std::string(system) + '/' + std::string(name));
  return it == kByName->end() ? EventType::kGeneric : it->second;
}

EventType ProbeTypeOf(std::string_view name) {
  const EventType exact = EventTypeOf("wakewatch", name);
  if (exact != EventType::kGeneric) return exact;
  if (name.starts_with("wait_for_completion")) return EventType::kProbeCompletionWait;
  if (name == "prepare_to_wait_event") return EventType::kProbePrepareToWait;
  if (name == "remove_wait_queue") return EventType::kProbeFinishWait;
  return EventType::kGeneric;
}

std::string_view Name(GapCause cause) {
  switch (cause) {
    case GapCause::kOverrun: return "overrun";
    case GapCause::kCorrupt: return "corrupt";
    case GapCause::kCollector: return "collector";
    case GapCause::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string_view Event::Text(TextRef ref) const {
  if (ref.size == 0 || record == nullptr || ref.offset >= record_size) return {};
  const size_t bound = ref.size < record_size - ref.offset ? ref.size : record_size - ref.offset;
  const auto* text = reinterpret_cast<const char*>(record) + ref.offset;
  return {text, strnlen(text, bound)};
}

}  // namespace wakewatch

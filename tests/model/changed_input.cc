#include "tests/model/changed_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

#include "analysis/model/thread_kind.h"

namespace wakewatch::changed_test {
namespace {

// The pids of an event, common_pid aside, and the names beside them.
struct Named {
  int32_t* pid = nullptr;
  TextRef text{};
};
std::array<Named, 2> NamesOf(Event* event) {
  switch (event->type) {
    case EventType::kSchedSwitch:
      return {{{&event->sw.prev_pid, event->sw.prev_comm}, {&event->sw.next_pid, event->sw.next_comm}}};
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew: return {{{&event->wake.pid, event->wake.comm}, {}}};
    case EventType::kSchedMigrateTask: return {{{&event->migrate.pid, event->migrate.comm}, {}}};
    case EventType::kSchedProcessFork:
      return {{{&event->fork.parent_pid, event->fork.parent_comm}, {&event->fork.child_pid, event->fork.child_comm}}};
    case EventType::kSchedProcessExec:
    case EventType::kSchedProcessExit:
    case EventType::kSchedProcessFree:
    case EventType::kSchedPiSetprio:
    case EventType::kSchedStatRuntime:
    case EventType::kSchedKthreadStop: return {{{&event->task.pid, event->task.comm}, {}}};
    case EventType::kProbeTtwu: return {{{&event->probe.pid, {}}, {}}};
    default: return {};
  }
}

bool IsHrtimer(EventType type) {
  return type == EventType::kHrtimerStart || type == EventType::kHrtimerExpireEntry ||
         type == EventType::kHrtimerExpireExit || type == EventType::kHrtimerCancel;
}

}  // namespace

ChangedInput::ChangedInput(const TraceInput& input) {
  metadata_ = input.metadata();
  symbols_ = input.symbols();
  auto formats = FormatTable::Create(input.formats().machine(), input.formats().header_page_text());
  if (formats) formats_ = *std::move(formats);
  for (const EventFormat& format : input.formats().events()) (void)formats_.Add(format.system, format.text);
}

std::string OtherName(int32_t pid, std::string_view name) {
  std::string other(name);
  const bool free = KindFromName(pid, name) == ThreadKind::kUser && KindOfKthread(pid, name) == ThreadKind::kKthread;
  if (pid <= 2 || !free) return other;
  for (char& c : other) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
  }
  return other;
}

int32_t OtherPid(int32_t pid) { return pid <= 2 ? pid : pid + 1311; }

Changed Renamed(const TraceInput& input, const Events& events) {
  Changed changed;
  auto renamed = std::make_shared<ChangedInput>(input);
  renamed->meta().threads = {};
  for (ThreadInfo info : input.metadata().threads.all()) {
    info.comm = OtherName(info.pid, info.comm);
    info.pid = OtherPid(info.pid);
    info.parent_pid = OtherPid(info.parent_pid);
    renamed->meta().threads.Add(std::move(info));
  }
  changed.input = std::move(renamed);
  changed.events = events;
  for (Event& event : changed.events) {
    if (event.type == EventType::kGap) continue;
    std::vector<uint8_t>* record = nullptr;
    for (const Named& named : NamesOf(&event)) {
      if (named.pid == nullptr) continue;
      const std::string_view text = named.text.size == 0 ? std::string_view() : event.Text(named.text);
      if (const std::string other = OtherName(*named.pid, text); other != text) {
        if (record == nullptr) {
          record =
              changed.records
                  .emplace_back(std::make_unique<std::vector<uint8_t>>(event.record, event.record + event.record_size))
                  .get();
        }
        std::memcpy(record->data() + named.text.offset, other.data(), other.size());
      }
      *named.pid = OtherPid(*named.pid);
    }
    if (record != nullptr) event.record = record->data();
    if (event.type == EventType::kSchedProcessExec) {
      event.task.value = static_cast<uint64_t>(OtherPid(static_cast<int32_t>(event.task.value)));
    }
    event.pid = OtherPid(event.pid);
  }
  return changed;
}

uint64_t ScaledNs(uint64_t ns, uint64_t origin_ns, double factor) {
  if (ns == UINT64_MAX) return ns;
  const double from = static_cast<double>(ns >= origin_ns ? ns - origin_ns : origin_ns - ns);
  const auto scaled = static_cast<uint64_t>(std::llround(from * factor));
  return ns >= origin_ns ? origin_ns + scaled : origin_ns - std::min(origin_ns, scaled);
}

Changed Scaled(const TraceInput& input, const Events& events, double factor) {
  Changed changed;
  const uint64_t origin_ns = events.front().ts_ns;
  const auto scaled = [&](uint64_t ns) { return ScaledNs(ns, origin_ns, factor); };
  auto slower = std::make_shared<ChangedInput>(input);
  slower->meta().threads = {};
  for (ThreadInfo info : input.metadata().threads.all()) {
    if (info.first_seen_ns != 0) info.first_seen_ns = scaled(info.first_seen_ns);
    slower->meta().threads.Add(std::move(info));
  }
  changed.input = std::move(slower);
  changed.events = events;
  for (Event& event : changed.events) {
    event.ts_ns = scaled(event.ts_ns);
    if (event.type == EventType::kGap) event.gap.end_ns = scaled(event.gap.end_ns);
    if (!IsHrtimer(event.type)) continue;
    if (event.timer.expires != 0) event.timer.expires = scaled(event.timer.expires);
    if (event.timer.now != 0) event.timer.now = scaled(event.timer.now);
  }
  return changed;
}

Events WithGap(const Events& events, LostSpan* span) {
  Events left;
  left.reserve(events.size() + 1);
  const auto lost = [&](const Event& event) {
    return event.cpu == span->cpu && event.ts_ns > span->start_ns && event.ts_ns < span->end_ns;
  };
  uint64_t last_ns = 0, next_ns = UINT64_MAX;
  for (const Event& event : events) {
    if (event.cpu != span->cpu) continue;
    if (event.ts_ns <= span->start_ns) last_ns = event.ts_ns;
    if (event.ts_ns >= span->end_ns) next_ns = std::min(next_ns, event.ts_ns);
  }
  span->start_ns = last_ns;
  span->end_ns = next_ns;
  bool marked = false;
  const auto mark = [&] {
    Event gap{};
    gap.ts_ns = last_ns;
    gap.type = EventType::kGap;
    gap.cpu = static_cast<uint16_t>(span->cpu);
    gap.gap = {next_ns, kLostUnknown, GapCause::kOverrun};
    left.push_back(gap);
    marked = true;
  };
  for (const Event& event : events) {
    if (!marked && event.ts_ns > last_ns) mark();
    if (!lost(event)) left.push_back(event);
  }
  if (!marked) mark();
  return left;
}

Events Skewed(const Events& events, uint64_t skew_ns, std::mt19937* random) {
  std::map<uint32_t, uint64_t> ahead_ns;
  for (const Event& event : events) {
    if (!ahead_ns.contains(event.cpu)) ahead_ns[event.cpu] = (*random)() % (skew_ns + 1);
  }
  Events skewed = events;
  for (Event& event : skewed) {
    event.ts_ns += ahead_ns[event.cpu];
    if (event.type == EventType::kGap && event.gap.end_ns != UINT64_MAX) event.gap.end_ns += ahead_ns[event.cpu];
  }
  std::stable_sort(skewed.begin(), skewed.end(), [](const Event& a, const Event& b) {
    return a.ts_ns != b.ts_ns ? a.ts_ns < b.ts_ns : a.cpu < b.cpu;
  });
  return skewed;
}

Events Shuffled(const Events& events, std::mt19937* random) {
  Events shuffled = events;
  for (size_t from = 0; from < shuffled.size();) {
    size_t to = from;
    while (to < shuffled.size() && shuffled[to].ts_ns == shuffled[from].ts_ns) ++to;
    // Each CPU's own stay in order.
    std::map<uint16_t, uint32_t> rank;
    for (size_t i = from; i < to; ++i) {
      if (!rank.contains(shuffled[i].cpu)) rank[shuffled[i].cpu] = static_cast<uint32_t>((*random)());
    }
    if (rank.size() > 1) {
      std::stable_sort(shuffled.begin() + static_cast<ptrdiff_t>(from), shuffled.begin() + static_cast<ptrdiff_t>(to),
                       [&](const Event& a, const Event& b) { return rank[a.cpu] < rank[b.cpu]; });
    }
    from = to;
  }
  return shuffled;
}

Events Without(const Events& events, const std::function<bool(const Event&)>& drops) {
  Events left;
  left.reserve(events.size());
  std::copy_if(events.begin(), events.end(), std::back_inserter(left), [&](const Event& e) { return !drops(e); });
  return left;
}

}  // namespace wakewatch::changed_test

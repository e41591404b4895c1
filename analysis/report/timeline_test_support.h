// Why: the timeline is held against a slow, obvious version of itself: a list of stretches, taken from the scheduler
// model's own view of each CPU, and bins that are added up over it one by one. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/model/sched_model.h"
#include "analysis/report/timeline.h"
#include "analysis/report/timeline_row.h"

namespace wakewatch::timeline_test {

inline TimelineUse Coarser(Use use) {
  switch (use) {
    case Use::kIdle: return TimelineUse::kIdle;
    case Use::kStop:
    case Use::kDeadline:
    case Use::kRealTime: return TimelineUse::kRealTime;
    case Use::kSoftirq: return TimelineUse::kSoftirq;
    case Use::kHardirq: return TimelineUse::kHardirq;
    default: return TimelineUse::kFair;
  }
}

class Reference {
 public:
  explicit Reference(const TraceInput& input) : model_(input) {}

  void Push(const Event& event) {
    Until(event.cpu, event.ts_ns);
    model_.Apply(event);
    const CpuState& state = model_.cpu(event.cpu);
    if (state.seen && !cpus_.contains(event.cpu)) cpus_[event.cpu].first_ns = event.ts_ns;
    if (!cpus_.contains(event.cpu)) return;
    Cpu& cpu = cpus_[event.cpu];
    if (event.type == EventType::kSchedSwitch) cpu.switches.push_back(event.ts_ns);
    cpu.now = {event.ts_ns, 0, state.seen ? Coarser(state.use) : TimelineUse::kUnknown, state.current_pid};
  }
  void End(uint64_t end_ns) {
    for (const auto& [number, cpu] : cpus_) Until(number, end_ns);
    end_ns_ = end_ns;
  }

  struct Stretch {
    uint64_t start_ns, end_ns;
    TimelineUse use;
    int32_t pid;
  };
  struct Cpu {
    uint64_t first_ns = 0;
    std::vector<Stretch> stretches;
    std::vector<uint64_t> switches;
    Stretch now{};
  };
  const std::map<uint32_t, Cpu>& cpus() const { return cpus_; }
  uint64_t end_ns() const { return end_ns_; }

  // Of [from_ns, to_ns), as far as time goes; what happens at its very end counts.
  TimelineBin Bin(uint32_t number, uint64_t from_ns, uint64_t bin_ns) const {
    const uint64_t to_ns = std::min(from_ns + bin_ns, end_ns_);
    const Cpu& cpu = cpus_.at(number);
    TimelineBin bin;
    std::map<int32_t, uint64_t> by_pid;
    if (from_ns < cpu.first_ns) bin.Of(TimelineUse::kUnknown) = std::min(to_ns, cpu.first_ns) - from_ns;
    auto at = std::upper_bound(cpu.stretches.begin(), cpu.stretches.end(), from_ns,
                               [](uint64_t ns, const Stretch& stretch) { return ns < stretch.end_ns; });
    for (; at != cpu.stretches.end() && at->start_ns < to_ns; ++at) {
      const uint64_t ns = std::min(at->end_ns, to_ns) - std::max(at->start_ns, from_ns);
      bin.Of(at->use) += ns;
      if (at->use == TimelineUse::kFair || at->use == TimelineUse::kRealTime) by_pid[at->pid] += ns;
    }
    for (const auto& [pid, ns] : by_pid) {
      if (ns <= bin.busiest_ns) continue;
      bin.busiest_pid = pid;
      bin.busiest_ns = ns;
    }
    const auto first = std::lower_bound(cpu.switches.begin(), cpu.switches.end(), from_ns);
    bin.switches =
        static_cast<uint32_t>(std::lower_bound(cpu.switches.begin(), cpu.switches.end(), from_ns + bin_ns) - first);
    return bin;
  }

 private:
  void Until(uint32_t number, uint64_t ns) {
    const auto found = cpus_.find(number);
    if (found == cpus_.end() || ns <= found->second.now.start_ns) return;
    Stretch stretch = found->second.now;
    stretch.end_ns = ns;
    found->second.stretches.push_back(stretch);
    found->second.now.start_ns = ns;
  }

  SchedModel model_;
  std::map<uint32_t, Cpu> cpus_;
  uint64_t end_ns_ = 0;
};

// One CPU's made-up life: short and long stretches, nested interrupts, gaps, idle hours, moments on a bin's edge.
inline std::vector<Event> RandomEvents(uint16_t cpu, size_t count, std::mt19937_64* random) {
  const auto roll = [&](uint64_t sides) { return (*random)() % sides; };
  std::vector<Event> events;
  uint64_t now_ns = roll(3) == 0 ? roll(5'000'000'000) : 3'000'000'000 + roll(1000);
  int32_t pid = static_cast<int32_t>(roll(4));
  while (events.size() < count) {
    const uint64_t pace = roll(400);
    now_ns += pace == 0   ? roll(40'000'000'000'000)
              : pace < 4  ? roll(3'000'000'000)
              : pace < 40 ? roll(4'000'000)
                          : roll(60'000);
    if (roll(30) == 0) now_ns = (now_ns >> 20 << 20) + (roll(2) << 20);
    if (!events.empty()) now_ns = std::max(now_ns, events.back().ts_ns);
    Event event{};
    event.ts_ns = now_ns;
    event.cpu = cpu;
    event.pid = pid;
    switch (roll(12)) {
      case 0: event.type = EventType::kIrqEntry; break;
      case 1: event.type = EventType::kIrqExit; break;
      case 2: event.type = EventType::kSoftirqEntry; break;
      case 3: event.type = EventType::kSoftirqExit; break;
      case 4: event.type = EventType::kSchedWaking; break;
      case 5: event.type = roll(15) == 0 ? EventType::kGap : EventType::kGeneric; break;
      default:
        event.type = EventType::kSchedSwitch;
        event.sw.prev_pid = pid;
        pid = roll(3) == 0 ? 0 : static_cast<int32_t>(100 + roll(6));
        event.sw.next_pid = pid;
        event.sw.next_prio = roll(4) == 0 ? 10 : 120;
        event.sw.prev_state = static_cast<uint32_t>(roll(3));
    }
    if (event.type == EventType::kSchedWaking) event.wake.pid = 100;
    if (event.type == EventType::kGap) {
      // Nothing else happens at the very moment, so that a store cannot take it for another one.
      event.ts_ns = ++now_ns;
      ++now_ns;
      event.gap = {now_ns, kLostUnknown, GapCause::kOverrun};
      pid = static_cast<int32_t>(roll(4));
    }
    events.push_back(event);
  }
  return events;
}

// The table of rows, as a store keeps it.
class RowTable {
 public:
  void Store(std::vector<TimelineRow> rows) {
    for (TimelineRow& row : rows) {
      const auto key = std::tuple(row.cpu, row.level, row.first_bin);
      rows_[key] = std::move(row);
    }
  }
  const std::map<std::tuple<uint32_t, uint32_t, uint64_t>, TimelineRow>& rows() const { return rows_; }

 private:
  std::map<std::tuple<uint32_t, uint32_t, uint64_t>, TimelineRow> rows_;
};

// Calls visit(cpu, level, run) for every run, in order, and holds that none overlaps the one before or leaves a hole.
template <typename Visit>
void ForEachRun(const RowTable& table, const Visit& visit) {
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> next;
  for (const auto& [key, row] : table.rows()) {
    const auto [lane, fresh] = next.try_emplace({row.cpu, row.level}, row.first_bin);
    ASSERT_EQ(lane->second, row.first_bin) << "CPU " << row.cpu << " level " << row.level;
    auto reader = TimelineRowReader::Open(row);
    ASSERT_TRUE(reader) << reader.error().Text();
    TimelineRowReader::Run run;
    while (true) {
      const auto more = reader->Next(&run);
      ASSERT_TRUE(more) << more.error().Text();
      if (!*more) break;
      ASSERT_EQ(run.first_bin, lane->second);
      lane->second += run.bins;
      visit(row.cpu, row.level, run);
    }
    ASSERT_EQ(lane->second, row.first_bin + row.bins);
  }
}

}  // namespace wakewatch::timeline_test

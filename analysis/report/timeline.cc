#include "analysis/report/timeline.h"

#include <algorithm>
#include <utility>

#include "analysis/report/timeline_cpu.h"

namespace wakewatch {
namespace {

constexpr uint64_t kChildren = uint64_t{1} << kTimelineLevelShift;  // bins of a level in one of the next

template <size_t... kLevel>
std::array<TimelineRowWriter, kTimelineLevels> RowsFrom(uint32_t cpu, uint64_t ts_ns, std::index_sequence<kLevel...>) {
  return {TimelineRowWriter(cpu, kLevel, ts_ns >> TimelineShift(kLevel))...};
}

uint64_t StartOfBin(uint64_t ts_ns, unsigned level) { return ts_ns >> TimelineShift(level) << TimelineShift(level); }

}  // namespace

TimelineBuilder::Cpu::Cpu(uint32_t cpu, uint64_t ts_ns)
    : since_ns(ts_ns),
      bin_end_ns(StartOfBin(ts_ns, 0) + TimelineBinNs(0)),
      rows(RowsFrom(cpu, ts_ns, std::make_index_sequence<kTimelineLevels>())) {
  uint64_t known_below_ns = ts_ns;
  for (unsigned level = 0; level < kTimelineLevels; ++level) {
    const uint64_t start_ns = StartOfBin(ts_ns, level);
    open[level].bin.Of(TimelineUse::kUnknown) = known_below_ns - start_ns;
    known_below_ns = start_ns;
  }
}

void TimelineBuilder::Cpu::AdvanceFar(uint64_t ts_ns, std::vector<TimelineRow>* finished) {
  Spend(bin_end_ns - since_ns);
  LeaveTask();
  FinishOpen(0, finished);
  if (const uint64_t whole = (ts_ns - bin_end_ns) >> TimelineShift(0); whole > 0) Append(0, whole, finished);
  since_ns = StartOfBin(ts_ns, 0);
  bin_end_ns = since_ns + TimelineBinNs(0);
  Spend(ts_ns - since_ns);
}

void TimelineBuilder::Cpu::FinishOpen(unsigned level, std::vector<TimelineRow>* finished) {
  for (;; ++level) {
    Open& done = open[level];
    TimelineBin bin = done.bin;
    const PidTimes::Entry busiest = done.pids.Busiest();
    bin.busiest_pid = busiest.pid;
    bin.busiest_ns = busiest.ns;
    rows[level].Append(bin, 1, finished);
    if (level + 1 < kTimelineLevels) {
      Open& parent = open[level + 1];
      for (size_t use = 0; use < kTimelineUses; ++use) parent.bin.ns[use] += bin.ns[use];
      parent.bin.switches += bin.switches;
      parent.pids.Merge(done.pids);
    }
    done.bin = {};
    done.pids.Clear();
    if (level + 1 == kTimelineLevels || rows[level].next_bin() % kChildren != 0) return;
  }
}

void TimelineBuilder::Cpu::Append(unsigned level, uint64_t count, std::vector<TimelineRow>* finished) {
  const uint64_t bin_ns = TimelineBinNs(level);
  TimelineBin bin;
  bin.Of(track.use()) = bin_ns;
  if (InTask()) {
    bin.busiest_pid = track.pid();
    bin.busiest_ns = bin_ns;
  }
  const uint64_t first = rows[level].next_bin();
  rows[level].Append(bin, count, finished);
  if (level + 1 == kTimelineLevels) return;
  Open& parent = open[level + 1];
  const auto add = [&](uint64_t bins) {
    parent.bin.Of(track.use()) += bins * bin_ns;
    if (InTask()) parent.pids.Add(track.pid(), bins * bin_ns);
  };
  if (const uint64_t begun = first % kChildren; begun > 0) {
    const uint64_t taken = std::min(kChildren - begun, count);
    add(taken);
    count -= taken;
    if (begun + taken < kChildren) return;
    FinishOpen(level + 1, finished);
  }
  if (count >= kChildren) Append(level + 1, count / kChildren, finished);
  if (count % kChildren > 0) add(count % kChildren);
}

TimelineRow TimelineBuilder::Cpu::Current(unsigned level) const {
  TimelineBin bin;
  PidTimes pids;
  for (unsigned below = 0; below <= level; ++below) {
    for (size_t use = 0; use < kTimelineUses; ++use) bin.ns[use] += open[below].bin.ns[use];
    bin.switches += open[below].bin.switches;
    pids.Merge(open[below].pids);
  }
  pids.Add(track.pid(), task_ns);
  const PidTimes::Entry busiest = pids.Busiest();
  bin.busiest_pid = busiest.pid;
  bin.busiest_ns = busiest.ns;
  return rows[level].Current(bin);
}

TimelineBuilder::TimelineBuilder() = default;
TimelineBuilder::~TimelineBuilder() = default;
TimelineBuilder::TimelineBuilder(TimelineBuilder&&) noexcept = default;
TimelineBuilder& TimelineBuilder::operator=(TimelineBuilder&&) noexcept = default;

void TimelineBuilder::Push(const Event& event) {
  Cpu* cpu = event.cpu < cpus_.size() ? cpus_[event.cpu].get() : nullptr;
  const uint64_t ts_ns = std::min(event.ts_ns, kTimelineEndNs);
  if (event.type == EventType::kGap) {
    if (cpu == nullptr) return;
    cpu->Advance(ts_ns, &finished_);
    cpu->LeaveTask();
    cpu->track.Lose();
    return;
  }
  if (cpu == nullptr || !cpu->track.known()) [[unlikely]] {
    if (cpu == nullptr) cpu = Add(event.cpu, ts_ns);
    cpu->Advance(ts_ns, &finished_);
    cpu->track.Begin(event.pid);
  }
  switch (event.type) {
    case EventType::kSchedSwitch:
      cpu->Advance(ts_ns, &finished_);
      cpu->LeaveTask();
      cpu->track.Switch(event.sw.next_pid, event.sw.next_prio);
      ++cpu->open[0].bin.switches;
      break;
    case EventType::kIrqEntry:
    case EventType::kIrqExit:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit:
      cpu->Advance(ts_ns, &finished_);
      cpu->track.Context(event.type);
      break;
    default: break;
  }
}

TimelineBuilder::Cpu* TimelineBuilder::Add(uint32_t cpu, uint64_t ts_ns) {
  if (cpu >= cpus_.size()) cpus_.resize(cpu + 1);
  cpus_[cpu] = std::make_unique<Cpu>(cpu, ts_ns);
  return cpus_[cpu].get();
}

std::vector<TimelineRow> TimelineBuilder::TakeRows() { return std::exchange(finished_, {}); }

std::vector<TimelineRow> TimelineBuilder::Flush(uint64_t watermark_ns) {
  for (const auto& cpu : cpus_) {
    if (cpu != nullptr) cpu->Advance(std::min(watermark_ns, kTimelineEndNs), &finished_);
  }
  std::vector<TimelineRow> rows = TakeRows();
  for (const auto& cpu : cpus_) {
    if (cpu == nullptr) continue;
    for (unsigned level = 0; level < kTimelineLevels; ++level) {
      if (TimelineRow row = cpu->Current(level); row.bins > 0) rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace wakewatch

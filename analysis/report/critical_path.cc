#include "analysis/report/critical_path.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "analysis/report/printable.h"

namespace wakewatch {

std::string_view Name(PathKind kind) {
  switch (kind) {
    case PathKind::kRun: return "run";
    case PathKind::kWait: return "wait";
    case PathKind::kSleep: return "sleep";
    case PathKind::kUnknown: return "unknown";
  }
  return "unknown";
}

CriticalPathFinder::CriticalPathFinder(const TraceInput& input, uint64_t from_ns, uint64_t to_ns, size_t intervals_max)
    : model_(input), wakes_(model_, input.symbols()), from_ns_(from_ns), to_ns_(to_ns), intervals_max_(intervals_max) {}

bool CriticalPathFinder::Push(const Event& event) {
  if (event.ts_ns > to_ns_) {
    goes_on_ = true;
    if (!seeded_ && first_ns_ != 0) Seed();
    return false;
  }
  if (kept_ > intervals_max_) return false;
  if (event.type != EventType::kGap) {
    if (first_ns_ == 0) first_ns_ = event.ts_ns;
    last_ns_ = event.ts_ns;
  }
  if (!seeded_ && event.ts_ns >= from_ns_) Seed();
  const Step& step = model_.Apply(event);
  wakes_.OnStep(step);
  if (seeded_) {
    OnStep(step);
  } else if (event.type == EventType::kGap && event.gap.end_ns > from_ns_) {
    AddGap(event);
  }
  return true;
}

// What the model believes when the span begins.
void CriticalPathFinder::Seed() {
  seeded_ = true;
  model_.tasks().ForEach([&](const Task& task) {
    if (task.OnCpu()) {
      Begin(task, from_ns_, PathKind::kRun, static_cast<uint32_t>(std::max(task.cpu, 0)));
    } else if (task.state == TaskState::kSleeping) {
      Begin(task, from_ns_, PathKind::kSleep, 0);
    } else if (task.Waiting()) {
      Begin(task, from_ns_, PathKind::kWait, task.wait.cpu);
    }
  });
  for (const CpuState& cpu : model_.cpus()) {
    if (!cpu.current_known) continue;
    Hold(cpu.cpu, {from_ns_, cpu.current_pid, cpu.current == nullptr ? WakeHistory::kNobody : cpu.current->index});
  }
}

CriticalPathFinder::Interval* CriticalPathFinder::Begin(const Task& task, uint64_t now_ns, PathKind kind,
                                                        uint32_t cpu) {
  if (task.index >= tasks_.size()) {
    tasks_.resize(task.index + size_t{1});
    who_.resize(task.index + size_t{1});
  }
  who_[task.index] = &task;
  ++kept_;
  Interval& interval = tasks_[task.index].emplace_back();
  interval.start_ns = now_ns;
  interval.kind = kind;
  interval.cpu = static_cast<uint16_t>(cpu);
  return &interval;
}

const CriticalPathFinder::Interval* CriticalPathFinder::Newest(const Task& task) const {
  return task.index < tasks_.size() && !tasks_[task.index].empty() ? &tasks_[task.index].back() : nullptr;
}

void CriticalPathFinder::Hold(uint32_t cpu, const Held& held) {
  if (cpu >= cpus_.size()) cpus_.resize(cpu + size_t{1});
  cpus_[cpu].push_back(held);
  ++kept_;
}

void CriticalPathFinder::OnStep(const Step& step) {
  const Event& event = *step.event;
  if (step.lost != nullptr) Begin(*step.lost, event.ts_ns, PathKind::kUnknown, 0);
  switch (event.type) {
    case EventType::kSchedSwitch: return OnSwitch(step);
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      if (step.task != nullptr) OnWake(step);
      return;
    case EventType::kSchedMigrateTask:
      if (step.task != nullptr && step.task->Waiting()) OnMove(*step.task, event.ts_ns);
      return;
    case EventType::kGap:
      Hold(event.cpu, {event.ts_ns, -1, WakeHistory::kNobody});
      AddGap(event);
      return;
    default: return;
  }
}

void CriticalPathFinder::OnSwitch(const Step& step) {
  const Event& event = *step.event;
  if (const Task* const prev = step.prev) {
    switch (prev->state) {
      case TaskState::kSleeping: Begin(*prev, event.ts_ns, PathKind::kSleep, 0); break;
      case TaskState::kReady:
      case TaskState::kWaking: Begin(*prev, event.ts_ns, PathKind::kWait, prev->wait.cpu); break;
      default: Begin(*prev, event.ts_ns, PathKind::kUnknown, 0); break;
    }
  }
  if (step.next != nullptr) Begin(*step.next, event.ts_ns, PathKind::kRun, event.cpu);
  Hold(event.cpu, {event.ts_ns, event.sw.next_pid, step.next == nullptr ? WakeHistory::kNobody : step.next->index});
}

void CriticalPathFinder::OnWake(const Step& step) {
  const Task& task = *step.task;
  if (!task.Waiting()) return;  // it was on its CPU
  const Interval* const newest = Newest(task);
  if (newest != nullptr && newest->kind == PathKind::kWait) return OnMove(task, step.event->ts_ns);
  Interval* const wait = Begin(task, step.event->ts_ns, PathKind::kWait, task.wait.cpu);
  wait->woken = true;
  const WakeHistory::Wake* const wake = wakes_.Last(task);
  if (wake == nullptr || wake->waking_ns != step.event->ts_ns) return;
  wait->context = wake->context;
  wait->source = wake->source;
  wait->source_id = wake->source_id;
  wait->waker = wake->waker_index;
  wait->by_idle = wake->waker_pid == 0;
}

// Its run queue may be another CPU's from now on.
void CriticalPathFinder::OnMove(const Task& task, uint64_t now_ns) {
  const Interval* const newest = Newest(task);
  if (newest == nullptr || newest->kind != PathKind::kWait || newest->cpu == task.wait.cpu) return;
  Begin(task, now_ns, PathKind::kWait, task.wait.cpu);
}

// Those of several CPUs that touch become one.
void CriticalPathFinder::AddGap(const Event& event) {
  if (!gaps_.empty() && gaps_.back().end_ns >= event.ts_ns) {
    gaps_.back().end_ns = std::max(gaps_.back().end_ns, event.gap.end_ns);
  } else {
    gaps_.push_back({event.ts_ns, event.gap.end_ns});
  }
}

bool CriticalPathFinder::InGap(uint64_t start_ns, uint64_t end_ns) const {
  const auto gap =
      std::partition_point(gaps_.begin(), gaps_.end(), [&](const Gap& earlier) { return earlier.end_ns <= start_ns; });
  return gap != gaps_.end() && gap->start_ns < end_ns;
}

// The newest that began before `ns`; null: what it did then is not known.
const CriticalPathFinder::Interval* CriticalPathFinder::Before(uint32_t index, uint64_t ns) const {
  if (index >= tasks_.size()) return nullptr;
  const std::vector<Interval>& intervals = tasks_[index];
  const auto after = std::partition_point(intervals.begin(), intervals.end(),
                                          [&](const Interval& interval) { return interval.start_ns < ns; });
  return after == intervals.begin() ? nullptr : &*std::prev(after);
}

PathSegment CriticalPathFinder::SegmentOf(const Interval& interval, uint32_t index, uint64_t start_ns,
                                          uint64_t end_ns) const {
  PathSegment segment;
  segment.start_ns = start_ns;
  segment.end_ns = end_ns;
  segment.pid = who_[index]->pid;
  segment.comm = CommOf(*who_[index]);
  segment.kind = interval.kind;
  if (interval.kind == PathKind::kUnknown) {
    segment.source = "its events do not tell";
  } else if (interval.kind != PathKind::kRun && InGap(start_ns, end_ns)) {
    segment.kind = PathKind::kUnknown;
    segment.source = "events were lost";
  }
  if (segment.kind == PathKind::kRun || segment.kind == PathKind::kWait) segment.cpu = interval.cpu;
  if (segment.kind == PathKind::kWait) NameHolder(&segment);
  return segment;
}

void CriticalPathFinder::NameHolder(PathSegment* segment) const {
  const auto cpu = static_cast<size_t>(segment->cpu);
  if (cpu >= cpus_.size()) return;
  const std::vector<Held>& held = cpus_[cpu];
  auto at = std::partition_point(held.begin(), held.end(),
                                 [&](const Held& entry) { return entry.start_ns <= segment->start_ns; });
  if (at != held.begin()) --at;
  std::map<int32_t, std::pair<uint64_t, uint32_t>> by_pid;
  for (; at != held.end() && at->start_ns < segment->end_ns; ++at) {
    const uint64_t start_ns = std::max(at->start_ns, segment->start_ns);
    const uint64_t end_ns =
        std::next(at) == held.end() ? segment->end_ns : std::min(std::next(at)->start_ns, segment->end_ns);
    auto& [ns, index] = by_pid[at->pid];
    ns += end_ns - start_ns;
    index = at->index;
  }
  for (const auto& [pid, entry] : by_pid) {
    if (entry.first <= segment->holder_ns) continue;
    segment->holder_pid = pid;
    segment->holder_ns = entry.first;
    segment->holder_comm = pid == 0 ? "idle" : entry.second == WakeHistory::kNobody ? "" : CommOf(*who_[entry.second]);
  }
}

void CriticalPathFinder::NameSource(const Interval& woken, PathSegment* segment) const {
  segment->context = woken.context;
  WakeHistory::Wake wake;
  wake.source = woken.source;
  wake.source_id = woken.source_id;
  segment->source = wakes_.SourceText(wake);
  if (woken.context == WakeContext::kTask) segment->source = woken.by_idle ? "the idle task" : "a task not known";
}

CriticalPath CriticalPathFinder::WalkBack(const Task& task, uint64_t from_ns, uint64_t to_ns) const {
  CriticalPath path{task.pid, CommOf(task), from_ns, to_ns, {}};
  uint32_t index = task.index;
  const Interval* woken = nullptr;  // the wake by something that is no task, right behind the cursor
  for (uint64_t cursor_ns = to_ns; cursor_ns > from_ns;) {
    const Interval* const interval = Before(index, cursor_ns);
    if (interval == nullptr) {
      const Task* const who = index < who_.size() && who_[index] != nullptr ? who_[index] : &task;
      PathSegment& unknown = path.segments.emplace_back();
      unknown.start_ns = from_ns;
      unknown.end_ns = cursor_ns;
      unknown.pid = who->pid;
      unknown.comm = CommOf(*who);
      unknown.source = "it was not seen before";
      break;
    }
    const uint64_t start_ns = std::max(interval->start_ns, from_ns);
    PathSegment segment = SegmentOf(*interval, index, start_ns, cursor_ns);
    if (segment.kind == PathKind::kSleep && woken != nullptr) NameSource(*woken, &segment);
    path.segments.push_back(std::move(segment));
    cursor_ns = start_ns;
    const bool by_task = interval->woken && interval->context == WakeContext::kTask && interval->waker < who_.size() &&
                         who_[interval->waker] != nullptr;
    woken = interval->woken && !by_task ? interval : nullptr;
    if (by_task) index = interval->waker;
  }
  std::reverse(path.segments.begin(), path.segments.end());
  return path;
}

Result<CriticalPath> CriticalPathFinder::Find(int32_t pid) const {
  if (kept_ > intervals_max_) {
    return Fail(Error{
        .code = ErrorCode::kTooLarge,
        .cause = fmt::format("more than {} intervals of tasks and CPUs lie in the span", CountText(intervals_max_)),
        .remedy = "narrow the span: --since and --until"});
  }
  if (!seeded_ || first_ns_ == 0) {
    std::string covered;
    if (first_ns_ != 0) {
      covered = fmt::format("; the events go from {} s to {} s", TraceTimeText(first_ns_), TraceTimeText(last_ns_));
    }
    return Fail(Error{.code = ErrorCode::kInvalidArgument,
                      .cause = "the events cover nothing of the span" + covered,
                      .remedy = "`wakewatch report` says which span the trace covers"});
  }
  const Task* const task = model_.tasks().Holder(pid);
  if (task == nullptr) {
    return Fail(ErrorCode::kNotFound, "no event up to the span's end names a task with pid " + std::to_string(pid));
  }
  return WalkBack(*task, std::max(from_ns_, first_ns_), goes_on_ ? to_ns_ : std::min(to_ns_, last_ns_));
}

}  // namespace wakewatch

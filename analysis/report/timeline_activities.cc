#include "analysis/report/timeline_activities.h"

#include <algorithm>
#include <utility>

#include "analysis/model/softirq_name.h"

namespace wakewatch {
namespace {

// Deeper than any kernel nests.
constexpr size_t kOpenMax = 32;

bool InHardirq(const DetailEvent& event) { return (event.flags & (kFlagHardirq | kFlagNmi)) != 0; }
bool InInterrupt(const DetailEvent& event) { return InHardirq(event) || (event.flags & kFlagSoftirq) != 0; }

std::string NameOf(TimelineWork work, const DetailEvent& event) {
  if (work == TimelineWork::kSoftirq) {
    return std::string(SoftirqName(static_cast<uint32_t>(std::min<uint64_t>(event.object, UINT32_MAX))));
  }
  if (work != TimelineWork::kHardirq) return {};
  return event.name.empty() ? "irq " + std::to_string(static_cast<int32_t>(event.object)) : std::string(event.name);
}

TimelineActivity Activity(TimelineWork work, const DetailEvent& event) {
  TimelineActivity activity;
  activity.work = work;
  activity.cpu = event.cpu;
  activity.function = event.function;
  activity.name = NameOf(work, event);
  activity.pid = event.pid;
  return activity;
}

}  // namespace

ActivityTracker::Cpu& ActivityTracker::At(uint32_t cpu) {
  if (cpu >= cpus_.size()) cpus_.resize(cpu + size_t{1});
  return cpus_[cpu];
}

bool ActivityTracker::Wants(uint32_t cpu) const {
  return request_.cpus.empty() || std::find(request_.cpus.begin(), request_.cpus.end(), cpu) != request_.cpus.end();
}

void ActivityTracker::Add(TimelineActivity activity, uint64_t end_ns, bool end_seen) {
  activity.end_ns = end_ns;
  activity.end_seen = end_seen;
  const bool inside = end_ns > request_.start_ns || activity.start_ns >= request_.start_ns;
  if (!inside || activity.start_ns >= request_.end_ns || !Wants(activity.cpu)) return;
  if (activities_.size() <= request_.items_max) activities_.push_back(std::move(activity));
}

void ActivityTracker::Push(const DetailEvent& event) {
  Cpu& cpu = At(event.cpu);
  switch (event.type) {
    case EventType::kIrqEntry: Enter(TimelineWork::kHardirq, event, &cpu); break;
    case EventType::kIrqExit: Exit(TimelineWork::kHardirq, event, &cpu); break;
    case EventType::kSoftirqEntry: Enter(TimelineWork::kSoftirq, event, &cpu); break;
    case EventType::kSoftirqExit: Exit(TimelineWork::kSoftirq, event, &cpu); break;
    case EventType::kTimerExpireEntry:
    case EventType::kHrtimerExpireEntry: Enter(TimelineWork::kTimer, event, &cpu); break;
    case EventType::kTimerExpireExit:
    case EventType::kHrtimerExpireExit: Exit(TimelineWork::kTimer, event, &cpu); break;
    case EventType::kWorkStart: StartWork(event); break;
    case EventType::kWorkEnd: EndWork(event); break;
    case EventType::kSchedSwitch: OnSwitch(event, &cpu); break;
    default: break;
  }
  if (event.ts_ns < source_.whole_from_ns) return;
  if (!InHardirq(event)) cpu.may_be_in_hardirq = false;
  if (!InInterrupt(event)) cpu.may_be_in_softirq = false;
}

void ActivityTracker::Enter(TimelineWork work, const DetailEvent& event, Cpu* cpu) {
  const bool in_hardirq = work == TimelineWork::kHardirq || InHardirq(event);
  // Softirqs do not nest, timers run one after the other in their context, and a handler is not interrupted by its own
  // interrupt: what is still open has ended unseen, and so has what runs within it.
  const auto ended = [&](const Open& open) {
    if (open.activity.work != work) return false;
    if (work == TimelineWork::kHardirq) return open.object == event.object;
    return work == TimelineWork::kSoftirq || open.in_hardirq == in_hardirq;
  };
  const auto first = std::find_if(cpu->open.begin(), cpu->open.end(), ended);
  std::for_each(first, cpu->open.end(), [&](const Open& open) { Drop(open); });
  cpu->open.erase(first, cpu->open.end());
  if (cpu->open.size() >= kOpenMax) {
    for (const Open& open : cpu->open) Drop(open);
    cpu->open.clear();
  }
  Open open{Activity(work, event), event.object, in_hardirq};
  open.activity.start_ns = event.ts_ns;
  open.activity.start_seen = true;
  cpu->open.push_back(std::move(open));
}

void ActivityTracker::Exit(TimelineWork work, const DetailEvent& event, Cpu* cpu) {
  const auto same = std::find_if(cpu->open.rbegin(), cpu->open.rend(), [&](const Open& open) {
    return open.activity.work == work && open.object == event.object;
  });
  if (same != cpu->open.rend()) {
    std::for_each(cpu->open.rbegin(), same, [&](const Open& inner) { Drop(inner); });
    Add(std::move(same->activity), event.ts_ns, true);
    cpu->open.erase(std::prev(same.base()), cpu->open.end());
    return;
  }
  const bool in_hardirq = work == TimelineWork::kHardirq || InHardirq(event);
  const bool may_be = in_hardirq ? cpu->may_be_in_hardirq : cpu->may_be_in_softirq;
  TimelineActivity activity = Activity(work, event);
  activity.start_ns = may_be ? std::min(std::max(request_.start_ns, cpu->since_ns), event.ts_ns) : event.ts_ns;
  Add(std::move(activity), event.ts_ns, true);
}

void ActivityTracker::StartWork(const DetailEvent& event) {
  const auto [at, fresh] = work_.try_emplace(event.pid);
  if (!fresh) Drop(at->second);
  at->second = {Activity(TimelineWork::kWork, event), event.object, false};
  at->second.activity.start_ns = event.ts_ns;
  at->second.activity.start_seen = true;
  work_seen_.insert(event.pid);
}

void ActivityTracker::EndWork(const DetailEvent& event) {
  const auto at = work_.find(event.pid);
  const bool same = at != work_.end() && at->second.object == event.object;
  if (at != work_.end()) {
    if (same) {
      Add(std::move(at->second.activity), event.ts_ns, true);
    } else {
      Drop(at->second);
    }
    work_.erase(at);
  }
  const bool seen = !work_seen_.insert(event.pid).second;
  if (same) return;
  TimelineActivity activity = Activity(TimelineWork::kWork, event);
  const uint64_t unseen_until_ns = std::max(request_.start_ns, all_cpus_.blind_until_ns());
  activity.start_ns = seen ? event.ts_ns : std::min(unseen_until_ns, event.ts_ns);
  Add(std::move(activity), event.ts_ns, true);
}

void ActivityTracker::OnSwitch(const DetailEvent& event, Cpu* cpu) {
  // No handler sleeps. A softirq may be preempted in kernels built for real time, and so may its timers.
  const auto first = std::find_if(cpu->open.begin(), cpu->open.end(), [](const Open& open) { return open.in_hardirq; });
  std::for_each(first, cpu->open.end(), [&](const Open& open) { Drop(open); });
  cpu->open.erase(first, cpu->open.end());
  // While it is off its CPU, its worker may go on with it where nobody sees.
  if (!all_cpus_.Blind(event.ts_ns)) return;
  const auto work = work_.find(event.pid);
  if (work == work_.end()) return;
  Add(std::move(work->second.activity), event.ts_ns, false);
  work_.erase(work);
}

void ActivityTracker::Gap(uint32_t number, uint64_t ts_ns, uint64_t end_ns) {
  Cpu& cpu = At(number);
  for (Open& open : cpu.open) Add(std::move(open.activity), ts_ns, false);
  cpu = Cpu();
  cpu.since_ns = end_ns;
  std::erase_if(work_, [&](auto& entry) {
    if (all_cpus_.Runs(entry.first)) return false;
    Add(std::move(entry.second.activity), ts_ns, false);
    return true;
  });
  work_seen_.clear();
}

void ActivityTracker::Finish(TimelineDetail* detail) {
  for (Cpu& cpu : cpus_) {
    for (Open& open : cpu.open) Add(std::move(open.activity), request_.end_ns, false);
  }
  for (auto& [worker, open] : work_) Add(std::move(open.activity), request_.end_ns, false);
  detail->activities_too_many = activities_.size() > request_.items_max;
  if (detail->activities_too_many) return;
  std::sort(activities_.begin(), activities_.end(), [](const TimelineActivity& a, const TimelineActivity& b) {
    if (a.start_ns != b.start_ns) return a.start_ns < b.start_ns;
    if (a.cpu != b.cpu) return a.cpu < b.cpu;
    // What holds the other comes first.
    return a.end_ns != b.end_ns ? a.end_ns > b.end_ns : a.work < b.work;
  });
  detail->activities = std::move(activities_);
}

}  // namespace wakewatch

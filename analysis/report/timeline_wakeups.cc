#include "analysis/report/timeline_wakeups.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

// CPUs' clocks differ: a wakeup may stand in front of its own waking. Farther apart they do not belong together.
constexpr uint64_t kSkewMaxNs = 1'000'000;

void SetWaker(const DetailEvent& event, const DetailCpus::Cpu& cpu, TimelineWakeup* wakeup) {
  wakeup->waker_pid = event.pid;
  wakeup->waker_comm = cpu.comm;
  wakeup->waker_cpu = event.cpu;
  wakeup->context = (event.flags & (kFlagHardirq | kFlagNmi)) != 0 ? WakeContext::kHardirq
                    : (event.flags & kFlagSoftirq) != 0            ? WakeContext::kSoftirq
                                                                   : WakeContext::kTask;
}

void SetTask(const DetailEvent& event, TimelineWakeup* wakeup) {
  wakeup->pid = event.task;
  if (!event.name.empty()) wakeup->comm = event.name;
  if (event.target_cpu >= 0) wakeup->target_cpu = static_cast<uint32_t>(event.target_cpu);
}

}  // namespace

size_t WakeupTracker::Add(Entry entry) {
  const TimelineWakeup& wakeup = entry.wakeup;
  const auto inside = [&](uint64_t ns) { return ns >= request_.start_ns && ns < request_.end_ns && ns != 0; };
  const auto wanted = [&](uint32_t cpu) {
    return request_.cpus.empty() || std::find(request_.cpus.begin(), request_.cpus.end(), cpu) != request_.cpus.end();
  };
  if (!inside(wakeup.waking_ns) && !inside(wakeup.wakeup_ns)) return SIZE_MAX;
  if (!wanted(wakeup.waker_cpu) && !wanted(wakeup.target_cpu)) return SIZE_MAX;
  if (entries_.size() > request_.items_max) return SIZE_MAX;
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

void WakeupTracker::Wake(const DetailEvent& event, const DetailCpus::Cpu& cpu) {
  if (event.task == 0) return;
  if (event.type == EventType::kSchedWaking) {
    OnWaking(event, cpu);
  } else {
    OnWakeup(event, cpu);
  }
}

void WakeupTracker::OnWaking(const DetailEvent& event, const DetailCpus::Cpu& cpu) {
  has_waking_ = true;
  if (const auto late = without_waking_.find(event.task); late != without_waking_.end()) {
    Entry& entry = entries_[late->second];
    without_waking_.erase(late);
    if (entry.wakeup.waker_cpu != event.cpu && event.ts_ns - entry.wakeup.wakeup_ns <= kSkewMaxNs) {
      entry.wakeup.waking_ns = event.ts_ns;
      entry.waker_guessed = false;
      return SetWaker(event, cpu, &entry.wakeup);
    }
  }
  const auto [at, fresh] = open_.try_emplace(event.task);
  if (!fresh) Add({std::exchange(at->second, {}), false});
  at->second.waking_ns = event.ts_ns;
  SetTask(event, &at->second);
  SetWaker(event, cpu, &at->second);
}

void WakeupTracker::OnWakeup(const DetailEvent& event, const DetailCpus::Cpu& cpu) {
  Entry entry;
  const bool is_new = event.type == EventType::kSchedWakeupNew;
  const auto open = open_.find(event.task);
  if (open != open_.end()) {
    // A first wakeup has no waking: what is open was about a former owner of the pid.
    if (is_new) {
      Add({std::move(open->second), false});
    } else {
      entry.wakeup = std::move(open->second);
    }
    open_.erase(open);
  }
  entry.wakeup.wakeup_ns = event.ts_ns;
  SetTask(event, &entry.wakeup);
  const bool has_waking = entry.wakeup.waking_ns != 0;
  if (!has_waking) SetWaker(event, cpu, &entry.wakeup);
  entry.waker_guessed = !has_waking && !is_new;
  const bool may_be_early = entry.waker_guessed;
  const size_t index = Add(std::move(entry));
  without_waking_.erase(event.task);
  if (may_be_early && index != SIZE_MAX) without_waking_[event.task] = index;
}

void WakeupTracker::Gap() {
  for (auto& [pid, wakeup] : open_) Add({std::move(wakeup), false});
  open_.clear();
  without_waking_.clear();
}

void WakeupTracker::Finish(TimelineDetail* detail) {
  Gap();
  detail->wakeups_too_many = entries_.size() > request_.items_max;
  if (detail->wakeups_too_many) return;
  for (Entry& entry : entries_) {
    if (entry.waker_guessed && has_waking_) {
      entry.wakeup.waker_pid = -1;
      entry.wakeup.waker_comm.clear();
      entry.wakeup.context = WakeContext::kUnknown;
    }
    detail->wakeups.push_back(std::move(entry.wakeup));
  }
  std::sort(detail->wakeups.begin(), detail->wakeups.end(), [](const TimelineWakeup& a, const TimelineWakeup& b) {
    return a.ns() != b.ns() ? a.ns() < b.ns() : a.pid < b.pid;
  });
}

}  // namespace wakewatch

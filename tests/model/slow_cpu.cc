#include "tests/model/slow_cpu.h"

namespace wakewatch::slow {

PlainUse CpuHistory::Use() const {
  if (irq_depth_ > 0) return PlainUse::kHardirq;
  if (in_softirq_) return PlainUse::kSoftirq;
  if (!known_) return PlainUse::kUnexplained;
  return rank_ == kIdleRank ? PlainUse::kIdle : PlainUse::kTask;
}

void CpuHistory::Take(const Event& event, size_t number, const Step& step, uint64_t silence_ns) {
  if (!spans_.empty()) EndSpan(event, number, silence_ns);
  if (event.type == EventType::kGap) {
    OnGap();
  } else if (!in_trace_) {
    in_trace_ = true;
    known_ = event.pid == 0;
    busy_ = event.pid != 0;
    rank_ = rank_now_ = kIdleRank;
  }
  switch (event.type) {
    case EventType::kSchedSwitch: OnSwitch(event, step); break;
    case EventType::kIrqEntry: ++irq_depth_; break;
    case EventType::kIrqExit:
      if (irq_depth_ > 0) --irq_depth_;
      break;
    case EventType::kSoftirqEntry: in_softirq_ = true; break;
    case EventType::kSoftirqExit: in_softirq_ = false; break;
    default: break;
  }
  last_flags_ = event.type == EventType::kGap ? 0 : event.flags;
  Span& span = spans_.emplace_back();
  span.first = number;
  span.from_ns = event.ts_ns;
  span.use = Use();
  span.rank = rank_;
}

void CpuHistory::EndSpan(const Event& event, size_t number, uint64_t silence_ns) {
  Span& span = spans_.back();
  span.end = number;
  span.to_ns = event.ts_ns;
  const bool in_task = busy_ && irq_depth_ == 0 && !in_softirq_;
  if (!in_task || event.type == EventType::kGap) return;
  const bool asked_all_along = (last_flags_ & event.flags & kFlagNeedResched) != 0;
  const bool asked_at_its_end = (event.flags & (kFlagNeedResched | kFlagNeedReschedLazy)) != 0;
  const bool silent = span.to_ns - span.from_ns > silence_ns;
  span.off = asked_all_along || (asked_at_its_end && silent);
}

void CpuHistory::OnGap() {
  in_trace_ = known_ = lost_ = busy_ = in_softirq_ = false;
  irq_depth_ = 0;
  current_ = nullptr;
  last_tick_ns_ = 0;
}

void CpuHistory::OnSwitch(const Event& event, const Step& step) {
  const bool from_migration = step.prev != nullptr && step.prev->kind == ThreadKind::kMigration;
  const bool to_cpuhp = step.next != nullptr && step.next->kind == ThreadKind::kCpuhp &&
                        step.next->only_cpu == static_cast<int32_t>(event.cpu);
  cpuhp_ran_ = cpuhp_ran_ || to_cpuhp;
  going_offline_ = cpuhp_ran_ && from_migration && step.next == nullptr;
  known_ = true;
  lost_ = false;
  busy_ = step.next != nullptr;
  rank_ = rank_now_ = step.next == nullptr ? kIdleRank : RankOf(event.sw.next_prio, step.next->kind);
  current_ = step.next;
  irq_depth_ = 0;
  in_softirq_ = false;
}

void CpuHistory::SetPrio(const Task* task, Rank rank) {
  if (current_ == task) rank_now_ = rank;
}

void CpuHistory::NotHere(const Task* task) {
  if (current_ != task) return;
  current_ = nullptr;
  lost_ = true;
}

uint64_t CpuHistory::TickInterval(uint64_t now_ns) {
  const uint64_t last_ns = last_tick_ns_;
  last_tick_ns_ = now_ns;
  return last_ns == 0 ? 0 : now_ns - last_ns;
}

}  // namespace wakewatch::slow

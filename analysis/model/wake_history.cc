#include "analysis/model/wake_history.h"

#include <algorithm>

#include "analysis/model/softirq_name.h"

namespace wakewatch {

WakeHistory::Wake& WakeHistory::Begin(const Task& task, const Event& event) {
  Slot& slot = Of(task);
  Wake& wake = slot.wakes[slot.count++ % kWakesKept];
  wake = Wake{};
  wake.number = ++numbered_;
  wake.waking_ns = event.ts_ns;
  wake.cpu = event.cpu;
  return wake;
}

void WakeHistory::SetWaker(const Step& step, Wake* wake) {
  const Event& event = *step.event;
  wake->context = ContextOf(event);
  wake->cpu = event.cpu;
  if (wake->context != WakeContext::kTask) {
    const Cpu& cpu = CpuOf(event.cpu);
    SetSource(wake->context == WakeContext::kHardirq ? cpu.hardirq : cpu.softirq, wake);
    return;
  }
  wake->waker_pid = event.pid;
  const Task* const waker = step.cpu->current;
  if (waker == nullptr || waker->pid != event.pid) return;
  wake->waker_index = waker->index;
  if (waker->index >= slots_.size()) return;  // and no slot may be added here: `wake` lies in one
  const Slot& slot = slots_[waker->index];
  // A gap in the run may hide that it slept and was woken again.
  if (slot.run != 0 && slot.run_ns >= dark_end_ns_) wake->waker_run = slot.run;
}

// The innermost: a timer's function runs inside an irq handler or a softirq vector.
void WakeHistory::SetSource(const Level& level, Wake* wake) {
  if (level.hrtimer) {
    wake->source = WakeSource::kHrtimer;
    wake->source_id = level.hrtimer_function;
  } else if (level.timer) {
    wake->source = WakeSource::kTimer;
    wake->source_id = level.timer_function;
  } else if (level.irq) {
    wake->source = WakeSource::kIrq;
    wake->source_id = NameOf(level);
  } else if (level.softirq) {
    wake->source = WakeSource::kSoftirq;
    wake->source_id = level.vec;
  }
}

uint64_t WakeHistory::NameOf(const Level& level) {
  std::string name = "irq " + std::to_string(level.irq_number);
  if (!level.irq_name.empty()) name += ' ' + level.irq_name;
  const auto known = std::find(names_.begin(), names_.end(), name);
  if (known == names_.end() && names_.size() < kNamesMax) {
    names_.push_back(std::move(name));
    return names_.size() - 1;
  }
  return static_cast<uint64_t>(known - names_.begin());
}

void WakeHistory::OnWaking(const Step& step) {
  const Task* const task = step.task;
  if (task == nullptr) return;
  const Wait& wait = task->wait;
  if (wait.kind != WaitKind::kWake || !wait.has_waking) return;  // legal of a task that was preempted, and no wake
  if (wait.start_ns == step.event->ts_ns) return SetWaker(step, &Begin(*task, *step.event));
  // Late by the clocks' skew: its wakeup came first, and did not know who.
  Wake* const last = Newest(&Of(*task));
  if (last == nullptr || last->context != WakeContext::kUnknown || last->waking_ns != wait.start_ns) return;
  SetWaker(step, last);
}

void WakeHistory::OnWakeup(const Step& step) {
  const Task* const task = step.task;
  if (task == nullptr) return;
  if (task->OnCpu()) {  // it was woken before it slept, and goes on
    Slot& slot = Of(*task);
    const Wake* const last = Newest(&slot);
    if (last != nullptr && last->in_ns == 0) TakeBackNewest(&slot);
    return;
  }
  const Wait& wait = task->wait;
  // Whoever is on the CPU at a wakeup need not be the waker.
  if (wait.kind == WaitKind::kWake && !wait.has_waking && wait.start_ns == step.event->ts_ns) Begin(*task, *step.event);
}

void WakeHistory::OnWakeupNew(const Step& step) {
  const Task* const task = step.task;
  if (task == nullptr || task->wait.kind != WaitKind::kNew || task->wait.start_ns != step.event->ts_ns) return;
  Wake& wake = Begin(*task, *step.event);
  SetWaker(step, &wake);
  if (wake.context == WakeContext::kTask) wake.source = WakeSource::kFork;
}

void WakeHistory::OnSwitch(const Step& step) {
  if (step.event->cpu < cpus_.size()) {
    Cpu& cpu = cpus_[step.event->cpu];  // nobody is switched inside of an interrupt
    for (Level* const level : {&cpu.hardirq, &cpu.softirq}) {
      level->irq = level->hrtimer = level->timer = level->softirq = false;
    }
  }
  if (step.lost != nullptr) Of(*step.lost).run = 0;
  if (step.next == nullptr) return;
  Slot& slot = Of(*step.next);
  Wake* const last = Newest(&slot);
  const bool pending = last != nullptr && last->in_ns == 0;
  const Wait* const ended = step.measured ? step.ended : nullptr;
  if (ended != nullptr && ended->kind != WaitKind::kPreempted && pending && last->waking_ns == ended->start_ns) {
    last->in_ns = step.event->ts_ns;
    slot.run = last->number;
    slot.run_ns = last->in_ns;
    return;
  }
  if (pending) TakeBackNewest(&slot);
  const bool goes_on = ended != nullptr && ended->kind == WaitKind::kPreempted;
  if (!goes_on) slot.run = 0;
}

void WakeHistory::OnContext(const Event& event) {
  Cpu& cpu = CpuOf(event.cpu);
  Level& level = event.InHardirq() ? cpu.hardirq : cpu.softirq;
  switch (event.type) {
    case EventType::kIrqEntry:
      cpu.hardirq.irq = true;
      cpu.hardirq.irq_number = event.irq.irq;
      cpu.hardirq.irq_name = event.Text(event.irq.name);
      return;
    case EventType::kIrqExit: cpu.hardirq.irq = false; return;
    case EventType::kSoftirqEntry:
      cpu.softirq.softirq = true;
      cpu.softirq.vec = event.softirq.vec;
      return;
    case EventType::kSoftirqExit: cpu.softirq.softirq = cpu.softirq.timer = cpu.softirq.hrtimer = false; return;
    case EventType::kTimerExpireEntry:
      level.timer = true;
      level.timer_function = event.timer.function;
      return;
    case EventType::kTimerExpireExit: level.timer = false; return;
    case EventType::kHrtimerExpireEntry:
      level.hrtimer = true;
      level.hrtimer_function = event.timer.function;
      return;
    default: level.hrtimer = false; return;
  }
}

void WakeHistory::OnGap(const Event& event) {
  dark_end_ns_ = std::max(dark_end_ns_, event.gap.end_ns);
  CpuOf(event.cpu) = Cpu{};
}

const WakeHistory::Wake* WakeHistory::Last(const Task& task) const {
  if (task.index >= slots_.size() || slots_[task.index].count == 0) return nullptr;
  const Slot& slot = slots_[task.index];
  return &slot.wakes[(slot.count - 1) % kWakesKept];
}

const WakeHistory::Wake* WakeHistory::Find(uint32_t index, uint64_t number) const {
  if (number == 0 || index >= slots_.size()) return nullptr;
  for (const Wake& wake : slots_[index].wakes) {
    if (wake.number == number) return &wake;
  }
  return nullptr;
}

std::string WakeHistory::SourceText(const Wake& wake) const {
  const auto with_function = [&](std::string_view what) {
    return wake.source_id == 0 ? std::string(what) : std::string(what) + ' ' + symbols_->Name(wake.source_id);
  };
  switch (wake.source) {
    case WakeSource::kNone: return {};
    case WakeSource::kFork: return "fork";
    case WakeSource::kIrq: return wake.source_id < names_.size() ? names_[wake.source_id] : "irq";
    case WakeSource::kHrtimer: return with_function("hrtimer");
    case WakeSource::kTimer: return with_function("timer");
    case WakeSource::kSoftirq: return "softirq " + std::string(SoftirqName(static_cast<uint32_t>(wake.source_id)));
  }
  return {};
}

ChainLink WakeHistory::LinkOf(const Wake& wake) const {
  ChainLink link;
  link.pid = wake.waker_pid;
  link.context = wake.context;
  link.source = wake.context == WakeContext::kUnknown ? "no event tells who woke it" : SourceText(wake);
  link.cpu = wake.cpu;
  link.waking_ns = wake.waking_ns;
  link.in_ns = wake.in_ns;
  if (wake.waker_pid == 0) {
    link.comm = "swapper/" + std::to_string(wake.cpu);
  } else if (wake.waker_pid > 0) {
    const Task* const waker = model_->TaskOf(wake.waker_pid);
    const bool same = waker != nullptr && (wake.waker_index == kNobody || waker->index == wake.waker_index);
    if (same) link.comm = waker->comm();
  }
  return link;
}

std::vector<ChainLink> WakeHistory::Chain(const Task& task, uint64_t at_ns, size_t depth) const {
  std::vector<ChainLink> links;
  const Wake* wake = nullptr;
  if (task.index < slots_.size()) {
    const Slot& slot = slots_[task.index];
    for (uint64_t back = 0; back < std::min<uint64_t>(slot.count, kWakesKept) && wake == nullptr; ++back) {
      const Wake& older = slot.wakes[(slot.count - 1 - back) % kWakesKept];
      if (older.number != 0 && older.waking_ns <= at_ns) wake = &older;
    }
  }
  while (links.size() < depth) {
    if (wake == nullptr) {
      ChainLink& unknown = links.emplace_back();
      unknown.source = "its wake was not seen, or is too long ago to be kept";
      break;
    }
    links.push_back(LinkOf(*wake));
    if (wake->context != WakeContext::kTask || wake->waker_pid == 0) break;
    wake = Find(wake->waker_index, wake->waker_run);
  }
  return links;
}

void WakeHistory::Load(ArchiveReader& archive) {
  Fields(*this, archive);
  if (cpus_.size() > size_t{UINT16_MAX} + 1) archive.Spoil();
}

}  // namespace wakewatch

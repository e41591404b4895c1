// Why: who is on a CPU and in which context, from the few events that change it. The timeline's builder and the view of
// a short span follow the same steps, which are those of the scheduler model (SchedModel::OnContext, OnSwitch), so that
// they can be taken without the model's tasks.
#pragma once

#include <cstdint>

#include "analysis/model/rank.h"
#include "analysis/report/timeline.h"
#include "analysis/trace/event.h"

namespace wakewatch {

class CpuTrack {
 public:
  bool known() const { return known_; }
  int32_t pid() const { return pid_; }  // meaningless unless known
  TimelineUse use() const { return use_; }

  // The first event that is seen, or the first after a gap: `pid` is on the CPU.
  void Begin(int32_t pid) {
    Lose();
    known_ = true;
    pid_ = pid;
    task_use_ = pid == 0 ? TimelineUse::kIdle : TimelineUse::kFair;
    use_ = task_use_;
  }
  void Lose() { *this = CpuTrack(); }
  void Switch(int32_t next_pid, int32_t next_prio) {
    pid_ = next_pid;
    task_use_ = next_pid == 0                ? TimelineUse::kIdle
                : next_prio < kFirstFairPrio ? TimelineUse::kRealTime
                                             : TimelineUse::kFair;
    irq_depth_ = 0;
    in_softirq_ = false;
    use_ = task_use_;
  }
  void Context(EventType type) {
    switch (type) {
      case EventType::kIrqEntry: irq_depth_ += irq_depth_ < UINT8_MAX ? 1 : 0; break;
      case EventType::kIrqExit: irq_depth_ -= irq_depth_ > 0 ? 1 : 0; break;
      case EventType::kSoftirqEntry: in_softirq_ = true; break;
      case EventType::kSoftirqExit: in_softirq_ = false; break;
      default: return;
    }
    Settle();
  }

  // All of it in one number, and back. Any number is read as some track.
  uint64_t Packed() const {
    return uint64_t{static_cast<uint32_t>(pid_)} << 32 | uint64_t{irq_depth_} << 8 |
           uint64_t{task_use_ == TimelineUse::kRealTime} << 2 | uint64_t{in_softirq_} << 1 | uint64_t{known_};
  }
  static CpuTrack Unpacked(uint64_t packed) {
    CpuTrack track;
    if ((packed & 1) == 0) return track;
    track.Begin(static_cast<int32_t>(static_cast<uint32_t>(packed >> 32)));
    if (track.pid_ != 0 && (packed & 4) != 0) track.task_use_ = TimelineUse::kRealTime;
    track.in_softirq_ = (packed & 2) != 0;
    track.irq_depth_ = static_cast<uint8_t>(packed >> 8);
    track.Settle();
    return track;
  }

 private:
  // Real-time, deadline and stop tasks are below; 100 and above is the fair class.

  void Settle() { use_ = irq_depth_ > 0 ? TimelineUse::kHardirq : in_softirq_ ? TimelineUse::kSoftirq : task_use_; }

  int32_t pid_ = 0;
  bool known_ = false, in_softirq_ = false;
  uint8_t irq_depth_ = 0;  // hard interrupt handlers, nested
  TimelineUse task_use_ = TimelineUse::kUnknown, use_ = TimelineUse::kUnknown;
};

}  // namespace wakewatch

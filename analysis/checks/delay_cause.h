// Why: a delay without its cause helps nobody. The cause of a wait is what took the largest part of it, by the buckets
// that it is split into (delay_buckets.h); of a softirq's or a tasklet's, which wait for no run queue, whichever use of
// the CPU took at least half of the time. The classes are those of the project's interface. Source: the marks that tell
// them apart, measured on kernel 6.1: ticks with need-resched set and not followed (preempt-off), no event at all on a
// busy CPU (irq-off), real-time tasks on the CPU (real-time), other fair tasks there (pile-up).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checks/finding.h"
#include "analysis/checks/summary.h"
#include "analysis/model/sched_model.h"

namespace wakewatch {

struct DelayCause {
  std::string cls;          // "real-time"
  std::string explanation;  // what the CPU did, one clause: "CPU 1 ran real-time tasks for 98 % of it"
  static void Fields(auto& self, auto& archive) { archive(self.cls, self.explanation); }
};

// `used`: what `cpu` did from start_ns to end_ns, the time to be explained. `prio`: of the task that waited; -1: no
// task.
DelayCause CauseOfUse(const CpuUsage& used, const CpuState& cpu, uint64_t start_ns, uint64_t end_ns, int32_t prio);

// A wait's parts, once it has ended or as of now.
struct WaitSplit {
  DelayBuckets buckets;
  OffParts off;
};
// Of the wait that `ended` ends, or else of the open wait of `task`.
WaitSplit SplitOf(const Task& task, const Step* ended, const SchedModel& model);

// The class of a wait up to `end_ns`, on `cpu` at its end.
std::string_view ClassOfWait(const Wait& wait, const WaitSplit& split, uint64_t end_ns, const CpuState& cpu);
DelayCause CauseOfWait(const Wait& wait, const WaitSplit& split, uint64_t end_ns, const CpuState& cpu);

// The events that began, delivered and ended a wait of `task`. Without `ended` the last is left out.
std::vector<Evidence> EvidenceOf(const Wait& wait, const Task& task, const Step* ended);

// A finding of `check` about a wait: task, times, waker, cause, evidence, explanation.
Finding WaitFinding(std::string_view check, const Wait& wait, const Task& task, const Step* ended, uint64_t end_ns,
                    const SchedModel& model);

// Who was on `cpu` in [start_ns, end_ns] instead of a task of `rank`, the longest first.
struct Competitors {
  std::vector<Competitor> tasks;
  uint64_t covered_ns = 0;  // of that time the CPU's log still knows who it was
};
Competitors CompetitorsOn(const CpuState& cpu, uint64_t start_ns, uint64_t end_ns, Rank rank, const SchedModel& model);

// Names who woke, queued or raised: `pid` was on the CPU then. In an interrupt it was a bystander and is not named.
void SetWaker(WakeContext context, int32_t pid, const SchedModel& model, Finding* finding);

// "12.3 ms": for sentences. The report's writers have their own.
std::string MillisText(uint64_t ns);
// "kworker/1:2 (pid 395)".
std::string TaskText(const Task& task);

}  // namespace wakewatch

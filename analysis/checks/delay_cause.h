// Why: a delay without its cause helps nobody. What the CPU did during a wait decides it: whichever use took at least
// half of the time. The classes are those of the project's interface; where nothing took half, it is `unexplained`.
// Source: the marks that tell them apart, measured on kernel 6.1: ticks with need-resched set and not followed
// (preempt-off), no event at all on a busy CPU (irq-off), real-time tasks on the CPU (real-time), other fair tasks
// there (pile-up).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checks/finding.h"
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

// Of a wait that ended at `end_ns` with a switch-in on `cpu`, or is still open then.
DelayCause CauseOfWait(const Wait& wait, uint64_t end_ns, const CpuState& cpu);

// The events that began, delivered and ended a wait of `task`. Without `ended` the last is left out.
std::vector<Evidence> EvidenceOf(const Wait& wait, const Task& task, const Step* ended);

// A finding of `check` about a wait: task, times, waker, cause, evidence, explanation.
Finding WaitFinding(std::string_view check, const Wait& wait, const Task& task, const Step* ended, uint64_t end_ns,
                    const SchedModel& model);

// Names who woke, queued or raised: `pid` was on the CPU then. In an interrupt it was a bystander and is not named.
void SetWaker(WakeContext context, int32_t pid, const SchedModel& model, Finding* finding);

// "12.3 ms": for sentences. The report's writers have their own.
std::string MillisText(uint64_t ns);
// "kworker/1:2 (pid 395)".
std::string TaskText(const Task& task);

}  // namespace wakewatch

// Why: the rules that a scheduler's trace obeys are data: the conformance check breaks none that is not in this table,
// and the command line, the API and the dashboard explain them from it. In the spirit of the kernel's
// runtime-verification monitors. Source: kernel/sched/core.c, kernel/softirq.c, kernel/workqueue.c, kernel/time,
// kernel/trace/rv/monitors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace wakewatch {

// Of the rules and of the automata behind them: verdicts of different versions are not to be compared.
inline constexpr int kModelVersion = 1;

enum class RuleVerdict : uint8_t {
  kViolation,  // no possible state is left, and nothing was lost that could be why
  kMissing,    // an event is missing there
  kArtefact,   // what some kernels are known to print
  kVoid,       // a gap, or the edge of what all CPUs cover, may be why
};
constexpr RuleVerdict LastOf(RuleVerdict) { return RuleVerdict::kVoid; }
std::string_view Name(RuleVerdict verdict);  // "violation"

// In the order of the table.
enum class Rule : uint8_t {
  kWakingThenWakeup,
  kWakeupThenRun,
  kSleepUntilWoken,
  kWakeupNeedsWaking,
  kRunState,
  kSwitchContinuity,
  kActingTask,
  kExitThenDead,
  kForkThenFirstWakeup,
  kTaskPlacement,
  kIrqNesting,
  kSoftirqNesting,
  kTimerExpiry,
  kWorkExecution,
  kTaskletRun,
  kWwnr,
};
inline constexpr size_t kRuleCount = static_cast<size_t>(Rule::kWwnr) + 1;
constexpr Rule LastOf(Rule) { return Rule::kWwnr; }

struct RuleInfo {
  std::string_view name;         // "sleep-until-woken"; stable
  std::string_view title;        // one line
  std::string_view explanation;  // what the kernel does, what a break means, what may look like one, what to do
  bool finding;                  // a violation is a finding; else it is counted only
  bool negative_control;         // known to be broken by healthy kernels: shows that violations would be seen
};

std::span<const RuleInfo> Rules();
const RuleInfo& Info(Rule rule);
// Null when there is none of that name.
const RuleInfo* RuleNamed(std::string_view name);

}  // namespace wakewatch

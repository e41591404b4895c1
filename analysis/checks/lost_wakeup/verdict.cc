#include "analysis/checks/lost_wakeup/verdict.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

bool Beats(const Verdict& a, const Verdict& b) {
  return a.confidence != b.confidence ? a.confidence > b.confidence : a.cls < b.cls;
}

}  // namespace

std::string WakerText(const Verdict& verdict) {
  if (verdict.waker_pid < 0) return "an interrupt";
  return (verdict.waker_comm.empty() ? "" : verdict.waker_comm + " ") + "(pid " + std::to_string(verdict.waker_pid) +
         ")";
}

void Verdicts::Accuse(const Task& victim, uint64_t now_ns, Verdict&& verdict) {
  const bool sleeps = victim.state == TaskState::kSleeping ||
                      (victim.state == TaskState::kWaking && verdict.cls == LostClass::kWakeUndelivered);
  if (!sleeps || victim.sleep_ns == 0 || now_ns < victim.sleep_ns) return;
  const auto [at, added] = open_.try_emplace(victim.index);
  Open& open = at->second;
  if (!added && open.sleep.start_ns == victim.sleep_ns && !Beats(verdict, open.verdict)) return;
  open = {{victim.sleep_ns, now_ns, victim.cpu, victim.sleep_letter}, std::move(verdict)};
  told_[victim.index] = victim.sleep_ns;
  Finding finding = Tell(victim, open.sleep, open.verdict);
  finding.open = true;
  finding.explanation += ", and it still sleeps";
  input_.findings.Add(std::move(finding));
}

void Verdicts::AccuseAfterwards(const Task& victim, const Sleep& sleep, Verdict&& verdict) {
  const auto told = told_.find(victim.index);
  if (told != told_.end() && told->second == sleep.start_ns) return;
  told_[victim.index] = sleep.start_ns;
  input_.findings.Add(Tell(victim, sleep, verdict));
}

void Verdicts::AccuseWithin(const Task& victim, const Sleep& sleep, uint64_t object, bool open, Verdict&& verdict) {
  Finding finding = Tell(victim, sleep, verdict);
  finding.open = open;
  input_.findings.Add(std::move(finding), object);
}

void Verdicts::Close(const Task& victim, const Event& event) {
  const auto found = open_.find(victim.index);
  if (found == open_.end()) return;
  Open open = std::move(found->second);
  open_.erase(found);
  open.sleep.end_ns = event.ts_ns;
  Finding finding = Tell(victim, open.sleep, open.verdict);
  const std::string who = std::string(victim.comm()) + " pid=" + std::to_string(victim.pid);
  if (event.type == EventType::kSchedSwitch) {
    finding.evidence.push_back({event.cpu, event.ts_ns, "sched_switch next_comm=" + who});
    finding.explanation += ", until it came back without a wakeup";
  } else if (event.type == EventType::kSchedWakeup) {
    finding.evidence.push_back({event.cpu, event.ts_ns, "sched_wakeup comm=" + who});
    finding.explanation += ", until it was delivered";
  } else {
    finding.evidence.push_back({event.cpu, event.ts_ns, "sched_waking comm=" + who});
    finding.explanation += ", until " + MillisText(finding.waited_ns) + " later ";
    const Task* const waker = input_.model.TaskOf(event.pid);
    if (ContextOf(event) != WakeContext::kTask) {
      finding.explanation += "an interrupt woke it";
    } else {
      finding.explanation += (waker == nullptr ? "pid " + std::to_string(event.pid) : TaskText(*waker)) + " woke it";
    }
  }
  input_.findings.Add(std::move(finding));
}

void Verdicts::Finish(uint64_t end_ns) {
  input_.model.tasks().ForEach([&](const Task& task) {
    const auto found = open_.find(task.index);
    if (found == open_.end()) return;
    Open& open = found->second;
    open.sleep.end_ns = std::max(end_ns, open.sleep.end_ns);
    Finding finding = Tell(task, open.sleep, open.verdict);
    finding.open = true;
    finding.explanation += ", and it still slept when the trace ended";
    input_.findings.Add(std::move(finding));
  });
  open_.clear();
}

Finding Verdicts::Tell(const Task& victim, const Sleep& sleep, const Verdict& verdict) {
  Finding finding;
  finding.check = "lost-wakeup";
  finding.cls = Name(verdict.cls);
  finding.confidence = verdict.confidence;
  finding.pid = victim.pid;
  finding.comm = victim.comm();
  finding.cpu = sleep.cpu;
  finding.start_ns = sleep.start_ns;
  finding.end_ns = sleep.end_ns;
  finding.waited_ns = sleep.end_ns - sleep.start_ns;
  finding.waker_pid = verdict.waker_pid;
  finding.waker_comm = verdict.waker_comm;
  finding.evidence = verdict.evidence;
  finding.evidence.push_back({static_cast<uint32_t>(std::max(sleep.cpu, 0)), sleep.start_ns,
                              "sched_switch prev_comm=" + finding.comm + " prev_pid=" + std::to_string(victim.pid) +
                                  " prev_state=" + std::string(1, sleep.letter)});
  std::stable_sort(finding.evidence.begin(), finding.evidence.end(),
                   [](const Evidence& a, const Evidence& b) { return a.ts_ns < b.ts_ns; });
  finding.explanation = verdict.explanation;
  finding.rule = verdict.rule;
  finding.assumption = verdict.assumption;
  finding.would_raise = verdict.would_raise;
  return finding;
}

}  // namespace wakewatch

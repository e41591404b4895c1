#include "analysis/checks/premature_completion.h"

#include <utility>

#include "analysis/checks/delay_cause.h"
#include "analysis/checks/lost_wakeup/call_text.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kProbeCompletionWait, EventType::kProbeCompleteAll};

}  // namespace

const CheckInfo PrematureCompletion::kInfo = {
    "premature-completion", "a wait passed a completion that complete_all() of an earlier round had left complete",
    kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<PrematureCompletion>(input); }};

void PrematureCompletion::OnStep(const Step& step) {
  if (step.event->type == EventType::kProbeCompletionWait) return OnWait(step);
  OnCompleteAll(*step.event);
}

void PrematureCompletion::OnWait(const Step& step) {
  const Event& event = *step.event;
  const auto found = objects_.find(event.probe.object);
  if (found == objects_.end()) return;
  if (event.probe.value != UINT32_MAX) {  // initialised again
    objects_.erase(found);
    return;
  }
  const Task* const task = step.cpu->current;
  if (task == nullptr || task->pid != event.pid || !IsKernelThread(task->kind)) return;
  std::vector<Pass>& passes = found->second.passes;
  if (passes.size() < kPassesMax) passes.push_back({event.ts_ns, event.cpu, task->pid, std::string(task->comm())});
}

void PrematureCompletion::OnCompleteAll(const Event& event) {
  if (event.probe.value != UINT32_MAX) {
    objects_.erase(event.probe.object);
  } else if (const auto found = objects_.find(event.probe.object); found != objects_.end()) {
    if (!input_.model.Dark(found->second.completed_ns)) {
      for (const Pass& pass : found->second.passes) Report(pass, found->second, event);
    }
  }
  if (objects_.size() >= kObjectsMax) objects_.clear();
  objects_[event.probe.object] = {event.ts_ns, event.cpu, {}};
}

void PrematureCompletion::Report(const Pass& pass, const Object& object, const Event& event) {
  const std::string text = "x=" + HexText(event.probe.object);
  Finding finding;
  finding.check = kInfo.name;
  finding.cls = "completion-reinit";
  finding.confidence = Confidence::kStrong;
  finding.pid = pass.pid;
  finding.comm = pass.comm;
  finding.cpu = static_cast<int32_t>(pass.cpu);
  finding.start_ns = pass.ns;
  finding.end_ns = event.ts_ns;
  finding.waited_ns = event.ts_ns - pass.ns;
  SetWaker(ContextOf(event), event.pid, input_.model, &finding);
  finding.evidence = {{object.cpu, object.completed_ns, "complete_all " + text},
                      {pass.cpu, pass.ns, "wait_for_completion " + text + " done=0xffffffff"},
                      {event.cpu, event.ts_ns, "complete_all " + text + " done=0xffffffff"}};
  finding.explanation = pass.comm + " passed wait_for_completion() at once; the round that it should have waited for " +
                        "was completed " + MillisText(finding.waited_ns) + " later";
  finding.rule =
      "wait_for_completion() entered with done = UINT_MAX between two complete_all() of one completion that "
      "was not re-initialised";
  finding.assumption = "the wait was meant for the later round, not for the one before";
  finding.would_raise = "a probe on reinit_completion()'s caller, which is inlined";
  input_.findings.Add(std::move(finding), event.probe.object);
}

}  // namespace wakewatch

#include "analysis/checks/lost_wakeup/lost_wakeup.h"

#include <algorithm>
#include <utility>

#include "analysis/checks/lost_wakeup/rules_list.h"

namespace wakewatch {
namespace {

// What the rules ask for between them.
constexpr EventType kEvents[] = {EventType::kSchedSwitch,
                                 EventType::kSchedWaking,
                                 EventType::kSchedWakeup,
                                 EventType::kSchedProcessExit,
                                 EventType::kSchedKthreadStop,
                                 EventType::kSchedMigrateTask,
                                 EventType::kKthreadWorkQueue,
                                 EventType::kSoftirqRaise,
                                 EventType::kSoftirqEntry,
                                 EventType::kSoftirqExit,
                                 EventType::kIrqEntry,
                                 EventType::kWorkQueue,
                                 EventType::kWorkActivate,
                                 EventType::kWorkStart,
                                 EventType::kWorkEnd,
                                 EventType::kTimerStart,
                                 EventType::kTimerExpireEntry,
                                 EventType::kTimerCancel,
                                 EventType::kHrtimerStart,
                                 EventType::kHrtimerExpireEntry,
                                 EventType::kHrtimerCancel,
                                 EventType::kProbeTtwu,
                                 EventType::kProbeTtwuRet,
                                 EventType::kProbeWakeUp,
                                 EventType::kProbeComplete,
                                 EventType::kProbeCompleteAll,
                                 EventType::kProbeCompletionWait,
                                 EventType::kProbePrepareToWait,
                                 EventType::kProbePrepareExclusive,
                                 EventType::kProbeAddWaitQueue,
                                 EventType::kProbeAddExclusive,
                                 EventType::kProbeFinishWait,
                                 EventType::kGap};

}  // namespace

const CheckInfo LostWakeup::kInfo = {
    "lost-wakeup", "a kernel thread slept on although it was to be woken", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<LostWakeup>(input); }};

LostWakeup::LostWakeup(const CheckInput& input) : input_(input) {
  for (const LostWakeupRuleInfo* const info : LostWakeupRules()) {
    const auto number = static_cast<uint8_t>(rules_.size());
    rules_.push_back(info->make({input_, ledger_, deadlines_, verdicts_, number}));
    for (const EventType type : info->events) interested_[static_cast<size_t>(type)].push_back(rules_.back().get());
  }
}

void LostWakeup::OnAlarm(uint64_t now_ns) {
  while (deadlines_.next_ns() < now_ns) {
    const Deadline deadline = deadlines_.Take();
    if (deadline.rule < rules_.size()) rules_[deadline.rule]->OnDeadline(deadline);
  }
  input_.alarm.ns = deadlines_.next_ns();
}

void LostWakeup::OnStep(const Step& step) {
  const EventType type = step.event->type;
  if (type == EventType::kSchedSwitch) {
    if (step.next != nullptr && verdicts_.Accused(*step.next)) verdicts_.Close(*step.next, *step.event);
  } else if (type == EventType::kSchedWaking || type == EventType::kSchedWakeup) {
    if (step.task != nullptr && verdicts_.Accused(*step.task)) verdicts_.Close(*step.task, *step.event);
  }
  for (LostWakeupRule* const rule : interested_[static_cast<size_t>(type)]) rule->OnStep(step);
  input_.alarm.ns = deadlines_.next_ns();
}

void LostWakeup::Summarise(uint64_t, Summaries* summaries) const {
  ledger_.Summarise(finished_, &summaries->obligations);
  Summaries of_rules;
  for (const auto& rule : rules_) rule->Summarise(&of_rules);
  for (Undecidable& row : of_rules.undecidable) {
    auto& rows = summaries->undecidable;
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const Undecidable& it) { return it.cls == row.cls; });
    if (same == rows.end()) {
      rows.push_back(std::move(row));
      continue;
    }
    same->sleeps += row.sleeps;
    same->needs.insert(same->needs.end(), row.needs.begin(), row.needs.end());
  }
}

void LostWakeup::Finish(uint64_t end_ns) {
  OnAlarm(end_ns + 1);
  for (const auto& rule : rules_) rule->Finish(end_ns);
  verdicts_.Finish(end_ns);
  finished_ = true;
}

void LostWakeup::Forget(const Task& task) {
  for (const auto& rule : rules_) rule->Forget(task);
  verdicts_.Forget(task);
}

void LostWakeup::Save(ArchiveWriter& archive) const {
  archive(ledger_, verdicts_);
  deadlines_.Save(archive);
  for (const auto& rule : rules_) rule->Save(archive);
}

void LostWakeup::Load(ArchiveReader& archive) {
  archive(ledger_, verdicts_);
  deadlines_.Load(archive);
  for (const auto& rule : rules_) rule->Load(archive);
  input_.alarm.ns = deadlines_.next_ns();
}

}  // namespace wakewatch

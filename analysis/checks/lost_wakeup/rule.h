// Why: the one shape of a rule against lost wakeups. A rule watches for its triggers, opens obligations, and at the
// deadline accuses the sleep of the task that should have been woken.
#pragma once

#include <memory>
#include <span>

#include "analysis/checks/check.h"
#include "analysis/checks/lost_wakeup/obligation.h"
#include "analysis/checks/lost_wakeup/verdict.h"

namespace wakewatch {

// What a rule may use; all of it outlives the rule.
struct LostWakeupInput {
  const CheckInput& check;
  ObligationLedger& ledger;
  Deadlines& deadlines;
  Verdicts& verdicts;
  uint8_t number;  // the rule's place, for its deadlines
};

class LostWakeupRule {
 public:
  virtual ~LostWakeupRule() = default;
  // Once for every event of the types that its LostWakeupRuleInfo names. The model has applied the event already;
  // deadlines that lie before it have been called.
  virtual void OnStep(const Step& step) = 0;
  // Events have passed deadline.ns.
  virtual void OnDeadline(const Deadline& /*deadline*/) {}
  // Adds what the recorded events cannot decide.
  virtual void Summarise(Summaries* /*summaries*/) const {}
  // The trace is known up to end_ns. Called once, after all deadlines before it.
  virtual void Finish(uint64_t /*end_ns*/) {}
  virtual void Forget(const Task& /*task*/) {}
  virtual void Save(ArchiveWriter& /*archive*/) const {}
  virtual void Load(ArchiveReader& /*archive*/) {}
};

struct LostWakeupRuleInfo {
  std::span<const EventType> events;
  std::unique_ptr<LostWakeupRule> (*make)(const LostWakeupInput& input);
};

}  // namespace wakewatch

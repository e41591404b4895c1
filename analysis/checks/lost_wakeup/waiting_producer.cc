#include "analysis/checks/lost_wakeup/waiting_producer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "analysis/checks/delay_cause.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch, EventType::kSchedWaking, EventType::kTimerStart,
                                 EventType::kHrtimerStart, EventType::kProbeTtwu};
constexpr size_t kSuspectsMax = 4;

}  // namespace

const LostWakeupRuleInfo WaitingProducer::kInfo = {kEvents,
                                                   [](const LostWakeupInput& input) -> std::unique_ptr<LostWakeupRule> {
                                                     return std::make_unique<WaitingProducer>(input);
                                                   }};

void WaitingProducer::OnStep(const Step& step) {
  if (probed_) return;
  switch (step.event->type) {
    case EventType::kSchedSwitch: return OnSwitch(step);
    case EventType::kSchedWaking: return OnWaking(step);
    case EventType::kTimerStart:
    case EventType::kHrtimerStart: return OnTimer(step);
    default: probed_ = true;
  }
}

void WaitingProducer::OnTimer(const Step& step) {
  const Event& event = *step.event;
  const Task* const current = step.cpu->current;
  if (current == nullptr || current->pid != event.pid || ContextOf(event) != WakeContext::kTask) return;
  if (timers_.IsTimeout(event.timer.function)) {
    if (Victim* const victim = victims_.Find(current->index)) victim->timeout = TimeoutOf(event);
  } else if (Producer* const producer = producers_.Find(current->index)) {
    producer->armed = event.timer.function;
  }
}

uint32_t WaitingProducer::TimeoutOf(const Event& start) {
  // An hrtimer's start does not say when it was.
  const Event::Timer& timer = start.timer;
  if (start.type != EventType::kTimerStart || timer.now == 0 || timer.expires <= timer.now) return kUnknownTimeout;
  const auto power = static_cast<uint32_t>(std::bit_width(timer.expires - timer.now) - 1);
  return std::min(kFirstTimeout + power, kTimeouts - 1);
}

bool WaitingProducer::Woken::FromLike(uint32_t kind) const {
  uint64_t like = uint64_t{1} << kind;
  // Time-outs of one length may stand on both sides of a power of two.
  const uint32_t timeout = kind % kTimeouts;
  if (timeout > kFirstTimeout) like |= like >> 1;
  if (timeout >= kFirstTimeout && timeout + 1 < kTimeouts) like |= like << 1;
  return (kinds & like) != 0;
}

void WaitingProducer::OnSwitch(const Step& step) {
  if (step.prev != nullptr && step.prev->state == TaskState::kSleeping) {
    if (Victim* const victim = victims_.Find(step.prev->index)) victim->coming = true;
    if (Producer* const producer = producers_.Find(step.prev->index)) OnBlock(step, producer);
  }
  if (step.next == nullptr) return;
  Victim* const victim = victims_.Find(step.next->index);
  if (victim == nullptr || !victim->coming) return;
  victim->coming = false;
  victim->timeout = 0;
  victim->window_ns = step.event->ts_ns;
  victim->suspects.clear();
}

// The producer goes to sleep: of whom may it be waiting for an answer?
void WaitingProducer::OnBlock(const Step& step, Producer* producer) {
  const uint64_t now_ns = step.event->ts_ns, run_ns = step.prev_since_ns;
  producer->block_ns = now_ns;
  producer->run_ns = run_ns;
  producer->block_cpu = step.event->cpu;
  const uint64_t armed = std::exchange(producer->armed, 0);
  // It came back without a sched_waking, so nobody is seen to have answered it.
  Drop(producer, Outcome::kDischarged);
  // A kworker that goes idle waits for work, and for nobody in particular.
  if (run_ns == 0 || (step.prev->kind == ThreadKind::kKworker && step.prev->sleep_letter == 'I')) return;
  for (const Woken& woken : producer->woken) {
    Victim* const victim = victims_.Find(woken.index);
    if (victim == nullptr || victim->window_ns == 0) continue;
    // Nobody woke the thread while both were on a CPU. What began its window may have been this task's own wake.
    if (victim->woken_ns >= std::max(run_ns, victim->window_ns)) continue;
    const Task* const task = input_.check.model.tasks().At(woken.index);
    if (task == nullptr || task->pid != woken.pid) continue;
    const bool sleeps = task->state == TaskState::kSleeping;
    const bool runs = task->OnCpu() || (task->state == TaskState::kReady && task->wait.kind == WaitKind::kPreempted);
    if (victim->coming ? !sleeps || task->sleep_ns <= run_ns : !runs) continue;
    if (victim->suspects.size() >= kSuspectsMax) victim->suspects.erase(victim->suspects.begin());
    victim->suspects.push_back({step.prev->index, now_ns, armed});
  }
}

void WaitingProducer::OnWaking(const Step& step) {
  const Event& event = *step.event;
  if (step.task == nullptr) return;
  const Task* const by =
      ContextOf(event) == WakeContext::kTask && step.cpu->current != nullptr && step.cpu->current->pid == event.pid
          ? step.cpu->current
          : nullptr;
  if (by == step.task) return;
  Victim* victim = victims_.Find(step.task->index);
  const uint64_t kind = victim != nullptr && step.slept_since_ns != 0 ? uint64_t{1} << KindOf(*step.task, *victim) : 0;
  if (victim != nullptr) OnVictimWoken(step, victim);
  if (Producer* const producer = producers_.Find(step.task->index)) OnProducerWoken(step, producer, by);
  if (by == nullptr || !MayBeVictim(*step.task)) return;
  victim = &victims_.Of(*step.task);
  victim->woken_ns = event.ts_ns;
  Producer* const producer = &producers_.Of(*by);
  Woken* rarest = producer->woken.data();
  for (Woken& woken : producer->woken) {
    if (woken.index == step.task->index && woken.pid == step.task->pid) {
      ++woken.wakes;
      woken.kinds |= kind;
      return;
    }
    if (woken.wakes < rarest->wakes) rarest = &woken;
  }
  *rarest = {step.task->index, step.task->pid, 1, kind};
}

void WaitingProducer::OnVictimWoken(const Step& step, Victim* victim) {
  victim->woken_ns = step.event->ts_ns;
  const std::vector<Suspect> suspects = std::exchange(victim->suspects, {});
  if (step.slept_since_ns == 0) return;
  victim->coming = true;
  const uint64_t slept_ns = step.event->ts_ns - step.slept_since_ns;
  const bool overslept = victim->Overslept(slept_ns);
  victim->sleeps.Add(slept_ns);
  if (!overslept) return;
  const WakeHistory::Wake* const wake = input_.check.wakes.Last(*step.task);
  const bool by_timer = wake != nullptr && wake->source == WakeSource::kTimer && wake->waking_ns == step.event->ts_ns;
  for (const Suspect& suspect : suspects) {
    Producer* const producer = producers_.Find(suspect.producer);
    const Task* const task = input_.check.model.tasks().At(suspect.producer);
    if (producer == nullptr || task == nullptr || producer->block_ns != suspect.block_ns) continue;
    if (task->state != TaskState::kSleeping || task->sleep_ns != suspect.block_ns) continue;
    // It left the wake to a timer.
    if (by_timer && suspect.armed != 0 && suspect.armed == wake->source_id) continue;
    const auto woken = std::find_if(producer->woken.begin(), producer->woken.end(), [&](const Woken& each) {
      return each.index == step.task->index && each.pid == step.task->pid;
    });
    if (woken == producer->woken.end() || !woken->FromLike(KindOf(*step.task, *victim))) continue;
    const uint64_t since_ns = std::max(suspect.block_ns, step.slept_since_ns);
    const uint64_t floor_ns = input_.check.options.sleep_threshold_ns;
    if (step.event->ts_ns - since_ns < DeadlineOf(producer->waits, floor_ns)) continue;
    Drop(producer, Outcome::kDischarged);  // it waits for the one that was woken last
    producer->victim = step.task->index;
    producer->sleep = {step.slept_since_ns, step.event->ts_ns, step.task->cpu, step.task->sleep_letter};
    input_.ledger.Open(LostClass::kUndecided);
  }
}

void WaitingProducer::Drop(Producer* producer, Outcome outcome) {
  if (std::exchange(producer->victim, kNobody) != kNobody) input_.ledger.End(LostClass::kUndecided, outcome);
}

void WaitingProducer::OnProducerWoken(const Step& step, Producer* producer, const Task* by) {
  const uint32_t victim = std::exchange(producer->victim, kNobody);
  bool answered = false;
  if (by != nullptr) {
    for (const Woken& woken : producer->woken) answered = answered || woken.index == by->index;
  }
  if (victim == kNobody) {
    if (answered && step.slept_since_ns != 0) producer->waits.Add(step.event->ts_ns - step.slept_since_ns);
    return;
  }
  // It answers as soon as it is back; what it does after another sleep is another matter.
  const Victim* const answers = by != nullptr && by->index == victim ? victims_.Find(victim) : nullptr;
  const bool at_once = answers != nullptr && answers->woken_ns == producer->sleep.end_ns;
  if (!at_once) return input_.ledger.End(LostClass::kUndecided, Outcome::kDischarged);
  if (input_.check.model.Dark(producer->run_ns)) return input_.ledger.End(LostClass::kUndecided, Outcome::kVoid);
  // One answer is little to know the usual by, but without any it is not known that it waits for answers at all. And
  // what may have been a loss is not learnt from.
  if (producer->waits.n() == 0) return input_.ledger.End(LostClass::kUndecided, Outcome::kUnlearned);
  input_.ledger.End(LostClass::kUndecided, Outcome::kExpired);
  Accuse(*by, *step.task, *producer, step);
}

void WaitingProducer::Accuse(const Task& victim, const Task& by, const Producer& producer, const Step& step) {
  Verdict verdict;
  verdict.cls = LostClass::kUndecided;
  verdict.confidence = Confidence::kSuspicious;
  verdict.waker_pid = by.pid;
  verdict.waker_comm = by.comm();
  verdict.evidence = {
      {producer.block_cpu, producer.run_ns, "sched_switch next_pid=" + std::to_string(by.pid)},
      {producer.block_cpu, producer.block_ns, "sched_switch prev_pid=" + std::to_string(by.pid) + ", asleep"},
      {step.event->cpu, step.event->ts_ns, "sched_waking pid=" + std::to_string(by.pid) + " by the thread"}};
  verdict.explanation = TaskText(by) +
                        ", which wakes it as a rule, ran while it was on its CPU, did not wake it, and slept until it "
                        "had come back and woke " +
                        std::string(by.comm());
  verdict.rule =
      "a task that has woken the thread before ran inside the thread's last time on a CPU, without a sched_waking of "
      "it, slept, and was next woken by the thread, after something else had woken that";
  verdict.assumption = "that the task tried to wake it: a wake of a running thread leaves no event";
  verdict.would_raise = "the probes try_to_wake_up, __wake_up and add_wait_queue (--evidence deep)";
  input_.verdicts.AccuseAfterwards(victim, producer.sleep, std::move(verdict));
}

void WaitingProducer::Forget(const Task& task) {
  if (Producer* const own = producers_.Find(task.index)) Drop(own, Outcome::kVoid);
  producers_.Forget(task);
  victims_.Forget(task);
}

void WaitingProducer::Load(ArchiveReader& archive) {
  Fields(*this, archive);
  victims_.ForEach([&](const Victim& victim) {
    if (victim.timeout >= kTimeouts) archive.Spoil();
  });
}

}  // namespace wakewatch

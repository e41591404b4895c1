#include "analysis/checks/kthread_work_delay.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch, EventType::kKthreadWorkQueue, EventType::kKthreadWorkStart,
                                 EventType::kKthreadWorkEnd};

}  // namespace

const CheckInfo KthreadWorkDelay::kInfo = {
    "work-delay", "a kthread_worker item was queued and its execution started late", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<KthreadWorkDelay>(input); }};

void KthreadWorkDelay::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kSchedSwitch: return items_.OnSwitch(step);
    case EventType::kKthreadWorkQueue: return items_.Queue(event, event.kwork.work, event.kwork.function);
    case EventType::kKthreadWorkStart:
      return items_.Start(step, event.kwork.work, event.kwork.function, "sched_kthread_work_execute_start");
    case EventType::kKthreadWorkEnd: return items_.End(event, event.kwork.work);
    default: return;
  }
}

void KthreadWorkDelay::Summarise(uint64_t, Summaries* summaries) const { items_.Summarise(summaries); }

}  // namespace wakewatch

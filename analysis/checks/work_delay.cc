#include "analysis/checks/work_delay.h"

namespace wakewatch {
namespace {

constexpr EventType kEvents[] = {EventType::kSchedSwitch, EventType::kWorkQueue, EventType::kWorkActivate,
                                 EventType::kWorkStart, EventType::kWorkEnd};

}  // namespace

const CheckInfo WorkDelay::kInfo = {
    "work-delay", "a workqueue item was queued and its execution started late", kEvents,
    [](const CheckInput& input) -> std::unique_ptr<Check> { return std::make_unique<WorkDelay>(input); }};

void WorkDelay::OnStep(const Step& step) {
  const Event& event = *step.event;
  switch (event.type) {
    case EventType::kSchedSwitch: return items_.OnSwitch(step);
    case EventType::kWorkQueue: return items_.Queue(event, event.work.work, event.work.function);
    case EventType::kWorkActivate: return items_.Activate(event, event.work.work);
    case EventType::kWorkStart:
      return items_.Start(step, event.work.work, event.work.function, "workqueue_execute_start");
    case EventType::kWorkEnd: return items_.End(event, event.work.work);
    default: return;
  }
}

void WorkDelay::Summarise(uint64_t, Summaries* summaries) const { items_.Summarise(summaries); }

}  // namespace wakewatch

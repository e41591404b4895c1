#include "analysis/report/protocol_of_finding.h"

#include "analysis/checks/lost_wakeup/lost_class.h"

namespace wakewatch {
namespace {

struct Row {
  LostClass cls;
  std::string_view protocol;
};
// Of the protocols whose text says `explains CLASS`, the plainest.
constexpr Row kRows[] = {
    {LostClass::kCheckBeforeSleep, "kthread_check_before_set"},
    {LostClass::kStateOverwritten, "state_overwritten"},
    {LostClass::kWakeBeforeEnqueue, "wake_before_enqueue"},
    {LostClass::kWaitqueueActive, "waitqueue_active_no_barrier"},
    {LostClass::kCompletionInit, "completion_second_init"},
    {LostClass::kCompletionReinit, "completion_reinit"},
    {LostClass::kKthreadStop, "kthread_stop_check_before_set"},
    {LostClass::kExclusiveConsumed, "exclusive_consumed"},
    {LostClass::kWrongMask, "wrong_mask"},
    {LostClass::kTimerCancelled, "timer_cancelled"},
    {LostClass::kSoftirqStuck, "ksoftirqd_raise_irqoff"},
};

}  // namespace

std::string_view ProtocolExplaining(std::string_view cls) {
  for (const Row& row : kRows) {
    if (Name(row.cls) == cls) return row.protocol;
  }
  return {};
}

}  // namespace wakewatch

// Why: a task in uninterruptible sleep (D) cannot be killed, and whatever waits for it hangs too. The kernel's
// khungtaskd looks every two minutes and names tasks only while they hang; a trace also shows those that came back.
// Source: kernel/hung_task.c. Sleeps in I (TASK_IDLE) and K (killable) are not hangs there, nor here.
#pragma once

#include "analysis/checks/check.h"

namespace wakewatch {

class HungTask : public Check {
 public:
  explicit HungTask(const CheckInput& input) : input_(input) {}
  void OnStep(const Step& step) override;
  void Finish(uint64_t end_ns) override;

  static const CheckInfo kInfo;

 private:
  void Report(const Task& task, uint64_t start_ns, uint64_t end_ns, const Event* waking);

  const CheckInput input_;
};

}  // namespace wakewatch

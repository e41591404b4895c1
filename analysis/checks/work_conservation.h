// Why: a CPU that is idle while a task waits that may run there is a scheduler's plainest failure, and one that
// averages hide. Moments of it are the cost of deciding where to run; a span that outlasts several rounds of load
// balancing is not. Told for kernel threads whose allowed CPUs are known: user tasks may be held back by a bandwidth
// limit that no trace shows. Source: Lozi et al., "The Linux Scheduler: a Decade of Wasted Cores", EuroSys 2016.
#pragma once

#include "analysis/checks/check.h"

namespace wakewatch {

class WorkConservation : public Check {
 public:
  explicit WorkConservation(const CheckInput& input) : input_(input) {}
  void OnLongWait(const Step& step) override;

  static const CheckInfo kInfo;

 private:
  const CheckInput input_;
};

}  // namespace wakewatch

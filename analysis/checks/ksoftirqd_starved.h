// Why: ksoftirqd that could run and does not (an RT task holds its CPU, or many fair ones do) leaves softirqs to
// interrupt exits. Softirqs may still be served there in time, so this is told apart from a delayed softirq.
#pragma once

#include "analysis/checks/check.h"

namespace wakewatch {

class KsoftirqdStarved : public Check {
 public:
  explicit KsoftirqdStarved(const CheckInput& input) : input_(input) {}
  void OnLongWait(const Step& step) override;
  void Finish(uint64_t end_ns) override;

  static const CheckInfo kInfo;

 private:
  const CheckInput input_;
};

}  // namespace wakewatch

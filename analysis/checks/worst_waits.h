// Why: a quantile says that a thread waited long, and a reader wants to see one such wait and check it. Of each thread
// the longest waits after a wakeup are kept with who woke it, what the time was spent on, who was on the CPU instead,
// and the events that show it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "analysis/checks/check.h"

namespace wakewatch {

class WorstWaits {
 public:
  // A wait this long is among the longest.
  bool Takes(uint64_t latency_ns) const { return waits_.size() < kWaits || latency_ns > Latency(waits_.back()); }
  void Add(WorstWait wait) {
    const auto at = std::find_if(waits_.begin(), waits_.end(),
                                 [&](const WorstWait& other) { return Latency(other) < Latency(wait); });
    waits_.insert(at, std::move(wait));
    if (waits_.size() > kWaits) waits_.pop_back();
  }
  const std::vector<WorstWait>& waits() const { return waits_; }  // the longest first, of equal ones the earliest
  static void Fields(auto& self, auto& archive) { archive(self.waits_); }

 private:
  static constexpr size_t kWaits = 3;
  static uint64_t Latency(const WorstWait& wait) { return wait.in_ns - wait.start_ns; }
  std::vector<WorstWait> waits_;
};

// The wait that `step`, a switch, ends.
WorstWait DescribeWait(const Step& step, const CheckInput& input);

}  // namespace wakewatch

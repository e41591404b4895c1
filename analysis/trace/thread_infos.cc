#include "analysis/trace/thread_infos.h"

#include <algorithm>
#include <utility>

namespace wakewatch {

void ThreadInfos::Add(ThreadInfo info) {
  std::vector<uint64_t>& numbers = by_pid_[info.pid];
  const auto place =
      std::upper_bound(numbers.begin(), numbers.end(), info.first_seen_ns,
                       [this](uint64_t ns, uint64_t number) { return ns < Number(number).first_seen_ns; });
  numbers.insert(place, added());
  infos_.push_back(std::move(info));
}

void ThreadInfos::Drop() {
  first_ = added();
  infos_.clear();
  by_pid_.clear();
}

const ThreadInfo* ThreadInfos::AsOf(int32_t pid, uint64_t ns) const {
  const auto found = by_pid_.find(pid);
  if (found == by_pid_.end()) return nullptr;
  const std::vector<uint64_t>& numbers = found->second;
  const auto last = std::find_if(numbers.rbegin(), numbers.rend(),
                                 [&](uint64_t number) { return Number(number).first_seen_ns <= ns; });
  return last == numbers.rend() ? nullptr : &Number(*last);
}

}  // namespace wakewatch

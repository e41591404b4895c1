#include "analysis/checks/lost_wakeup/victims.h"

namespace wakewatch {

bool OwnTimers::IsTimeout(uint64_t function) {
  if (function == 0) return false;
  Known& known = known_[function / 16 % known_.size()];
  if (known.function != function) {
    const std::string_view name = input_->symbols.Find(function);
    known = {function, name == "process_timeout" || name == "hrtimer_wakeup"};
  }
  return known.timeout;
}

}  // namespace wakewatch

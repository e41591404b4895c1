#include "analysis/model/cpu_automaton.h"

namespace wakewatch {

bool CpuAutomaton::EnterIrq(uint64_t irq, uint64_t now_ns) {
  const bool interrupts = (open_ & Bit(Bracket::kIrq)) != 0 && ids_[At(Bracket::kIrq)] != irq;
  if (!interrupts) return Enter(Bracket::kIrq, irq, now_ns);
  const bool free = Enter(Bracket::kIrqBelow, ids_[At(Bracket::kIrq)], since_ns_[At(Bracket::kIrq)]);
  // Three deep is more than is followed: what lies below is not known from here on.
  if (!free) Forget(Bracket::kIrqBelow);
  ids_[At(Bracket::kIrq)] = irq;
  since_ns_[At(Bracket::kIrq)] = now_ns;
  return true;
}

bool CpuAutomaton::LeaveIrq(uint64_t irq) {
  const bool fits = Leave(Bracket::kIrq, irq);
  const uint8_t below = Bit(Bracket::kIrqBelow);
  if ((open_ & below) != 0) {
    Enter(Bracket::kIrq, ids_[At(Bracket::kIrqBelow)], since_ns_[At(Bracket::kIrqBelow)]);
    open_ &= static_cast<uint8_t>(~below);
  } else if ((known_ & below) == 0) {
    Forget(Bracket::kIrq);
  }
  known_ |= below;
  return fits;
}

}  // namespace wakewatch

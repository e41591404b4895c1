// Why: on one CPU, handlers of interrupts, softirqs, timers and tasklets are entered and left in pairs. What is open on
// a CPU, and what is known to be closed, as bits; the ids that the pairs carry beside them. Nothing is known at the
// start and behind a gap, and nothing is held against the CPU then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wakewatch {

enum class Bracket : uint8_t {
  kIrq,
  kIrqBelow,  // a handler that another interrupt's interrupted
  kSoftirq,
  kTimer,
  kHrtimerSoft,
  kHrtimerHard,
  kTasklet,
  kBhWork,  // work of BH workqueues, in softirq context
};
inline constexpr size_t kBrackets = static_cast<size_t>(Bracket::kBhWork) + 1;
constexpr uint8_t Bit(Bracket bracket) { return static_cast<uint8_t>(1u << static_cast<unsigned>(bracket)); }

class CpuAutomaton {
 public:
  // False: forbidden. Believed either way.
  bool Enter(Bracket bracket, uint64_t id, uint64_t now_ns) {
    const uint8_t bit = Bit(bracket);
    if ((distrusted_ & bit) != 0) [[unlikely]]
      return Skip(bracket);
    const bool free = (open_ & bit) == 0;
    open_ |= bit;
    known_ |= bit;
    ids_[At(bracket)] = id;
    since_ns_[At(bracket)] = now_ns;
    return free;
  }
  bool Leave(Bracket bracket, uint64_t id) {
    const uint8_t bit = Bit(bracket);
    if ((distrusted_ & bit) != 0) [[unlikely]]
      return Skip(bracket);
    const bool fits = (known_ & bit) == 0 || ((open_ & bit) != 0 && ids_[At(bracket)] == id);
    open_ &= static_cast<uint8_t>(~bit);
    known_ |= bit;
    return fits;
  }
  // Another interrupt may come on top of a handler; the same may not.
  bool EnterIrq(uint64_t irq, uint64_t now_ns);
  bool LeaveIrq(uint64_t irq);

  void Forget(Bracket bracket) { Forget(Bit(bracket)); }
  void ForgetAll() { open_ = known_ = distrusted_ = 0; }
  // Behind a contradiction: the next event of the bracket may be its other half, so nothing follows from it.
  void Distrust(Bracket bracket) {
    Forget(bracket);
    distrusted_ |= Bit(bracket);
  }
  // A switch: nothing is open then. With `softirqs_preemptible` that holds of hard interrupts only.
  void Switch(bool softirqs_preemptible) {
    distrusted_ = 0;
    constexpr uint8_t kHard = Bit(Bracket::kIrq) | Bit(Bracket::kIrqBelow) | Bit(Bracket::kHrtimerHard);
    if (softirqs_preemptible) {
      Forget(static_cast<uint8_t>(~kHard));
      open_ &= static_cast<uint8_t>(~kHard);
      known_ |= kHard;
    } else {
      open_ = 0;
      known_ = 0xff;
    }
  }
  // A Bit() a bracket.
  uint8_t open() const { return open_; }
  uint64_t since_ns(Bracket bracket) const { return since_ns_[At(bracket)]; }

  static void Fields(auto& self, auto& archive) {
    archive(self.open_, self.known_, self.distrusted_, self.ids_, self.since_ns_);
  }

 private:
  static constexpr size_t At(Bracket bracket) { return static_cast<size_t>(bracket); }
  bool Skip(Bracket bracket) {
    distrusted_ &= static_cast<uint8_t>(~Bit(bracket));
    Forget(bracket);
    return true;
  }
  void Forget(uint8_t bits) {
    open_ &= static_cast<uint8_t>(~bits);
    known_ &= static_cast<uint8_t>(~bits);
  }

  uint8_t open_ = 0, known_ = 0, distrusted_ = 0;
  std::array<uint64_t, kBrackets> ids_{}, since_ns_{};
};

}  // namespace wakewatch

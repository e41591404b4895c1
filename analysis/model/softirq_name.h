// Why: events number softirq vectors, people know them by name. Source: Linux include/linux/interrupt.h, the
// softirq_to_name[] of kernel/softirq.c.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wakewatch {

inline constexpr uint32_t kSoftirqVectors = 10;

// "TIMER"; "unknown" for a number that no vector has.
constexpr std::string_view SoftirqName(uint32_t vec) {
  constexpr std::array<std::string_view, kSoftirqVectors> kNames = {"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
                                                                    "IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU"};
  return vec < kNames.size() ? kNames[vec] : "unknown";
}

}  // namespace wakewatch

// Why: what a probe may take of a CPU is a limit in time, and what a hit costs differs by a factor of fifty between a
// bare machine and an emulated one. It is measured once, with a probe of our own on a system call of our own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wakewatch {

// The probe that is placed for it, for as long as it takes: "wakewatch/cost".
inline constexpr std::string_view kCostProbe = "cost";

// Nanoseconds that a hit of a kprobe with four fields costs, its record included. `instance` is ours, without an event
// that is on, and stopped; its buffers are empty afterwards. None where it cannot be measured.
std::optional<uint64_t> MeasureProbeCost(const std::string& tracefs, const std::string& instance);

}  // namespace wakewatch

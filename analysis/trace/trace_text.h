// Why: some of what describes a recording is text that the kernel writes for people: saved_cmdlines, trace_clock,
// per_cpu/cpuN/stats. trace.dat carries copies of these files and a raw folder holds them, so they are parsed in one
// place. The texts come from outside; what does not parse is reported, not guessed.
// Source: Linux kernel/trace/trace.c (saved_cmdlines_show, tracing_clock_show, tracing_stats_read).
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "analysis/trace/reader.h"

namespace wakewatch {

// Takes the text up to the next line feed, or all that is left. The line feed is taken too, and not part of the answer.
std::string_view TakeLine(std::string_view* text);
// Takes the next word; spaces in front of it are taken too.
std::string_view TakeWord(std::string_view* text);
// True when all of `text` is a number that `T` holds.
template <typename T>
bool ParseNumber(std::string_view text, int base, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// Lines of "PID COMM". False when some did not parse; the others are added.
bool ParseCommandLines(std::string_view text, ThreadInfos* threads);
// "local global [mono] boot": the bracketed one; empty when there is none.
std::string_view ParseTraceClock(std::string_view text);
// One "KEY: VALUE" of a CPU's stats. Keys that are not kept are fine; false when a kept one has no number.
bool ParseCpuStat(std::string_view key, std::string_view value, CpuStats* stats);

}  // namespace wakewatch

// Why: what events look like depends on the kernel that printed them, so the release string is read as a number once.
#pragma once

#include <charconv>
#include <string_view>

namespace wakewatch {

// 601 of "6.1.0-18-amd64"; 0 when the text does not begin with two numbers.
inline int KernelVersion(std::string_view release) {
  int major = 0, minor = 0;
  const char* const end = release.data() + release.size();
  const auto [dot, error] = std::from_chars(release.data(), end, major);
  if (error != std::errc() || dot == end) return 0;
  if (std::from_chars(dot + 1, end, minor).ec != std::errc()) return 0;
  return major * 100 + minor;
}

// A sleep that a signal cancels prints S on these kernels, and on one that is not known it may: rather an artefact than
// an alarm. Source: kernel/sched/core.c, __schedule(); changed in 5.18 and back in 6.16.
inline bool PrintsStaleSleeps(int version) { return version == 0 || (version >= 518 && version <= 615); }

}  // namespace wakewatch

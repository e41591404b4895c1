// Why: tests of a timeline's details compare them as text, and feed events as they stand in a trace. For tests only.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/report/timeline_detail.h"

namespace wakewatch::detail_test {

// Of all events in front of the span's end, by time.
inline TimelineDetail Detail(const TimelineDetailRequest& request, std::span<const Event> events,
                             const PrevStates& states = {}) {
  std::set<uint32_t> cpus;
  for (const Event& event : events) cpus.insert(event.cpu);
  DetailSource source;
  source.cpus.assign(cpus.begin(), cpus.end());
  TimelineDetailBuilder builder(request, std::move(source));
  for (const Event& event : events) {
    if (event.ts_ns < request.end_ns) builder.Push(DetailEventOf(event, states));
  }
  return builder.Finish();
}

inline std::string Hex(uint64_t value) {
  std::string text;
  for (; value != 0; value /= 16) text.insert(text.begin(), "0123456789abcdef"[value % 16]);
  return text;
}

inline std::string TextOf(const TimelineActivity& activity) {
  constexpr std::array<const char*, 4> kNames = {"hardirq ", "softirq ", "work ", "timer "};
  const std::string name = activity.function != 0 ? Hex(activity.function) : activity.name;
  return kNames[static_cast<size_t>(activity.work)] + name + " on " + std::to_string(activity.cpu) +
         (activity.start_seen ? " [" : " ?") + std::to_string(activity.start_ns) + ", " +
         std::to_string(activity.end_ns) + (activity.end_seen ? "]" : "?") + " of " + std::to_string(activity.pid) +
         "; ";
}

inline std::string TextOf(const TimelineWakeup& wakeup) {
  const auto time = [](uint64_t ns) { return ns == 0 ? std::string("-") : std::to_string(ns); };
  return std::to_string(wakeup.waker_pid) + " on " + std::to_string(wakeup.waker_cpu) + " " +
         std::string(Name(wakeup.context)) + " woke " + std::to_string(wakeup.pid) + " on " +
         std::to_string(wakeup.target_cpu) + ": " + time(wakeup.waking_ns) + ", " + time(wakeup.wakeup_ns) + "; ";
}

inline const char* NameOf(LaneState state) {
  constexpr std::array<const char*, 8> kNames = {"unknown",  "running", "runnable", "preempted",
                                                 "sleeping", "blocked", "ended",    "other"};
  return kNames[static_cast<size_t>(state)];
}

inline std::string TextOf(const TaskLane& lane) {
  std::string text;
  for (const LaneSpan& span : lane.spans) {
    text += (text.empty() ? "" : " ") + std::string(NameOf(span.state)) + " " + std::to_string(span.cpu) + " [" +
            std::to_string(span.start_ns) + ", " + std::to_string(span.end_ns) + ")";
  }
  return text;
}

template <typename T>
std::string TextOf(const std::vector<T>& items) {
  std::string text;
  for (const T& item : items) text += TextOf(item);
  return text;
}

}  // namespace wakewatch::detail_test

// Why: tests of stored waits need many of them that use every field, and a way to compare two.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "analysis/checks/measured_wait.h"
#include "analysis/report/wait_builder.h"

namespace wakewatch::wait_test {

// Waits of a few dozen tasks as a host has them, accounted for to the last nanosecond. Always the same ones.
class MadeWaits {
 public:
  explicit MadeWaits(size_t count, unsigned seed = 1) : random_(seed) {
    for (size_t i = 0; i < count; ++i) waits_.push_back(Make());
  }
  const std::vector<MeasuredWait>& all() const { return waits_; }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  const std::string& Keep(std::string text) {
    const auto known = std::find(texts_.begin(), texts_.end(), text);
    return known != texts_.end() ? *known : texts_.emplace_back(std::move(text));
  }
  MeasuredWait Make() {
    MeasuredWait wait;
    const auto task = static_cast<int32_t>(Below(40));
    wait.pid = 10 + task;
    const bool user = task % 8 == 0, softirqd = task % 8 == 1;
    wait.thread = user ? ThreadKind::kUser : softirqd ? ThreadKind::kKsoftirqd : ThreadKind::kKworker;
    wait.comm = Keep((user ? "app-" : softirqd ? "ksoftirqd/" : "kworker/0:") + std::to_string(task));
    wait.prio = task % 11 == 0 ? 49 : task == 7 ? -1 : 120;
    wait.cpu = static_cast<uint32_t>(Below(4));
    wait.kind = static_cast<WaitKind>(1 + Below(3));
    wait.has_waking = wait.kind == WaitKind::kWake && Below(20) != 0;
    wait.context = static_cast<WakeContext>(Below(4));
    if (wait.kind != WaitKind::kPreempted && wait.context == WakeContext::kTask) {
      wait.waker_pid = 100 + static_cast<int32_t>(Below(9));
      wait.waker_comm = Keep("waker-" + std::to_string(wait.waker_pid));
    }
    if (wait.has_waking) wait.buckets.Of(Bucket::kDelivery) = 500 + Below(3000);
    const Bucket most = Below(4) == 0 ? Bucket::kHigher : Below(3) == 0 ? Bucket::kEqual : Bucket::kIdleExit;
    wait.buckets.Of(most) = 1000 + Below(Below(50) == 0 ? 20'000'000 : 40'000);
    for (const Bucket bucket :
         {Bucket::kHardirq, Bucket::kSoftirq, Bucket::kLower, Bucket::kMigration, Bucket::kOff, Bucket::kUnexplained}) {
      if (Below(30) == 0) wait.buckets.Of(bucket) = Below(100'000);
    }
    wait.cause = Keep(most == Bucket::kHigher ? "real-time" : most == Bucket::kEqual ? "fair-queue" : "idle-exit");
    if (Below(10) == 0) wait.excess_ns = Below(wait.buckets.Total());
    wait.affinity_known = task % 3 != 0;
    if (wait.prio == 120) wait.slice_bound_ns = Below(4) * 3'000'000;
    now_ns_ += Below(60'000);
    wait.in_ns = now_ns_;
    wait.start_ns = now_ns_ - wait.buckets.Total();
    wait.wakeup_ns = wait.start_ns + wait.buckets.Of(Bucket::kDelivery);
    return wait;
  }

  std::mt19937_64 random_;
  std::deque<std::string> texts_;
  std::vector<MeasuredWait> waits_;
  uint64_t now_ns_ = 5'000'000'000;
};

// Everything of a wait in one line.
inline std::string Line(const MeasuredWait& wait) {
  std::string line = std::string(Name(wait.kind)) + " " + std::to_string(wait.pid) + " " + std::string(wait.comm) +
                     " " + std::string(Info(wait.thread).name);
  for (const auto number :
       {uint64_t{wait.cpu}, wait.start_ns, uint64_t{wait.has_waking}, wait.wakeup_ns, wait.in_ns,
        static_cast<uint64_t>(wait.context), wait.excess_ns, uint64_t{wait.affinity_known}, wait.slice_bound_ns}) {
    line += " " + std::to_string(number);
  }
  line += " " + std::to_string(wait.prio) + " " + std::to_string(wait.waker_pid) + " " + std::string(wait.waker_comm);
  for (const uint64_t ns : wait.buckets.ns) line += " " + std::to_string(ns);
  return line + " " + std::string(wait.cause);
}

inline std::vector<std::string> LinesOf(const std::vector<MeasuredWait>& waits) {
  std::vector<std::string> lines;
  for (const MeasuredWait& wait : waits) lines.push_back(Line(wait));
  return lines;
}

inline WaitBuilder Built(const std::vector<MeasuredWait>& waits, uint64_t user_latency_min_ns = 0) {
  WaitBuilder builder(user_latency_min_ns);
  for (const MeasuredWait& wait : waits) builder.Add(wait);
  return builder;
}

// All chunks of `waits`, the last one unfinished.
inline std::vector<WaitChunk> ChunksOf(const std::vector<MeasuredWait>& waits) {
  WaitBuilder builder = Built(waits);
  std::vector<WaitChunk> chunks = builder.Take();
  if (auto last = builder.Unfinished()) chunks.push_back(std::move(*last));
  return chunks;
}

}  // namespace wakewatch::wait_test

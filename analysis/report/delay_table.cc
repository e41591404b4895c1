#include "analysis/report/delay_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "analysis/report/report_filter.h"
#include "analysis/report/wait_chunk.h"

namespace wakewatch {
namespace {

template <typename T>
bool Has(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

template <typename T>
void Append(const T& number, std::string* key) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  key->append(bytes, sizeof number);
}

}  // namespace

bool WaitFilter::Matches(const MeasuredWait& wait) const {
  if (!Has(kinds, wait.thread) || !Has(pids, wait.pid) || !Has(waits, wait.kind)) return false;
  return tasks.empty() || std::any_of(tasks.begin(), tasks.end(),
                                      [&](const std::string& task) { return TaskMatches(task, wait.pid, wait.comm); });
}

std::optional<ThreadKind> ThreadKindNamed(std::string_view name) {
  for (const ThreadKindInfo& info : ThreadKinds()) {
    if (info.name == name) return info.kind;
  }
  return std::nullopt;
}

std::optional<WaitKind> WaitKindNamed(std::string_view name) {
  for (const WaitKind kind : {WaitKind::kWake, WaitKind::kNew, WaitKind::kPreempted}) {
    if (Name(kind) == name) return kind;
  }
  return std::nullopt;
}

void DelayTable::Add(const MeasuredWait& wait) {
  key_.clear();
  if (keys_.thread) Append(wait.pid, &key_);
  if (keys_.thread || keys_.kind) Append(wait.thread, &key_);
  if (keys_.cpu) Append(wait.cpu, &key_);
  if (keys_.wait) Append(wait.kind, &key_);
  if (keys_.cause) Append(wait.cause.size(), &key_);
  if (keys_.cause) key_ += wait.cause;
  if (keys_.thread) key_ += wait.comm;
  auto place = places_.find(key_);
  if (place == places_.end()) {
    if (groups_.size() >= kDelayGroupsMax) {
      too_many_ = true;
      return;
    }
    place = places_.emplace(key_, groups_.size()).first;
    DelayGroup& fresh = groups_.emplace_back();
    if (keys_.thread) fresh.pid = wait.pid;
    if (keys_.thread) fresh.comm = wait.comm;
    if (keys_.thread || keys_.kind) fresh.kind = wait.thread;
    if (keys_.cpu) fresh.cpu = wait.cpu;
    if (keys_.wait) fresh.wait = wait.kind;
    if (keys_.cause) fresh.cause = wait.cause;
  }
  DelayGroup& group = groups_[place->second];
  group.latency_ns.Add(wait.latency_ns());
  group.excess_ns.Add(wait.excess_ns);
  if (!wait.affinity_known) ++group.assumed_affinity;
  if (wait.kind == WaitKind::kWake && !wait.has_waking) ++group.without_waking;
  group.buckets.Add(wait.buckets);
}

Result<std::vector<DelayGroup>> DelayTable::Finish() {
  if (too_many_) {
    return Fail(Error{.code = ErrorCode::kTooLarge,
                      .cause = "there are more than " + std::to_string(kDelayGroupsMax) + " groups of waits",
                      .remedy = "group by less, or ask for fewer threads or a shorter span"});
  }
  // Those that are equal stay in the order in which they were first seen.
  std::stable_sort(groups_.begin(), groups_.end(), [](const DelayGroup& a, const DelayGroup& b) {
    return a.excess_ns.sum() != b.excess_ns.sum() ? a.excess_ns.sum() > b.excess_ns.sum()
                                                  : a.latency_ns.sum() > b.latency_ns.sum();
  });
  places_.clear();
  return std::move(groups_);
}

MeasuredWait OwnedWait::Get() const {
  MeasuredWait wait = wait_;
  wait.comm = comm_;
  wait.waker_comm = waker_comm_;
  wait.cause = cause_;
  return wait;
}

bool LongestWaits::Before(const OwnedWait& a, const OwnedWait& b) const {
  if (Length(a) != Length(b)) return Length(a) > Length(b);
  return a.start_ns() != b.start_ns() ? a.start_ns() < b.start_ns() : a.latency_ns() > b.latency_ns();
}

void LongestWaits::Add(const MeasuredWait& wait) {
  ++seen_;
  const auto before = [this](const OwnedWait& a, const OwnedWait& b) { return Before(a, b); };
  if (heap_.size() >= limit_) {
    // Most are shorter than the least that is kept; those are not copied.
    if ((by_excess_ ? wait.excess_ns : wait.latency_ns()) < Length(heap_.front())) return;
    OwnedWait candidate(wait);
    if (!Before(candidate, heap_.front())) return;
    std::pop_heap(heap_.begin(), heap_.end(), before);
    heap_.back() = std::move(candidate);
  } else {
    heap_.emplace_back(wait);
  }
  std::push_heap(heap_.begin(), heap_.end(), before);
}

std::vector<OwnedWait> LongestWaits::Finish() {
  std::sort(heap_.begin(), heap_.end(), [this](const OwnedWait& a, const OwnedWait& b) { return Before(a, b); });
  return std::move(heap_);
}

}  // namespace wakewatch

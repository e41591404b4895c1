#include "server/live/snapshot_requests.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace wakewatch {
namespace {

// Of what a collector says only this reaches files, terminals and browsers.
std::string Printable(std::string_view text) {
  std::string out(text.substr(0, SnapshotRequests::kTextMax));
  for (char& c : out) {
    if (c != '\n' && c != '\t' && (c < ' ' || c > '~')) c = '?';
  }
  return out;
}

uint64_t Nanoseconds(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }

}  // namespace

bool SnapshotRequests::Wants(const Finding& finding) {
  return finding.open && (finding.check == "lost-wakeup" || finding.check == "hung-task");
}

bool SnapshotRequests::Allowed(int32_t pid, TimePoint now) {
  const double per_second = limits_.per_minute / 60.0;
  if (filled_at_ != TimePoint()) {
    const std::chrono::duration<double> since = now - filled_at_;
    tokens_ = std::min<double>(limits_.burst, tokens_ + since.count() * per_second);
  }
  filled_at_ = now;
  std::erase_if(asked_, [&](const auto& entry) { return now - entry.second >= limits_.same_pid; });
  if (limits_.per_minute == 0 || tokens_ < 1 || asked_.contains(pid)) return false;
  tokens_ -= 1;
  asked_[pid] = now;
  return true;
}

void SnapshotRequests::Ask(const Finding& finding, TimePoint now,
                           const std::function<bool(uint64_t request_id, int32_t pid)>& ask) {
  for (const auto& [role, pid] : {std::pair("suspect", finding.pid), std::pair("waker", finding.waker_pid)}) {
    if (pid <= 0) continue;
    uint64_t id = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!Allowed(pid, now)) {
        ++counts_.refused;
        continue;
      }
      id = ++last_id_;
      outstanding_[id] = {finding.id, role, pid, finding.end_ns, now};
    }
    const bool asked = ask(id, pid);  // the answer may be there before this returns
    const std::lock_guard lock(mutex_);
    if (asked) {
      ++counts_.requests;
    } else {
      outstanding_.erase(id);
    }
  }
}

FindingSnapshot SnapshotRequests::Failed(const Request& request, std::string error) {
  return {request.finding_id, {.pid = request.pid, .role = request.role, .error = std::move(error)}};
}

bool SnapshotRequests::Answer(uint64_t request_id, ProcSnapshot answer) {
  const std::lock_guard lock(mutex_);
  const auto at = outstanding_.find(request_id);
  if (at == outstanding_.end() || answer.pid != at->second.pid) {
    ++counts_.dropped;
    return false;
  }
  const Request request = std::move(at->second);
  outstanding_.erase(at);
  ++counts_.answers;
  // Where the analysis was further behind than it looked, the task is at something else by now.
  const uint64_t late_ns = answer.ts_ns > request.finding_end_ns ? answer.ts_ns - request.finding_end_ns : 0;
  if (late_ns > Nanoseconds(limits_.lag_max + limits_.timeout)) {
    answered_.push_back(Failed(request, "taken " + std::to_string(late_ns / 1'000'000'000) +
                                            " s after the last event of this finding: the task has moved on"));
    return true;
  }
  answered_.push_back({request.finding_id,
                       {request.pid, request.role, std::min<uint64_t>(answer.ts_ns, INT64_MAX), Printable(answer.stack),
                        Printable(answer.wchan), Printable(answer.status), Printable(answer.error)}});
  return true;
}

std::vector<FindingSnapshot> SnapshotRequests::Take(TimePoint now, bool last) {
  const std::lock_guard lock(mutex_);
  std::vector<FindingSnapshot> taken = std::exchange(answered_, {});
  for (auto at = outstanding_.begin(); at != outstanding_.end();) {
    if (!last && now - at->second.asked_at < limits_.timeout) {
      ++at;
      continue;
    }
    ++counts_.timeouts;
    taken.push_back(Failed(at->second, last ? "the session ended before an answer came"
                                            : "no answer within " + std::to_string(limits_.timeout.count()) + " s"));
    at = outstanding_.erase(at);
  }
  return taken;
}

bool SnapshotRequests::Due(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return !answered_.empty() || std::any_of(outstanding_.begin(), outstanding_.end(), [&](const auto& entry) {
    return now - entry.second.asked_at >= limits_.timeout;
  });
}

SnapshotCounts SnapshotRequests::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace wakewatch

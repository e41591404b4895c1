#include "analysis/report/timeline_lanes.h"

#include <algorithm>
#include <utility>

namespace wakewatch {

namespace automaton = task_automaton;
using automaton::Belief;
using automaton::Input;
using automaton::Only;
using automaton::State;

namespace {

constexpr Belief kOffCpu = automaton::kAnything & static_cast<Belief>(~automaton::kOnCpu);
constexpr Belief kPreemptedOnly = Only(State::kPreempted) | Only(State::kPreemptedWoken);
constexpr Belief kWaits = kPreemptedOnly | Only(State::kReady) | Only(State::kWaking);

bool Within(Belief belief, Belief all) { return belief != 0 && (belief & ~all) == 0; }

LaneState StateOf(Belief belief, LaneState asleep) {
  if (Within(belief, automaton::kOnCpu)) return LaneState::kRunning;
  if (Within(belief, kPreemptedOnly)) return LaneState::kPreempted;
  if (Within(belief, kWaits)) return LaneState::kRunnable;
  if (belief == Only(State::kSleeping)) return asleep;
  return belief == Only(State::kDead) ? LaneState::kEnded : LaneState::kUnknown;
}

LaneState AsleepIn(char letter) {
  switch (letter) {
    case 'S':
    case 'I': return LaneState::kSleeping;
    case 'D': return LaneState::kBlocked;
    default: return LaneState::kOther;
  }
}

Input SwitchOutIn(char letter) {
  if (letter == 'R') return Input::kOutRunnable;
  return letter == 'X' || letter == 'Z' ? Input::kOutDead : Input::kOutSleeping;
}

}  // namespace

LaneTracker::LaneTracker(const TimelineDetailRequest& request, const DetailSource& source, const DetailCpus& cpus)
    : request_(request), cpus_(cpus), has_waking_(source.has_waking), has_wakeup_(source.has_wakeup) {
  for (const int32_t pid : request.pids) {
    if (!by_pid_.emplace(pid, lanes_.size()).second) continue;
    Lane& lane = lanes_.emplace_back();
    lane.lane.pid = pid;
    lane.open.start_ns = request.start_ns;
  }
}

LaneTracker::Lane* LaneTracker::Of(int32_t pid) {
  if (by_pid_.empty()) return nullptr;
  const auto found = by_pid_.find(pid);
  return found == by_pid_.end() ? nullptr : &lanes_[found->second];
}

void LaneTracker::Begin(Lane* lane, LaneState state, uint32_t cpu, uint64_t ts_ns) {
  LaneSpan& open = lane->open;
  if (open.state == state && (open.cpu == cpu || state != LaneState::kRunning)) {
    open.cpu = cpu;
    return;
  }
  ts_ns = std::max(ts_ns, request_.start_ns);
  std::vector<LaneSpan>& spans = lane->lane.spans;
  if (ts_ns > open.start_ns) {
    open.end_ns = ts_ns;
    if (++spans_ <= request_.items_max) spans.push_back(open);
  }
  open = {ts_ns, 0, state, cpu};
}

void LaneTracker::Become(Lane* lane, Belief belief, uint32_t cpu, uint64_t ts_ns) {
  // While events are lost, whatever is off its CPU may be woken, run, sleep and end elsewhere; who has ended stays so.
  const bool settled = Within(belief, automaton::kOnCpu) || belief == Only(State::kDead);
  if (!settled && cpus_.Blind(ts_ns)) belief = automaton::kAnything;
  lane->belief = belief;
  Begin(lane, StateOf(belief, lane->asleep), cpu, ts_ns);
}

void LaneTracker::TakeWake(Lane* lane, Input input, uint32_t cpu, uint64_t ts_ns) {
  const bool nowhere = cpus_.RunsNowhere(lane->lane.pid);
  Belief belief = lane->belief;
  if (nowhere && (belief & kOffCpu) != 0) belief &= kOffCpu;
  // One that was preempted waits since then, whoever wakes it meanwhile.
  const bool preempted = Within(belief, kPreemptedOnly);
  belief = automaton::Apply(belief, input);
  if (preempted && belief == Only(State::kReady)) belief = Only(State::kPreempted);
  // Its events contradict one another, or one is missing: this one is believed.
  if (belief == 0) belief = automaton::Apply(nowhere ? kOffCpu : automaton::kAnything, input);
  if (!has_wakeup_) belief = automaton::WithUnseen(belief, false, true);
  const bool stays = Within(belief, automaton::kOnCpu);
  Become(lane, belief, stays ? lane->open.cpu : cpu, ts_ns);
}

void LaneTracker::TakeSwitch(Lane* lane, Input input, uint32_t cpu, uint64_t ts_ns) {
  const Belief before = lane->belief;
  const Belief after = before == automaton::kAnything ? 0 : automaton::Apply(before, input);
  if (after != 0) return Become(lane, after, cpu, ts_ns);
  // Nothing was known, or an event is missing.
  if (input == Input::kIn) return BeRunning(lane, cpu, ts_ns);
  Become(lane, automaton::Apply(Only(State::kRunning), input), cpu, ts_ns);
}

void LaneTracker::BeRunning(Lane* lane, uint32_t cpu, uint64_t ts_ns) {
  // Who slept, or had ended, was woken at some moment that no event tells.
  if (Within(lane->belief, Only(State::kSleeping) | Only(State::kDead))) lane->open.state = LaneState::kUnknown;
  Become(lane, Only(State::kRunning), cpu, ts_ns);
}

void LaneTracker::Seen(int32_t pid, uint32_t cpu, uint64_t ts_ns) {
  Lane* const lane = Of(pid);
  if (lane == nullptr) return;
  if (!Within(lane->belief, automaton::kOnCpu)) return BeRunning(lane, cpu, ts_ns);
  Become(lane, lane->belief, cpu, ts_ns);
}

void LaneTracker::Lose(int32_t pid, uint32_t cpu, uint64_t ts_ns) {
  Lane* const lane = Of(pid);
  if (lane == nullptr || lane->open.cpu != cpu || !Within(lane->belief, automaton::kOnCpu)) return;
  Become(lane, automaton::kAnything, cpu, ts_ns);
}

void LaneTracker::Switch(const DetailEvent& event) {
  if (Lane* const prev = Of(event.pid)) {
    const Input input = SwitchOutIn(event.prev_state);
    if (input == Input::kOutSleeping) prev->asleep = AsleepIn(event.prev_state);
    TakeSwitch(prev, input, event.cpu, event.ts_ns);
  }
  if (Lane* const next = Of(event.task)) {
    if (!event.name.empty()) next->lane.comm = event.name;
    TakeSwitch(next, Input::kIn, event.cpu, event.ts_ns);
  }
}

void LaneTracker::Wake(const DetailEvent& event) {
  (event.type == EventType::kSchedWaking ? has_waking_ : has_wakeup_) = true;
  Lane* const lane = Of(event.task);
  if (lane == nullptr) return;
  if (!event.name.empty()) lane->lane.comm = event.name;
  const uint32_t cpu = event.target_cpu >= 0 ? static_cast<uint32_t>(event.target_cpu) : lane->open.cpu;
  switch (event.type) {
    case EventType::kSchedWaking: return TakeWake(lane, Input::kWaking, cpu, event.ts_ns);
    case EventType::kSchedWakeup: return TakeWake(lane, Input::kWakeup, cpu, event.ts_ns);
    default: return Become(lane, Only(State::kReady), cpu, event.ts_ns);
  }
}

void LaneTracker::Gap(uint64_t ts_ns) {
  for (Lane& lane : lanes_) {
    const bool runs = Within(lane.belief, automaton::kOnCpu) && cpus_.Runs(lane.lane.pid);
    if (!runs && lane.belief != Only(State::kDead)) Become(&lane, automaton::kAnything, lane.open.cpu, ts_ns);
  }
}

// What belongs together in one piece.
std::vector<LaneSpan> LaneTracker::Tidy(const std::vector<LaneSpan>& spans) const {
  std::vector<LaneSpan> tidy;
  for (LaneSpan span : spans) {
    // Where no wake is recorded, it is not known how long a task slept after it was switched away.
    const bool asleep =
        span.state == LaneState::kSleeping || span.state == LaneState::kBlocked || span.state == LaneState::kOther;
    if (asleep && !has_waking_ && !has_wakeup_) span.state = LaneState::kUnknown;
    if (!tidy.empty() && tidy.back().state == span.state && tidy.back().cpu == span.cpu) {
      tidy.back().end_ns = span.end_ns;
    } else {
      tidy.push_back(span);
    }
  }
  return tidy;
}

void LaneTracker::Finish(TimelineDetail* detail) {
  for (Lane& lane : lanes_) {
    lane.open.end_ns = request_.end_ns;
    if (++spans_ <= request_.items_max) lane.lane.spans.push_back(lane.open);
  }
  detail->spans_too_many = spans_ > request_.items_max;
  for (Lane& lane : lanes_) {
    lane.lane.spans = detail->spans_too_many ? std::vector<LaneSpan>() : Tidy(lane.lane.spans);
  }
  for (const int32_t pid : request_.pids) detail->lanes.push_back(Of(pid)->lane);
}

}  // namespace wakewatch

// A rule that accuses nobody is worthless, and one that accuses the innocent is worse. Recordings without loss break no
// rule; with one event deleted, doubled or swapped with the next of its CPU they break one exactly where a plain oracle
// says that the events cannot be, and nowhere else; cut to ragged windows, or with marked gaps, they break none.
// The lab's recordings are used where they are: $WAKEWATCH_LAB, or ../shared/lab beside this tree. More changes:
// WAKEWATCH_MUTATION_SEEDS=100 model_mutation_test --gtest_filter=ChangedRecordings.* One seed's:
// WAKEWATCH_MUTATION_SEED=N, with the same filter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/checks/model_violation.h"
#include "analysis/report/engine_test_support.h"
#include "analysis/trace/test_files.h"
#include "tests/model/oracle.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using engine_test::Recorded;
using file_test::TempFolder;
using recordings_test::BundledTraces;
using recordings_test::Lab;
using recordings_test::TracesBelow;
using recordings_test::Unpacked;

Recorded Load(const fs::path& trace) {
  const TempFolder scratch;
  return Recorded::Read(Unpacked(trace, scratch).string());
}

struct Place {
  std::string rule;
  RulePlace place;
};

// What the check says about `events`.
class Verdicts : public FindingSink {
 public:
  Verdicts(const TraceInput& input, const std::vector<Event>& events) {
    SchedModel model(input);
    const WakeHistory wakes(model, input.symbols());
    Alarm alarm;
    ModelViolation check({input.symbols(), model, options_, *this, wakes, input.formats(), alarm});
    std::array<bool, kEventTypeCount> wanted{};
    for (const EventType type : ModelViolation::kInfo.events) wanted[static_cast<size_t>(type)] = true;
    for (const Event& event : events) {
      const Step& step = model.Apply(event);
      if (wanted[static_cast<size_t>(event.type)]) check.OnStep(step);
    }
    check.Finish(0);
    check.Summarise(0, &summaries_);
    for (const RuleSummary& rule : summaries_.rules) {
      if (RuleNamed(rule.name)->negative_control) continue;
      for (const RulePlace& place : rule.places) places_.push_back({rule.name, place});
    }
  }
  using FindingSink::Add;
  void Add(Finding&& finding, uint64_t) override { findings_.push_back(std::move(finding)); }

  // Of everything but the control.
  uint64_t Of(RuleVerdict verdict) const {
    uint64_t n = 0;
    for (const Place& place : places_) n += place.place.verdict == verdict ? 1 : 0;
    return n;
  }
  const std::vector<Place>& places() const { return places_; }
  const std::vector<Finding>& findings() const { return findings_; }
  const std::vector<RuleSummary>& rules() const { return summaries_.rules; }
  std::string Text() const {
    std::string text;
    for (const Place& place : places_) {
      text += "\n  " + std::to_string(place.place.ts_ns) + " CPU " + std::to_string(place.place.cpu) + " pid " +
              std::to_string(place.place.pid) + " " + place.rule + " (" + std::string(Name(place.place.verdict)) +
              "): " + place.place.text;
    }
    return text;
  }

 private:
  CheckOptions options_;
  std::vector<Finding> findings_;
  std::vector<Place> places_;
  Summaries summaries_;
};

bool HasGaps(const std::vector<Event>& events) {
  return std::any_of(events.begin(), events.end(), [](const Event& event) { return event.type == EventType::kGap; });
}

enum class Change { kDelete, kDouble, kSwap };
constexpr Change kChanges[] = {Change::kDelete, Change::kDouble, Change::kSwap};
const char* const kChangeNames[] = {"deleted", "doubled", "swapped"};

// The event that the one at `at` is swapped with: the next of its CPU, or itself where there is none.
size_t NextOfCpu(const std::vector<Event>& events, size_t at) {
  for (size_t next = at + 1; next < events.size(); ++next) {
    if (events[next].cpu == events[at].cpu) return next;
  }
  return at;
}

// Who recorded the event, and whom it is about.
std::set<int32_t> TasksOf(const Event& event) {
  switch (event.type) {
    case EventType::kSchedSwitch: return {event.sw.prev_pid, event.sw.next_pid};
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew: return {event.pid, event.wake.pid};
    case EventType::kSchedMigrateTask: return {event.pid, event.migrate.pid};
    case EventType::kSchedProcessFork: return {event.pid, event.fork.child_pid};
    case EventType::kSchedProcessExit: return {event.pid, event.task.pid};
    default: return {event.pid};
  }
}
bool Concerns(const std::vector<Event>& changed, int32_t pid) {
  return std::any_of(changed.begin(), changed.end(), [pid](const Event& each) { return TasksOf(each).contains(pid); });
}

// A wrong event leaves its CPU or a task in a wrong state, which shows at their next events, whenever they come: the
// last of those behind `at`.
size_t NextOf(const std::vector<Event>& events, size_t at, const std::vector<Event>& changed) {
  std::set<int32_t> pids;
  for (const Event& each : changed) pids.merge(TasksOf(each));
  pids.erase(0);
  size_t last = NextOfCpu(events, at);
  for (size_t i = at + 1; i < events.size() && !pids.empty(); ++i) {
    for (const int32_t pid : TasksOf(events[i])) {
      if (pids.erase(pid) > 0) last = std::max(last, i);
    }
  }
  return last;
}

// Events keep the times of their places, so that each CPU stays in order.
std::vector<Event> Changed(std::vector<Event> events, size_t at, Change change) {
  if (change == Change::kDelete) {
    events.erase(events.begin() + static_cast<ptrdiff_t>(at));
  } else if (change == Change::kDouble) {
    events.insert(events.begin() + static_cast<ptrdiff_t>(at), events[at]);
  } else {
    const size_t next = NextOfCpu(events, at);
    std::swap(events[at], events[next]);
    std::swap(events[at].ts_ns, events[next].ts_ns);
  }
  return events;
}

struct Share {
  uint64_t tried = 0, forbidden = 0, found = 0, findings = 0;
};
using Shares = std::map<std::pair<std::string, int>, Share>;

// Slices of a recording, long enough that tasks are known in the middle, where one event is changed.
class Mutations {
 public:
  static constexpr size_t kSlice = 16'000, kSliceMin = 2000;

  Mutations(const Recorded& recorded, std::string name) : recorded_(recorded), name_(std::move(name)) {
    for (const EventType type : ModelViolation::kInfo.events) wanted_[static_cast<size_t>(type)] = true;
    for (const Event& event : recorded.events) {
      if (wanted_[static_cast<size_t>(event.type)]) events_.push_back(event);
    }
  }

  // Changes up to `a_type` events of each type.
  void Run(size_t a_type, std::mt19937* random, Shares* shares) {
    if (events_.size() < kSliceMin) return;
    const size_t size = std::min(kSlice, events_.size());
    const size_t start = (*random)() % (events_.size() - size + 1);
    const std::vector<Event> slice(events_.begin() + static_cast<ptrdiff_t>(start),
                                   events_.begin() + static_cast<ptrdiff_t>(start + size));
    const Verdicts whole(*recorded_.input, slice);
    EXPECT_TRUE(whole.places().empty()) << name_ << whole.Text();
    // Some of each type, from the middle.
    std::map<EventType, std::vector<size_t>> by_type;
    for (size_t i = size * 8 / 20; i < size * 12 / 20; ++i) by_type[slice[i].type].push_back(i);
    std::vector<bool> chosen(size);
    for (auto& [type, places] : by_type) {
      std::shuffle(places.begin(), places.end(), *random);
      for (size_t i = 0; i < std::min(a_type, places.size()); ++i) chosen[places[i]] = true;
    }
    // What can be known from the slice, and what is known in any case.
    const PrevStates& states = recorded_.input->formats().prev_states();
    Oracle most(states, true), least(states, false);
    for (size_t i = 0; i < size; ++i) {
      if (chosen[i]) {
        for (const Change change : kChanges) Try(slice, i, change, most, least, shares);
      }
      most.Show(slice[i]);
      least.Hear(slice[i].type);
      if (i > size / 6) least.Show(slice[i]);
    }
  }

 private:
  // Up to here every CPU was heard of after `ts_ns`; behind it verdicts are void.
  static uint64_t WindowEnd(const std::vector<Event>& events) {
    std::map<uint32_t, uint64_t> last;
    for (const Event& event : events) last[event.cpu] = event.ts_ns;
    uint64_t end_ns = UINT64_MAX;
    for (const auto& [cpu, ns] : last) end_ns = std::min(end_ns, ns);
    return end_ns;
  }

  void Try(const std::vector<Event>& slice, size_t at, Change change, Oracle most_so_far, Oracle least_so_far,
           Shares* shares) {
    const std::vector<Event> events = Changed(slice, at, change);
    const auto most = most_so_far.FirstForbidden(events, at), least = least_so_far.FirstForbidden(events, at);
    const Verdicts verdicts(*recorded_.input, events);
    Share& share =
        (*shares)[{std::string(kEventTypeInfo[static_cast<size_t>(slice[at].type)].name), static_cast<int>(change)}];
    ++share.tried;
    share.forbidden += most ? 1 : 0;
    share.found += verdicts.places().empty() ? 0 : 1;
    share.findings += verdicts.findings().empty() ? 0 : 1;
    const std::string what = name_ + ": " + std::string(kEventTypeInfo[static_cast<size_t>(slice[at].type)].name) +
                             " " + kChangeNames[static_cast<int>(change)] + " at " + std::to_string(slice[at].ts_ns) +
                             " CPU " + std::to_string(slice[at].cpu) + verdicts.Text();
    if (!most) {
      EXPECT_TRUE(verdicts.places().empty()) << what;
      return;
    }
    uint64_t first_ns = UINT64_MAX;
    for (const Place& place : verdicts.places()) first_ns = std::min(first_ns, place.place.ts_ns);
    EXPECT_GE(first_ns, events[*most].ts_ns) << what;
    if (least && events[*least].ts_ns < WindowEnd(events)) {
      EXPECT_LE(first_ns, events[*least].ts_ns) << what << "\n  forbidden at " << events[*least].ts_ns;
    }
    // Nothing elsewhere: what follows lies with the same tasks and CPU, close by or at their next event.
    std::vector<Event> changed = {slice[at]};
    if (change == Change::kSwap) changed.push_back(slice[NextOfCpu(slice, at)]);
    const size_t changed_last = change == Change::kSwap ? NextOfCpu(slice, at) : at;
    const size_t close = std::max(least.value_or(events.size() - 1), changed_last) + kNear;
    const size_t last = std::max(close, NextOf(events, changed_last, changed));
    const uint64_t far_ns = events[std::min(last, events.size() - 1)].ts_ns;
    for (const Place& place : verdicts.places()) {
      EXPECT_LE(place.place.ts_ns, far_ns) << what;
      EXPECT_TRUE(place.place.cpu == slice[at].cpu || Concerns(changed, place.place.pid)) << what;
    }
    // Each is missing in one place, and perhaps wrong in another.
    EXPECT_LE(verdicts.findings().size(), 2 * changed.size()) << what;
  }

  static constexpr size_t kNear = 200;  // events
  const Recorded& recorded_;
  const std::string name_;
  std::array<bool, kEventTypeCount> wanted_{};
  std::vector<Event> events_;
};

void ExpectClean(const fs::path& trace) {
  SCOPED_TRACE(trace);
  const Recorded recorded = Load(trace);
  const Verdicts verdicts(*recorded.input, recorded.events);
  EXPECT_EQ(verdicts.Of(RuleVerdict::kViolation), 0u) << verdicts.Text();
  EXPECT_TRUE(verdicts.findings().empty());
  uint64_t checked = 0;
  for (const RuleSummary& rule : verdicts.rules()) checked += rule.checked;
  EXPECT_GT(checked, recorded.events.size() / 2) << "nothing was looked at";
  if (HasGaps(recorded.events)) return;
  EXPECT_EQ(verdicts.Of(RuleVerdict::kMissing), 0u) << verdicts.Text();
  EXPECT_EQ(verdicts.Of(RuleVerdict::kVoid), 0u) << verdicts.Text();
}

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

std::vector<uint64_t> Seeds() {
  constexpr uint64_t kFirst = 2;
  const uint64_t one = FromEnvironment("WAKEWATCH_MUTATION_SEED", 0);
  std::vector<uint64_t> seeds(one != 0 ? 1 : FromEnvironment("WAKEWATCH_MUTATION_SEEDS", 1));
  std::iota(seeds.begin(), seeds.end(), one != 0 ? one : kFirst);
  return seeds;
}

// As if each CPU's buffer had begun and ended at another time.
std::vector<Event> CutRagged(const std::vector<Event>& events, std::mt19937* random) {
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> windows;
  const uint64_t begin = events.front().ts_ns, span = events.back().ts_ns - begin;
  for (const Event& event : events) windows[event.cpu] = {};
  for (auto& [cpu, window] : windows) {
    window = {begin + (*random)() % 1000 * (span / 3000), begin + span - (*random)() % 1000 * (span / 3000)};
  }
  std::vector<Event> cut;
  for (const Event& event : events) {
    const auto& [from, to] = windows[event.cpu];
    if (event.ts_ns >= from && event.ts_ns <= to) cut.push_back(event);
  }
  return cut;
}

// As if CPUs had lost events, and said so.
std::vector<Event> WithGaps(std::vector<Event> events, std::mt19937* random) {
  for (int gap = 0; gap < 8; ++gap) {
    const size_t at = (*random)() % events.size();
    const uint16_t cpu = events[at].cpu;
    std::vector<Event> left(events.begin(), events.begin() + static_cast<ptrdiff_t>(at) + 1);
    Event mark{};
    mark.ts_ns = events[at].ts_ns;
    mark.type = EventType::kGap;
    mark.cpu = cpu;
    mark.gap = {UINT64_MAX, kLostUnknown, GapCause::kOverrun};
    const size_t marked = left.size();
    left.push_back(mark);
    size_t lost = 1 + (*random)() % 40;
    for (size_t i = at + 1; i < events.size(); ++i) {
      const bool here = events[i].cpu == cpu && events[i].type != EventType::kGap;
      if (here && lost > 0) {
        --lost;
        continue;
      }
      if (here && left[marked].gap.end_ns == UINT64_MAX) left[marked].gap.end_ns = events[i].ts_ns;
      left.push_back(events[i]);
    }
    events = std::move(left);
  }
  return events;
}

TEST(Recordings, BreakNoRule) {
  ASSERT_FALSE(BundledTraces().empty());
  for (const fs::path& trace : BundledTraces()) ExpectClean(trace);
}

TEST(Recordings, OfTheLabBreakNoRule) {
  const auto traces = TracesBelow(Lab());
  if (traces.empty()) GTEST_SKIP() << "no lab at " << Lab() << "; set WAKEWATCH_LAB";
  for (const fs::path& trace : traces) ExpectClean(trace);
}

TEST(CutRecordings, BreakNoRule) {
  std::vector<fs::path> traces = BundledTraces();
  const auto lab = TracesBelow(Lab());
  for (size_t i = 0; i < lab.size(); i += 7) traces.push_back(lab[i]);
  std::mt19937 random(1);
  for (const fs::path& trace : traces) {
    const Recorded recorded = Load(trace);
    for (int i = 0; i < 8; ++i) {
      const Verdicts cut(*recorded.input, CutRagged(recorded.events, &random));
      EXPECT_EQ(cut.Of(RuleVerdict::kViolation), 0u) << trace << cut.Text();
      const Verdicts lossy(*recorded.input, WithGaps(recorded.events, &random));
      EXPECT_EQ(lossy.Of(RuleVerdict::kViolation), 0u) << trace << lossy.Text();
    }
  }
}

TEST(ChangedRecordings, BreakARuleWhereTheyWereChanged) {
  std::vector<fs::path> traces = BundledTraces();
  const auto lab = TracesBelow(Lab());
  for (size_t i = 0; i < lab.size(); i += 3) traces.push_back(lab[i]);
  std::map<uint64_t, std::mt19937> randoms;
  for (const uint64_t seed : Seeds()) randoms.emplace(seed, static_cast<uint32_t>(seed));
  Shares shares;
  for (const fs::path& trace : traces) {
    const Recorded recorded = Load(trace);
    if (HasGaps(recorded.events)) continue;
    Mutations mutations(recorded, trace.parent_path().filename().string());
    for (auto& [seed, random] : randoms) {
      SCOPED_TRACE("replay: WAKEWATCH_MUTATION_SEED=" + std::to_string(seed) +
                   " model_mutation_test --gtest_filter=ChangedRecordings.*");
      mutations.Run(8, &random, &shares);
    }
    if (HasFailure()) return;
  }
  for (const auto& [key, share] : shares) {
    std::fprintf(stderr, "%-34s %-8s %4lu tried, %4lu forbidden, %4lu told, %4lu with a finding\n", key.first.c_str(),
                 kChangeNames[key.second], share.tried, share.forbidden, share.found, share.findings);
  }
  for (const char* const type : {"sched_switch", "sched_waking", "sched_wakeup"}) {
    const Share& share = shares[{type, static_cast<int>(Change::kDelete)}];
    EXPECT_GT(share.tried, 7u) << type;
    EXPECT_GE(share.found * 100, share.forbidden * 97) << type;
    // Of a task that was not heard of before, or is not heard of again, one event less is not to be seen: short
    // recordings have many of those.
    if (!lab.empty()) {
      EXPECT_GE(share.found * 100, share.tried * 90) << type;
    }
  }
}

}  // namespace
}  // namespace wakewatch

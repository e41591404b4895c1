// A timeline's details of real recordings: against the scheduler model, against a search for what belongs together that
// looks at every event, and, out of stored files at random places, against the details of all events from the
// beginning.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "analysis/model/sched_model.h"
#include "analysis/report/timeline_detail.h"
#include "analysis/report/timeline_detail_test_support.h"
#include "analysis/trace/formats_list.h"
#include "server/store/store_test_support.h"
#include "server/store/timeline_query.h"
#include "tests/recordings.h"

namespace wakewatch {
namespace {

using detail_test::Detail;
using detail_test::NameOf;
using detail_test::TextOf;

// All events of a recording, by time.
struct Trace {
  std::string name;
  std::unique_ptr<TraceInput> input;
  std::vector<EventBlock> blocks;
  std::vector<Event> events;
  std::vector<int32_t> pids;  // of sched_switch
  bool has_gaps = false;
};

Trace Read(const std::filesystem::path& file) {
  Trace trace;
  trace.name = file.string();
  auto input = OpenTrace(file.string(), {});
  EXPECT_TRUE(input) << input.error().Text();
  trace.input = std::move(*input);
  auto readers = trace.input->OpenCpus();
  EXPECT_TRUE(readers);
  for (auto& reader : *readers) {
    while (true) {
      EventBlock& block = trace.blocks.emplace_back();
      const auto more = reader->Fill(&block, 4096);
      EXPECT_TRUE(more);
      if (!more || !*more) break;
      for (const Event& event : block.events) {
        trace.events.push_back(event);
        trace.has_gaps = trace.has_gaps || event.type == EventType::kGap;
        if (event.type == EventType::kSchedSwitch && event.sw.next_pid > 0) trace.pids.push_back(event.sw.next_pid);
      }
    }
  }
  std::stable_sort(trace.events.begin(), trace.events.end(),
                   [](const Event& a, const Event& b) { return std::tie(a.ts_ns, a.cpu) < std::tie(b.ts_ns, b.cpu); });
  return trace;
}

std::vector<Trace> BundledTraces(const file_test::TempFolder& scratch) {
  std::vector<Trace> traces;
  for (const auto& file : recordings_test::BundledTraces()) {
    traces.push_back(Read(recordings_test::Unpacked(file, scratch)));
    traces.back().name = file.string();
  }
  return traces;
}

TimelineDetailRequest RandomRequest(const Trace& trace, std::mt19937_64* random) {
  TimelineDetailRequest request;
  const uint64_t middle_ns = trace.events[(*random)() % trace.events.size()].ts_ns;
  const uint64_t span_ns = 1 + ((*random)() % 200'000'000 >> (*random)() % 20);
  request.start_ns = middle_ns - span_ns / 2;
  request.end_ns = request.start_ns + span_ns;
  request.items_max = SIZE_MAX;
  for (int i = 0; i < 8; ++i) request.pids.push_back(trace.pids[(*random)() % trace.pids.size()]);
  return request;
}

struct Change {
  uint64_t ns;
  LaneState state;
};

LaneState StateOf(const Task& task) {
  switch (task.state) {
    case TaskState::kRunning:
    case TaskState::kRunningWoken: return LaneState::kRunning;
    case TaskState::kReady:
      return task.wait.kind == WaitKind::kPreempted ? LaneState::kPreempted : LaneState::kRunnable;
    case TaskState::kWaking: return LaneState::kRunnable;
    case TaskState::kSleeping:
      if (task.sleep_letter == 'D') return LaneState::kBlocked;
      return task.sleep_letter == 'S' || task.sleep_letter == 'I' ? LaneState::kSleeping : LaneState::kOther;
    case TaskState::kDead: return LaneState::kEnded;
    case TaskState::kNew:
    case TaskState::kUnknown: break;
  }
  return LaneState::kUnknown;
}

// What the model believes of each task, from event to event.
std::map<int32_t, std::vector<Change>> ModelStates(const Trace& trace) {
  SchedModel model(*trace.input);
  std::map<int32_t, std::vector<Change>> states;
  for (const Event& event : trace.events) {
    const Step& step = model.Apply(event);
    for (const Task* task : {step.lost, step.prev, step.next, step.task}) {
      if (task != nullptr) states[task->pid].push_back({event.ts_ns, StateOf(*task)});
    }
  }
  return states;
}

// Whatever the lane says is what the model believes at that time; what took no time is left out. Behind a gap the lane
// may know more: any event says who is on its CPU, and the model waits for a switch.
void CheckLane(const TaskLane& lane, const std::vector<Change>& states, bool has_gaps) {
  for (const LaneSpan& span : lane.spans) {
    if (span.state == LaneState::kUnknown) continue;
    auto at = std::upper_bound(states.begin(), states.end(), span.start_ns,
                               [](uint64_t ns, const Change& change) { return ns < change.ns; });
    for (at = at == states.begin() || has_gaps ? at : std::prev(at); at != states.end() && at->ns < span.end_ns; ++at) {
      const bool passes = std::next(at) != states.end() && std::next(at)->ns == at->ns;
      if (passes || at->state == LaneState::kUnknown) continue;
      ASSERT_EQ(NameOf(at->state), std::string(NameOf(span.state)))
          << "of " << lane.pid << " at " << at->ns << " from " << span.start_ns;
    }
  }
}

TEST(TimelineDetailOfRecordings, SaysOfTasksWhatTheModelBelieves) {
  const file_test::TempFolder scratch;
  for (const Trace& trace : BundledTraces(scratch)) {
    SCOPED_TRACE(trace.name);
    const auto states = ModelStates(trace);
    std::mt19937_64 random(1);
    uint64_t known_ns = 0, all_ns = 0;
    for (int i = 0; i < 60; ++i) {
      const auto detail = Detail(RandomRequest(trace, &random), trace.events, trace.input->formats().prev_states());
      for (const TaskLane& lane : detail.lanes) {
        ASSERT_FALSE(lane.spans.empty());
        ASSERT_EQ(lane.spans.front().start_ns, detail.start_ns);
        ASSERT_EQ(lane.spans.back().end_ns, detail.end_ns);
        for (size_t at = 1; at < lane.spans.size(); ++at) {
          ASSERT_EQ(lane.spans[at - 1].end_ns, lane.spans[at].start_ns);
        }
        for (const LaneSpan& span : lane.spans) {
          ASSERT_LT(span.start_ns, span.end_ns);
          all_ns += span.end_ns - span.start_ns;
          known_ns += span.state == LaneState::kUnknown ? 0 : span.end_ns - span.start_ns;
        }
        CheckLane(lane, states.at(lane.pid), trace.has_gaps);
        if (HasFatalFailure()) return;
      }
    }
    // Without lost events, what is not known is in front of a task's first event.
    EXPECT_TRUE(trace.has_gaps || known_ns > all_ns / 2);
  }
}

using Wake = std::tuple<uint64_t, uint64_t, int32_t, int32_t, uint32_t>;  // waking, wakeup, woken, waker, waker's CPU

// By a look at all that follows each waking.
std::vector<Wake> WakesOf(const Trace& trace, const TimelineDetailRequest& request) {
  std::vector<Wake> wakes;
  for (size_t i = 0; i < trace.events.size(); ++i) {
    const Event& waking = trace.events[i];
    if (waking.type != EventType::kSchedWaking || waking.ts_ns >= request.end_ns) continue;
    uint64_t wakeup_ns = 0;
    for (size_t next = i + 1; next < trace.events.size(); ++next) {
      const Event& event = trace.events[next];
      if (event.type == EventType::kGap || event.ts_ns >= request.end_ns) break;
      const bool same = (event.type == EventType::kSchedWaking || event.type == EventType::kSchedWakeup) &&
                        event.wake.pid == waking.wake.pid;
      if (!same) continue;
      if (event.type == EventType::kSchedWakeup) wakeup_ns = event.ts_ns;
      break;
    }
    if (waking.ts_ns < request.start_ns && wakeup_ns < request.start_ns) continue;
    wakes.emplace_back(waking.ts_ns, wakeup_ns, waking.wake.pid, waking.pid, waking.cpu);
  }
  std::sort(wakes.begin(), wakes.end());
  return wakes;
}

TEST(TimelineDetailOfRecordings, MatchesWakesAsALookAtEachDoes) {
  const file_test::TempFolder scratch;
  for (const Trace& trace : BundledTraces(scratch)) {
    SCOPED_TRACE(trace.name);
    std::mt19937_64 random(2);
    for (int i = 0; i < 20; ++i) {
      const auto request = RandomRequest(trace, &random);
      std::vector<Wake> wakes;
      for (const TimelineWakeup& wakeup : Detail(request, trace.events).wakeups) {
        if (wakeup.waking_ns == 0) continue;
        wakes.emplace_back(wakeup.waking_ns, wakeup.wakeup_ns, wakeup.pid, wakeup.waker_pid, wakeup.waker_cpu);
      }
      std::sort(wakes.begin(), wakes.end());
      ASSERT_EQ(wakes, WakesOf(trace, request));
    }
  }
}

uint64_t ObjectOf(const Event& event) {
  const DetailEvent detail = DetailEventOf(event, {});
  return detail.object;
}

EventType EndOf(EventType type) {
  switch (type) {
    case EventType::kIrqEntry: return EventType::kIrqExit;
    case EventType::kSoftirqEntry: return EventType::kSoftirqExit;
    case EventType::kTimerExpireEntry: return EventType::kTimerExpireExit;
    case EventType::kHrtimerExpireEntry: return EventType::kHrtimerExpireExit;
    case EventType::kWorkStart: return EventType::kWorkEnd;
    default: return EventType::kGeneric;
  }
}

using Ran = std::tuple<uint64_t, uint64_t, uint32_t, int32_t>;  // start, end, CPU, task

// Begun and ended in the span, as a look at all that follows each begin finds them.
std::vector<Ran> RanIn(const Trace& trace, const TimelineDetailRequest& request) {
  std::vector<Ran> ran;
  for (size_t i = 0; i < trace.events.size(); ++i) {
    const Event& begin = trace.events[i];
    if (begin.ts_ns < request.start_ns || EndOf(begin.type) == EventType::kGeneric) continue;
    for (size_t next = i + 1; next < trace.events.size() && trace.events[next].ts_ns < request.end_ns; ++next) {
      const Event& event = trace.events[next];
      const bool is_work = begin.type == EventType::kWorkStart;
      if (event.type == EventType::kGap && (is_work || event.cpu == begin.cpu)) break;
      const bool same_place = is_work ? event.pid == begin.pid : event.cpu == begin.cpu;
      if (!same_place || event.type != EndOf(begin.type) || ObjectOf(event) != ObjectOf(begin)) continue;
      ran.emplace_back(begin.ts_ns, event.ts_ns, begin.cpu, begin.pid);
      break;
    }
  }
  std::sort(ran.begin(), ran.end());
  return ran;
}

TEST(TimelineDetailOfRecordings, FindsWhatRanAsALookAtEachDoes) {
  const file_test::TempFolder scratch;
  for (const Trace& trace : BundledTraces(scratch)) {
    SCOPED_TRACE(trace.name);
    std::mt19937_64 random(3);
    for (int i = 0; i < 20; ++i) {
      const auto request = RandomRequest(trace, &random);
      std::vector<Ran> ran;
      for (const TimelineActivity& activity : Detail(request, trace.events).activities) {
        ASSERT_LE(activity.start_ns, activity.end_ns);
        if (!activity.start_seen || !activity.end_seen || activity.start_ns < request.start_ns) continue;
        ran.emplace_back(activity.start_ns, activity.end_ns, activity.cpu, activity.pid);
      }
      std::sort(ran.begin(), ran.end());
      const auto expected = RanIn(trace, request);
      if (!trace.has_gaps) {
        ASSERT_EQ(ran, expected);
      } else {
        // Work of a worker that was on its CPU all the while goes on beside another CPU's gap.
        ASSERT_TRUE(std::includes(ran.begin(), ran.end(), expected.begin(), expected.end()));
      }
    }
  }
}

// Stores the trace in as many files as there are cuts, and one.
std::vector<TimelinePart> Store(const Trace& trace, const store_test::Folder& folder, std::vector<uint64_t> cuts_ns,
                                size_t chunk_events) {
  const FormatTable& formats = trace.input->formats();
  std::vector<TimelinePart> parts;
  std::sort(cuts_ns.begin(), cuts_ns.end());
  cuts_ns.push_back(UINT64_MAX);
  uint64_t from_ns = 0;
  auto at = trace.events.begin();
  for (const uint64_t cut_ns : cuts_ns) {
    Batch batch;
    batch.sequence = 1;
    batch.session = SessionInfo{"box", "boot", "s1", "6.1.0", "mono", "0.1", 8};
    batch.formats = DeltaOf(formats);
    std::map<uint32_t, std::vector<Event>> pending;
    const auto cut = [&](uint32_t cpu) {
      if (!pending[cpu].empty()) batch.chunks.push_back(store_test::Encode(formats, cpu, pending[cpu]));
      pending[cpu].clear();
    };
    for (; at != trace.events.end() && at->ts_ns < cut_ns; ++at) {
      if (at->type == EventType::kGap) {
        cut(at->cpu);
        batch.gaps.push_back({at->cpu, at->ts_ns, at->gap.end_ns, at->gap.lost, at->gap.cause});
        continue;
      }
      pending[at->cpu].push_back(*at);
      if (pending[at->cpu].size() == chunk_events) cut(at->cpu);
    }
    for (const auto& [cpu, left] : std::map(pending)) cut(cpu);
    const std::string path = folder.File("part-" + std::to_string(parts.size()) + ".db");
    store_test::MakeRecording(path, {batch});
    parts.push_back({path, from_ns, cut_ns});
    from_ns = cut_ns;
  }
  return parts;
}

// A recording's end is the end of what is known.
TimelineDetail Truth(const Trace& trace, const TimelineDetailRequest& request) {
  std::vector<Event> events = trace.events;
  std::vector<uint32_t> cpus;
  for (const Event& event : events) {
    if (std::find(cpus.begin(), cpus.end(), event.cpu) == cpus.end()) cpus.push_back(event.cpu);
  }
  for (const uint32_t cpu : cpus) {
    Event end{};
    end.ts_ns = trace.events.back().ts_ns + 1;
    end.cpu = static_cast<uint16_t>(cpu);
    end.type = EventType::kGap;
    end.gap.end_ns = UINT64_MAX;
    events.push_back(end);
  }
  return Detail(request, events, trace.input->formats().prev_states());
}

LaneState At(const TaskLane& lane, uint64_t ns) {
  for (const LaneSpan& span : lane.spans) {
    if (ns < span.end_ns) return span.state;
  }
  return LaneState::kUnknown;
}

// It may know less, up to where the task is first heard of.
void CompareLanes(const TaskLane& got, const TaskLane& truth) {
  bool behind_first = false;
  for (const LaneSpan& span : got.spans) {
    for (const uint64_t ns : {span.start_ns, span.start_ns + (span.end_ns - span.start_ns) / 2, span.end_ns - 1}) {
      if (!behind_first && span.state == LaneState::kUnknown) continue;
      ASSERT_EQ(NameOf(span.state), std::string(NameOf(At(truth, ns)))) << "of " << got.pid << " at " << ns << "\n"
                                                                        << TextOf(got) << "\n"
                                                                        << TextOf(truth);
    }
    behind_first = behind_first || span.state != LaneState::kUnknown;
  }
  EXPECT_TRUE(got.comm.empty() || got.comm == truth.comm) << got.comm;
}

// A start that is longer ago than is looked back need not be known; without an end in the span nothing is, then.
void CompareActivities(const TimelineDetail& got, const TimelineDetail& truth) {
  std::vector<std::string> own, expected;
  for (const TimelineActivity& activity : got.activities) own.push_back(TextOf(activity));
  for (TimelineActivity activity : truth.activities) {
    const bool long_ago = activity.start_seen && activity.start_ns + 10'000'000 < truth.start_ns;
    const std::string text = TextOf(activity);
    if (long_ago && std::find(own.begin(), own.end(), text) == own.end()) {
      if (!activity.end_seen) continue;
      activity.start_seen = false;
      activity.start_ns = truth.start_ns;
    }
    expected.push_back(TextOf(activity));
  }
  std::sort(own.begin(), own.end());
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(own, expected);
}

TEST(TimelineDetailOfRecordings, OutOfFilesIsWhatAllEventsTell) {
  const file_test::TempFolder scratch;
  for (const Trace& trace : BundledTraces(scratch)) {
    SCOPED_TRACE(trace.name);
    std::mt19937_64 random(4);
    uint64_t known = 0, lanes = 0;
    for (const size_t chunk_events : {size_t{60}, size_t{700}, size_t{20'000}}) {
      std::vector<uint64_t> cuts_ns;
      for (uint64_t cuts = random() % 3; cuts > 0; --cuts) {
        cuts_ns.push_back(trace.events[random() % trace.events.size()].ts_ns);
      }
      const store_test::Folder folder;
      auto query = TimelineQuery::Open(Store(trace, folder, cuts_ns, chunk_events));
      ASSERT_TRUE(query) << query.error().Text();
      for (int i = 0; i < 12; ++i) {
        TimelineDetailQuestion question;
        static_cast<TimelineDetailRequest&>(question) = RandomRequest(trace, &random);
        question.items_max = kDetailItemsMax;
        if (i % 3 == 0) question.pids.clear();
        if (i % 4 == 0) question.cpus = {static_cast<uint32_t>(random() % 4)};
        SCOPED_TRACE("chunks of " + std::to_string(chunk_events) + ", from " + std::to_string(question.start_ns) +
                     " to " + std::to_string(question.end_ns));
        const auto got = (*query)->Detail(question);
        ASSERT_TRUE(got) << got.error().Text();
        const TimelineDetail truth = Truth(trace, question);
        CompareActivities(*got, truth);
        EXPECT_EQ(TextOf(got->wakeups), TextOf(truth.wakeups));
        ASSERT_EQ(got->lanes.size(), truth.lanes.size());
        for (size_t lane = 0; lane < truth.lanes.size(); ++lane) {
          CompareLanes(got->lanes[lane], truth.lanes[lane]);
          ++lanes;
          known += At(got->lanes[lane], question.start_ns) == At(truth.lanes[lane], question.start_ns) ? 1 : 0;
        }
        if (HasFailure()) return;
      }
    }
    EXPECT_GT(known, lanes / 2);
  }
}

}  // namespace
}  // namespace wakewatch

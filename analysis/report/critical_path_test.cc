#include "analysis/report/critical_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "analysis/model/model_test_support.h"
#include "analysis/report/chain_view.h"
#include "analysis/report/engine_test_support.h"
#include "analysis/report/worst_wake.h"

namespace wakewatch {
namespace {

constexpr uint64_t kWakeupFunction = 0xffffffff81000100;
constexpr int32_t kTask = 7, kWaker = 8, kHog = 9;

// "run 7 100..200 cpu1; sleep 7 200..300 until hrtimer hrtimer_wakeup; " for each segment.
std::string Told(const CriticalPath& path) {
  std::string told;
  for (const PathSegment& segment : path.segments) {
    told += std::string(Name(segment.kind)) + " " + std::to_string(segment.pid) + " " +
            std::to_string(segment.start_ns) + ".." + std::to_string(segment.end_ns);
    if (segment.cpu >= 0) told += " cpu" + std::to_string(segment.cpu);
    if (segment.holder_pid >= 0) {
      told += " held by " + std::to_string(segment.holder_pid) + " for " + std::to_string(segment.holder_ns);
    }
    if (segment.kind == PathKind::kSleep && segment.context != WakeContext::kUnknown) {
      told += " until " + std::string(Name(segment.context)) + " " + segment.source;
    }
    told += "; ";
  }
  return told;
}

void ExpectWhole(const CriticalPath& path, const std::string& story) {
  uint64_t at_ns = path.from_ns;
  for (const PathSegment& segment : path.segments) {
    EXPECT_EQ(segment.start_ns, at_ns) << story;
    EXPECT_GT(segment.end_ns, segment.start_ns) << story;
    at_ns = segment.end_ns;
  }
  EXPECT_EQ(at_ns, path.to_ns) << story;
}

// kTask sleeps on CPU 1, kWaker on CPU 0, kHog runs on CPU 2. Events up to 1000 follow.
Script Begin() {
  Script script;
  script.On(0).Switch(10, kWaker, kSleepS, 0).On(1).Switch(20, kTask, kSleepS, 0).On(2).Switch(30, 0, kRunnable, kHog);
  return script;
}

struct Row {
  const char* story;
  void (*tell)(Script*);
  uint64_t from_ns, to_ns;
  const char* wanted;
};

const Row kRows[] = {
    {"it runs all the time", [](Script* script) { script->On(1).Switch(90, 0, kRunnable, kTask); }, 100, 500,
     "run 7 100..500 cpu1; "},
    {"it sleeps all the time", [](Script*) {}, 100, 500, "sleep 7 100..500; "},
    {"a timer ends its sleep, and its CPU is idle",
     [](Script* script) {
       script->On(1, kFlagHardirq).Timer(199, EventType::kHrtimerExpireEntry, kWakeupFunction, 0);
       script->Waking(200, 0, kTask, 1).Wakeup(210, 0, kTask, 1).On(1).Switch(220, 0, kRunnable, kTask);
     },
     100, 300,
     "sleep 7 100..200 until hardirq hrtimer hrtimer_wakeup; wait 7 200..220 cpu1 held by 0 for 20; "
     "run 7 220..300 cpu1; "},
    {"a task ends its sleep: what that task did before counts, back to the interrupt that woke it",
     [](Script* script) {
       script->On(0, kFlagSoftirq).Softirq(149, EventType::kSoftirqEntry, 3, 0).Waking(150, 0, kWaker, 0);
       script->Wakeup(151, 0, kWaker, 0).On(0).Switch(160, 0, kRunnable, kWaker).Waking(200, kWaker, kTask, 1);
       script->On(1).Wakeup(210, 0, kTask, 1).Switch(220, 0, kRunnable, kTask);
     },
     100, 300,
     "sleep 8 100..150 until softirq softirq NET_RX; wait 8 150..160 cpu0 held by 0 for 10; "
     "run 8 160..200 cpu0; wait 7 200..220 cpu1 held by 0 for 20; run 7 220..300 cpu1; "},
    {"who had the CPU longest while it waited",
     [](Script* script) {
       script->On(2, kFlagHardirq).Waking(200, kHog, kTask, 2).Wakeup(201, kHog, kTask, 2);
       script->On(2).Switch(240, kHog, kRunnable, 60).Switch(250, 60, kSleepS, kTask);
     },
     150, 300, "sleep 7 150..200 until hardirq ; wait 7 200..250 cpu2 held by 9 for 40; run 7 250..300 cpu2; "},
    {"it is moved to another run queue while it waits",
     [](Script* script) {
       script->On(2, kFlagHardirq).Waking(200, kHog, kTask, 2).Wakeup(201, kHog, kTask, 2);
       script->On(1).Migrate(230, 0, kTask, 2, 1).Switch(240, 0, kRunnable, kTask);
     },
     150, 300,
     "sleep 7 150..200 until hardirq ; wait 7 200..230 cpu2 held by 9 for 30; "
     "wait 7 230..240 cpu1 held by 0 for 10; run 7 240..300 cpu1; "},
    {"it is preempted, and goes on",
     [](Script* script) {
       script->On(1).Switch(90, 0, kRunnable, kTask).Switch(200, kTask, kPreemptedR, 60);
       script->Switch(230, 60, kSleepS, kTask);
     },
     100, 300, "run 7 100..200 cpu1; wait 7 200..230 cpu1 held by 60 for 30; run 7 230..300 cpu1; "},
    {"woken while it is still on its way to sleep: it did not sleep, and went its own way",
     [](Script* script) {
       script->On(0).Switch(80, 0, kRunnable, kWaker).On(1).Switch(90, 0, kRunnable, kTask);
       script->On(0).Waking(200, kWaker, kTask, 1).On(1).Switch(205, kTask, kSleepS, 0).Wakeup(210, 0, kTask, 1);
       script->Switch(220, 0, kRunnable, kTask);
     },
     100, 300, "run 7 100..205 cpu1; wait 7 205..220 cpu1 held by 0 for 15; run 7 220..300 cpu1; "},
    {"it was forked in the span",
     [](Script* script) {
       script->On(0).Switch(80, 0, kRunnable, kWaker).Fork(200, kWaker, 70).WakeupNew(201, kWaker, 70, 1);
       script->On(1).Switch(220, 0, kRunnable, 70).On(0).Switch(900, kWaker, kSleepS, 0);
       script->On(1).Switch(901, 70, kSleepS, 0);
     },
     100, 300, "run 8 100..201 cpu0; wait 70 201..220 cpu1 held by 0 for 19; run 70 220..300 cpu1; "},
    {"the idle task woke it",
     [](Script* script) {
       script->On(0).Waking(200, 0, kTask, 1).On(1).Wakeup(210, 0, kTask, 1).Switch(220, 0, kRunnable, kTask);
     },
     100, 300,
     "sleep 7 100..200 until task the idle task; wait 7 200..220 cpu1 held by 0 for 20; run 7 220..300 cpu1; "},
    {"a gap while it sleeps",
     [](Script* script) {
       script->On(2).Gap(120, 140).On(1, kFlagHardirq).Waking(200, 0, kTask, 1).Wakeup(210, 0, kTask, 1);
       script->On(1).Switch(220, 0, kRunnable, kTask);
     },
     100, 300, "unknown 7 100..200; wait 7 200..220 cpu1 held by 0 for 20; run 7 220..300 cpu1; "},
    {"a gap on another CPU while it runs",
     [](Script* script) { script->On(1).Switch(90, 0, kRunnable, kTask).On(2).Gap(120, 140); }, 100, 300,
     "run 7 100..300 cpu1; "},
    {"a gap on its CPU while it runs",
     [](Script* script) { script->On(1).Switch(90, 0, kRunnable, kTask).Gap(120, 140); }, 100, 300,
     "run 7 100..120 cpu1; unknown 7 120..300; "},
    {"a gap that began before the span reaches into its sleep", [](Script* script) { script->On(2).Gap(50, 120); }, 100,
     300, "unknown 7 100..300; "},
    {"it exits", [](Script* script) { script->On(1).Switch(90, 0, kRunnable, kTask).Switch(200, kTask, kZombie, 0); },
     100, 300, "run 7 100..200 cpu1; unknown 7 200..300; "},
};

TEST(CriticalPath, WhereTheTimeWent) {
  ScriptInput input;
  input.names().Add(kWakeupFunction, "hrtimer_wakeup");
  for (const Row& row : kRows) {
    Script script = Begin();
    row.tell(&script);
    CriticalPathFinder finder(input, row.from_ns, row.to_ns);
    for (const Event& event : script.events()) {
      if (!finder.Push(event)) break;
    }
    finder.Push(Script().On(3).Tick(row.to_ns, 0, 0).events().front());  // so that events reach the span's end
    const auto path = finder.Find(std::string(row.story).find("forked") == std::string::npos ? kTask : 70);
    ASSERT_TRUE(path) << row.story << ": " << path.error().Text();
    EXPECT_EQ(Told(*path), row.wanted) << row.story;
    ExpectWhole(*path, row.story);
  }
}

TEST(CriticalPath, WhatCannotBeAnswered) {
  ScriptInput input;
  Script script = Begin();
  for (uint64_t ns = 100; ns < 1000; ns += 10) script.On(2).Switch(ns, kHog, kRunnable, 60).Switch(ns + 5, 60, 0, kHog);
  const auto find = [&](uint64_t from_ns, uint64_t to_ns, int32_t pid, size_t intervals_max) {
    CriticalPathFinder finder(input, from_ns, to_ns, intervals_max);
    for (const Event& event : script.events()) {
      if (!finder.Push(event)) break;
    }
    return finder.Find(pid);
  };
  struct Refusal {
    const char* story;
    uint64_t from_ns, to_ns;
    int32_t pid;
    size_t intervals_max;
    ErrorCode wanted;
  };
  const Refusal rows[] = {
      {"nobody has that pid", 100, 900, 4711, 1000, ErrorCode::kNotFound},
      {"before the first event", 1, 5, kTask, 1000, ErrorCode::kInvalidArgument},
      {"behind the last", 5000, 6000, kTask, 1000, ErrorCode::kInvalidArgument},
      {"too much happens", 100, 900, kTask, 100, ErrorCode::kTooLarge},
  };
  for (const Refusal& row : rows) {
    const auto path = find(row.from_ns, row.to_ns, row.pid, row.intervals_max);
    ASSERT_FALSE(path) << row.story;
    EXPECT_EQ(path.error().code, row.wanted) << row.story;
  }
  const auto quiet = find(31, 90, kTask, 1000);
  ASSERT_TRUE(quiet) << "nothing happens in the span, and what goes on is known";
  EXPECT_EQ(Told(*quiet), "sleep 7 31..90; ");
  const auto clipped = find(1, UINT64_MAX, kTask, 1000);
  ASSERT_TRUE(clipped);
  EXPECT_EQ(clipped->from_ns, 10u) << "a span is cut to what the events cover";
  EXPECT_EQ(clipped->to_ns, 995u);
}

// Whatever happens, the segments cover the span exactly.
TEST(CriticalPath, OfMadeUpRunsIsWhole) {
  for (uint32_t seed = 70; seed < 76; ++seed) {
    const engine_test::MadeUpRun run(seed, 3000);
    const uint64_t last_ns = run.events().back().ts_ns;
    for (const uint64_t from_ns : {uint64_t{1}, last_ns / 3}) {
      CriticalPathFinder finder(run.input(), from_ns, last_ns / 3 * 2);
      for (const Event& event : run.events()) {
        if (!finder.Push(event)) break;
      }
      for (const int32_t pid : {3, 7, 11, 104}) {
        if (const auto path = finder.Find(pid)) ExpectWhole(*path, "seed " + std::to_string(seed));
      }
    }
  }
}

TEST(CriticalPath, OfARealRecording) {
  const auto file = std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces/tiny_lost-174-A.dat";
  const auto recorded = engine_test::Recorded::Read(file.string());
  ASSERT_FALSE(recorded.events.empty());
  WorstWakeFinder worst(*recorded.input, [](int32_t, std::string_view comm) { return comm == "rx_drain"; });
  for (const Event& event : recorded.events) worst.Push(event);
  ASSERT_TRUE(worst.worst());
  const WorstWake& wait = *worst.worst();
  ASSERT_FALSE(wait.chain.empty());
  EXPECT_EQ(wait.chain[0].waking_ns, wait.waking_ns);
  EXPECT_EQ(wait.chain[0].in_ns, wait.in_ns);
  for (size_t i = 1; i < wait.chain.size() && wait.chain[i].waking_ns != 0; ++i) {
    EXPECT_LE(wait.chain[i].in_ns, wait.chain[i - 1].waking_ns) << "a waker runs before it wakes";
  }
  CriticalPathFinder finder(*recorded.input, wait.waking_ns - 50'000'000, wait.in_ns);
  for (const Event& event : recorded.events) {
    if (!finder.Push(event)) break;
  }
  const auto path = finder.Find(wait.pid);
  ASSERT_TRUE(path);
  ExpectWhole(*path, "tiny_lost");
  const PathSegment& last = path->segments.back();
  EXPECT_EQ(last.kind, PathKind::kWait);
  EXPECT_EQ(last.end_ns, wait.in_ns);
}

TEST(WorstWake, TheLongestThatIsKnown) {
  ScriptInput input;
  Script script = Begin();
  const auto wake = [&](uint64_t ns, uint64_t in_ns) {
    script.On(2, kFlagHardirq).Waking(ns, kHog, kTask, 1).On(1).Wakeup(ns + 1, 0, kTask, 1);
    script.Switch(in_ns, 0, kRunnable, kTask).Switch(in_ns + 1, kTask, kSleepS, 0);
  };
  wake(100, 150);
  wake(200, 290);
  wake(300, 390);
  script.On(3).Gap(400, 410);
  wake(405, 700);  // longer, but in a gap
  WorstWakeFinder finder(input, [](int32_t pid, std::string_view) { return pid == kTask; });
  for (const Event& event : script.events()) finder.Push(event);
  ASSERT_TRUE(finder.worst());
  EXPECT_EQ(finder.worst()->waking_ns, 200u);
  EXPECT_EQ(finder.worst()->in_ns, 290u);
  EXPECT_EQ(finder.worst()->chain.size(), 1u);
}

ChainAnswer SampleAnswer() {
  ChainAnswer answer;
  answer.has_gaps = true;
  answer.wait = {7, "\x1b[2Jrx", 1, 200, 210, 250, {}};
  answer.wait->chain = {{8, "feed", WakeContext::kTask, "", 0, 200, 250},
                        {-1, "", WakeContext::kHardirq, "hrtimer hrtimer_wakeup", 0, 100, 120},
                        {-1, "", WakeContext::kUnknown, "its wake was not seen", 0, 0, 0}};
  answer.path = {7, "\x1b[2Jrx", 100, 250, {}};
  answer.path.segments = {{100, 150, PathKind::kSleep, 8, "feed", -1, -1, "", 0, WakeContext::kSoftirq, "softirq RCU"},
                          {150, 200, PathKind::kRun, 8, "feed", 0, -1, "", 0, WakeContext::kUnknown, ""},
                          {200, 240, PathKind::kWait, 7, "rx", 1, 9, "hog", 30, WakeContext::kUnknown, ""},
                          {240, 250, PathKind::kUnknown, 7, "rx", -1, -1, "", 0, WakeContext::kUnknown, "lost"}};
  return answer;
}

TEST(ChainView, AsText) {
  const std::string text = ChainText(SampleAnswer());
  for (const char* part : {"EVENTS WERE LOST", "by feed (8)", "by hrtimer hrtimer_wakeup, in a hard interrupt",
                           "sleep until softirq RCU, in a softirq", "which hog (9) had for 30 ns", "unknown: lost",
                           "in all: run 50 ns, wait 40 ns, sleep 50 ns, unknown 10 ns", "its wake was not seen"}) {
    EXPECT_THAT(text, testing::HasSubstr(part));
  }
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\x1b")));
}

TEST(ChainView, AsJson) {
  const auto json = nlohmann::json::parse(ChainJson(SampleAnswer()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["wait"]["latency_ns"], 50);
  EXPECT_EQ(json["chain"][1]["source"], "hrtimer hrtimer_wakeup");
  EXPECT_TRUE(json["chain"][1]["pid"].is_null());
  EXPECT_TRUE(json["chain"][2]["waking_ns"].is_null());
  EXPECT_EQ(json["path"]["totals_ns"]["run"], 50);
  EXPECT_EQ(json["path"]["segments"][2]["holder"]["pid"], 9);
  EXPECT_EQ(json["path"]["segments"][0]["until"]["source"], "softirq RCU");
  ChainAnswer of_span = SampleAnswer();
  of_span.wait.reset();
  EXPECT_TRUE(nlohmann::json::parse(ChainJson(of_span))["wait"].is_null());
}

}  // namespace
}  // namespace wakewatch

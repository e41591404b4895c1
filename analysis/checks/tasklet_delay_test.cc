#include "analysis/checks/tasklet_delay.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr auto kRaise = EventType::kSoftirqRaise, kEntry = EventType::kSoftirqEntry, kExit = EventType::kSoftirqExit;
constexpr auto kIn = EventType::kTaskletEntry, kOut = EventType::kTaskletExit;
constexpr uint32_t kVec = 6;
constexpr uint64_t kSlow = 0x100, kProbe = 0x200;  // tasklets; their functions are the same numbers

// A first run, behind which every raise has been seen.
Script Begin() {
  return Script().On(0).Softirq(1, kRaise, kVec, 5).Softirq(2, kEntry, kVec, 5).Softirq(3, kExit, kVec, 5);
}

struct Story {
  const char* name;
  Script script;
  const char* told;
  uint64_t waits;  // measured
};

TEST(TaskletDelay, Stories) {
  const Story stories[] = {
      {"two in one run: the second waits for the first, from its own raise",
       Begin()
           .Softirq(10, kRaise, kVec, 5)
           .Softirq(20, kRaise, kVec, 5)
           .Softirq(30, kEntry, kVec, 5)
           .Tasklet(31, kIn, kSlow, kSlow, 5)
           .Tasklet(190, kOut, kSlow, kSlow, 5)
           .Tasklet(191, kIn, kProbe, kProbe, 5)
           .Tasklet(192, kOut, kProbe, kProbe, 5)
           .Softirq(193, kExit, kVec, 5),
       "softirq 5 20..191; ", 2},
      {"raised while the run goes on: it is for the next",
       Begin()
           .Softirq(10, kRaise, kVec, 5)
           .Softirq(30, kEntry, kVec, 5)
           .Tasklet(31, kIn, kSlow, kSlow, 5)
           .Softirq(40, kRaise, kVec, 5)
           .Tasklet(190, kOut, kSlow, kSlow, 5)
           .Softirq(191, kExit, kVec, 5)
           .Softirq(192, kEntry, kVec, 5)
           .Tasklet(193, kIn, kProbe, kProbe, 5)
           .Tasklet(194, kOut, kProbe, kProbe, 5)
           .Softirq(195, kExit, kVec, 5),
       "softirq 5 40..193; ", 2},
      {"one was disabled and put back: which raise is whose cannot be told",
       Begin()
           .Softirq(10, kRaise, kVec, 5)
           .Softirq(20, kRaise, kVec, 5)
           .Softirq(30, kEntry, kVec, 5)
           .Tasklet(191, kIn, kProbe, kProbe, 5)
           .Tasklet(192, kOut, kProbe, kProbe, 5)
           .Softirq(193, kExit, kVec, 5),
       "", 0},
      {"the trace begins behind a raise that was not seen",
       Script()
           .On(0)
           .Softirq(10, kRaise, kVec, 5)
           .Softirq(30, kEntry, kVec, 5)
           .Tasklet(191, kIn, kProbe, kProbe, 5)
           .Tasklet(192, kOut, kProbe, kProbe, 5)
           .Softirq(193, kExit, kVec, 5),
       "", 0},
      {"a gap between raise and run",
       Begin()
           .Softirq(10, kRaise, kVec, 5)
           .Gap(11, 25)
           .Softirq(30, kEntry, kVec, 5)
           .Tasklet(191, kIn, kProbe, kProbe, 5)
           .Tasklet(192, kOut, kProbe, kProbe, 5)
           .Softirq(193, kExit, kVec, 5),
       "", 0},
  };
  for (const Story& story : stories) {
    CheckRun run(TaskletDelay::kInfo);
    run.Play(story.script);
    EXPECT_EQ(story.told, run.Told()) << story.name;
    uint64_t waits = 0;
    for (const TaskletSummary& row : run.summaries().tasklets) waits += row.raise_to_entry_ns.n();
    EXPECT_EQ(story.waits, waits) << story.name;
  }
}

TEST(TaskletDelay, NamesWhatItWaitedBehind) {
  CheckRun run(TaskletDelay::kInfo);
  run.input().names().Add(kSlow, "slow_fn");
  run.input().names().Add(kProbe, "probe_fn");
  run.Play(Begin()
               .Softirq(10, kRaise, kVec, 5)
               .Softirq(20, kRaise, kVec, 5)
               .Softirq(30, kEntry, kVec, 5)
               .Tasklet(31, kIn, kSlow, kSlow, 5)
               .Tasklet(190, kOut, kSlow, kSlow, 5)
               .Tasklet(191, kIn, kProbe, kProbe, 5)
               .Tasklet(192, kOut, kProbe, kProbe, 5)
               .Softirq(193, kExit, kVec, 5));
  ASSERT_EQ(1u, run.findings().size());
  EXPECT_NE(std::string::npos, run.findings()[0].explanation.find("behind tasklet slow_fn"));
  ASSERT_EQ(2u, run.summaries().tasklets.size());
  EXPECT_EQ("slow_fn", run.summaries().tasklets[0].function);
  EXPECT_EQ(159u, run.summaries().tasklets[0].run_ns.max());
}

}  // namespace
}  // namespace wakewatch

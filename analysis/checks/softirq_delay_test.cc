#include "analysis/checks/softirq_delay.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr auto kRaise = EventType::kSoftirqRaise, kEntry = EventType::kSoftirqEntry, kExit = EventType::kSoftirqExit;
constexpr uint32_t kTimer = 1, kNetRx = 3, kSched = 7;

struct Story {
  const char* name;
  Script script;
  const char* told;  // findings
  const char* row;   // "NET_RX n=1 max=50 entries=1 ksoftirqd=0 censored=0 voided=0; "
};

std::string Rows(const CheckRun& run) {
  std::string rows;
  for (const SoftirqSummary& row : run.summaries().softirq) {
    rows += row.vector + " n=" + std::to_string(row.raise_to_entry_ns.n()) +
            " max=" + std::to_string(row.raise_to_entry_ns.max()) + " entries=" + std::to_string(row.entries) +
            " ksoftirqd=" + std::to_string(row.in_ksoftirqd) + " censored=" + std::to_string(row.censored) +
            " voided=" + std::to_string(row.voided) + "; ";
  }
  return rows;
}

TEST(SoftirqDelay, Stories) {
  const Story stories[] = {
      {"raised and entered",
       Script().On(0, kFlagHardirq).Softirq(10, kRaise, kNetRx, 5).On(0, kFlagSoftirq).Softirq(60, kEntry, kNetRx, 5),
       "", "NET_RX n=1 max=50 entries=1 ksoftirqd=0 censored=0 voided=0; "},
      {"later raises join the first",
       Script().Softirq(10, kRaise, kNetRx, 5).Softirq(40, kRaise, kNetRx, 5).Softirq(60, kEntry, kNetRx, 5), "",
       "NET_RX n=1 max=50 entries=1 ksoftirqd=0 censored=0 voided=0; "},
      {"each CPU has its own", Script().On(0).Softirq(10, kRaise, kNetRx, 5).On(1).Softirq(60, kEntry, kNetRx, 6), "",
       "NET_RX n=0 max=0 entries=1 ksoftirqd=0 censored=1 voided=0; "},
      {"raised again while the run that took it has not come to it: that raise is for the next run",
       Script()
           .On(0, kFlagSoftirq)
           .Softirq(10, kRaise, kTimer, 5)
           .Softirq(11, kRaise, kSched, 5)
           .Softirq(20, kEntry, kTimer, 5)
           .Softirq(25, kRaise, kSched, 5)
           .Softirq(26, kExit, kTimer, 5)
           .Softirq(30, kEntry, kSched, 5)
           .Softirq(31, kExit, kSched, 5)
           .Softirq(40, kEntry, kSched, 5),
       "",
       "TIMER n=1 max=10 entries=1 ksoftirqd=0 censored=0 voided=0; "
       "SCHED n=2 max=19 entries=2 ksoftirqd=0 censored=0 voided=0; "},
      {"late, behind another vector's handler",
       Script()
           .On(0)
           .Switch(5, 0, 0, 5)
           .On(0, kFlagSoftirq)
           .Softirq(10, kEntry, kTimer, 5)
           .Softirq(11, kRaise, kNetRx, 5)
           .Softirq(190, kExit, kTimer, 5)
           .Softirq(200, kEntry, kNetRx, 5),
       "softirq 5 11..200; ",
       "TIMER n=0 max=0 entries=1 ksoftirqd=0 censored=0 voided=0; "
       "NET_RX n=1 max=189 entries=1 ksoftirqd=0 censored=0 voided=0; "},
      {"a gap on its CPU", Script().On(0).Softirq(10, kRaise, kNetRx, 5).Gap(20, 30).Softirq(400, kEntry, kNetRx, 5),
       "", "NET_RX n=0 max=0 entries=1 ksoftirqd=0 censored=0 voided=1; "},
      {"a gap on another CPU does not matter: both ends are here",
       Script().On(0).Softirq(10, kRaise, kNetRx, 5).On(1).Gap(20, 30).On(0).Softirq(60, kEntry, kNetRx, 5), "",
       "NET_RX n=1 max=50 entries=1 ksoftirqd=0 censored=0 voided=0; "},
      {"a vector that no kernel has", Script().Softirq(10, kRaise, 4'000'000'000u, 5), "", ""},
  };
  for (const Story& story : stories) {
    CheckRun run(SoftirqDelay::kInfo);
    run.Play(story.script);
    EXPECT_EQ(story.told, run.Told()) << story.name;
    EXPECT_EQ(story.row, Rows(run)) << story.name;
  }
}

// Task 21 is ksoftirqd/0 and on the CPU in each of these; where the softirq runs depends on what came before it.
TEST(SoftirqDelay, PlaceOfTheRun) {
  Script own, exit, inside;
  own.On(0).Switch(5, 0, 0, 21).On(0, kFlagSoftirq).Softirq(20, kEntry, kNetRx, 21);
  exit.On(0).Switch(5, 0, 0, 21).On(0, kFlagHardirq).Softirq(10, kRaise, kTimer, 21);
  exit.On(0, kFlagSoftirq).Softirq(20, kEntry, kTimer, 21);
  // An interrupt on top of ksoftirqd's run: its exit starts none, and the run goes on in ksoftirqd.
  inside.On(0).Switch(5, 0, 0, 21).On(0, kFlagSoftirq).Softirq(20, kEntry, kTimer, 21).Softirq(21, kExit, kTimer, 21);
  inside.On(0, kFlagSoftirq | kFlagHardirq).Softirq(22, kRaise, kNetRx, 21);
  inside.On(0, kFlagSoftirq).Softirq(30, kEntry, kNetRx, 21);
  const struct {
    const char* name;
    const Script& script;
    uint64_t in_ksoftirqd;
  } rows[] = {{"ksoftirqd's own run", own, 1}, {"an interrupt's exit", exit, 0}, {"interrupted, goes on", inside, 2}};
  for (const auto& row : rows) {
    CheckRun run(SoftirqDelay::kInfo);
    run.input().AddThread(21, "ksoftirqd/0", kPfKthreadFlag);
    run.Play(row.script);
    uint64_t in_ksoftirqd = 0;
    for (const SoftirqSummary& summary : run.summaries().softirq) in_ksoftirqd += summary.in_ksoftirqd;
    EXPECT_EQ(row.in_ksoftirqd, in_ksoftirqd) << row.name;
  }
}

}  // namespace
}  // namespace wakewatch

#include "analysis/checks/work_conservation.h"

#include <gtest/gtest.h>

#include "analysis/checks/check_test_support.h"

namespace wakewatch {
namespace {

constexpr int32_t kHog = 8, kWorker = 7;

// The worker may run on `affinity` and is woken at 100 on CPU 1, where the hog runs until `in_ns`; CPU 0 is idle.
std::vector<Finding> Waited(const char* affinity, uint32_t flags, uint64_t in_ns) {
  CheckRun run(WorkConservation::kInfo);
  run.options().conservation_span_ns = 50;
  run.options().latency_threshold_ns = 50;
  run.input().AddThread(kWorker, "kworker/u8:3", flags, 0, affinity);
  run.Play(Script()
               .On(0)
               .Switch(5, 9, kSleepS, 0)
               .On(1)
               .Switch(10, kWorker, kSleepS, kHog)
               .Waking(100, kHog, kWorker, 1)
               .Wakeup(101, kHog, kWorker, 1)
               .Switch(in_ns, kHog, kSleepS, kWorker)
               .On(0)
               .Switch(in_ns + 1, 0, 0, 9));
  return run.findings();
}

TEST(WorkConservation, AnIdleCpuThatAWaitingThreadMayRunOn) {
  const std::vector<Finding> findings = Waited("0-1", kPfKthreadFlag, 300);
  ASSERT_EQ(1u, findings.size());
  const Finding& finding = findings.front();
  EXPECT_EQ(100u, finding.start_ns);
  EXPECT_EQ(300u, finding.end_ns);
  EXPECT_EQ("pile-up", finding.cls);
  EXPECT_NE(std::string::npos, finding.explanation.find("CPU 0")) << finding.explanation;
  EXPECT_NE(std::string::npos, finding.explanation.find("(pid 8)")) << finding.explanation;
}

TEST(WorkConservation, SaysNothing) {
  EXPECT_TRUE(Waited("0-1", kPfKthreadFlag, 149).empty()) << "of a shorter span";
  EXPECT_TRUE(Waited("1", kPfKthreadFlag, 300).empty()) << "of a CPU that it may not run on";
  EXPECT_TRUE(Waited("", kPfKthreadFlag, 300).empty()) << "where it may run is not known";
  EXPECT_TRUE(Waited("0-1", 0x40, 300).empty()) << "of a user task, which a bandwidth limit may hold back";
}

// Another waiting task of its rank takes the one idle CPU in the count.
TEST(WorkConservation, TwoThatWaitAndOneIdleCpu) {
  CheckRun run(WorkConservation::kInfo);
  run.options().conservation_span_ns = 50;
  for (const int32_t pid : {7, 6}) run.input().AddThread(pid, "kworker/u8:3", kPfKthreadFlag, 0, "0-1");
  run.Play(Script()
               .On(0)
               .Switch(5, 9, kSleepS, 0)
               .On(1)
               .Switch(8, 6, kSleepS, 7)
               .Switch(10, 7, kSleepS, kHog)
               .Waking(100, kHog, 7, 1)
               .Wakeup(101, kHog, 7, 1)
               .Waking(102, kHog, 6, 1)
               .Wakeup(103, kHog, 6, 1)
               .Switch(300, kHog, kSleepS, 7)
               .Switch(340, 7, kSleepS, 6));
  EXPECT_EQ("", run.Told());
}

// An event by a task that no switch brought there: the CPU is not idle, whatever the last switch said.
TEST(WorkConservation, ACpuWhoseSwitchIsMissingIsNotIdle) {
  CheckRun run(WorkConservation::kInfo);
  run.options().conservation_span_ns = 50;
  run.input().AddThread(kWorker, "kworker/u8:3", kPfKthreadFlag, 0, "0-1");
  run.Play(Script()
               .On(0)
               .Switch(5, 9, kSleepS, 0)
               .Tick(90, 1, 9)
               .On(1)
               .Switch(10, kWorker, kSleepS, kHog)
               .Waking(100, kHog, kWorker, 1)
               .Wakeup(101, kHog, kWorker, 1)
               .Switch(300, kHog, kSleepS, kWorker));
  EXPECT_EQ("", run.Told());
}

}  // namespace
}  // namespace wakewatch

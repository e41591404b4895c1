#include "analysis/report/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "analysis/report/engine_test_support.h"

namespace wakewatch {
namespace {

using engine_test::Json;
using engine_test::MadeUpRun;
using engine_test::MakeEngine;
using engine_test::Push;
using engine_test::TightOptions;
using ::testing::SizeIs;

std::vector<std::string> Texts(std::vector<Finding> findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(FindingJson(finding));
  std::sort(texts.begin(), texts.end());
  return texts;
}

TEST(Engine, ASnapshotChangesNothing) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    const MadeUpRun run(seed, 4000);
    const auto straight = MakeEngine(run.input(), TightOptions(false));
    const auto watched = MakeEngine(run.input(), TightOptions(false));
    for (size_t i = 0; i < run.events().size(); ++i) {
      straight->Push(run.events()[i]);
      watched->Push(run.events()[i]);
      if (i % 97 == 0) (void)watched->Snapshot({});
    }
    EXPECT_EQ(Json(watched->Finish({})), Json(straight->Finish({})));
  }
}

TEST(Engine, ASnapshotIsWhatFinishSaysLessItsFindings) {
  const MadeUpRun run(4, 3000);
  const auto engine = MakeEngine(run.input(), TightOptions(false));
  Push(run.events(), 0, run.events().size(), engine.get());
  Report snapshot = engine->Snapshot({});
  Report report = engine->Finish({});
  EXPECT_THAT(snapshot.findings, SizeIs(0));
  ASSERT_EQ(snapshot.obligations.size(), report.obligations.size());
  for (size_t i = 0; i < report.obligations.size(); ++i) {
    const ObligationSummary &now = snapshot.obligations[i], &then = report.obligations[i];
    EXPECT_EQ(now.opened, then.opened);
    EXPECT_EQ(now.censored, 0u);
    EXPECT_EQ(now.open, then.censored + (then.unlearned - now.unlearned) + (then.expired - now.expired)) << now.cls;
  }
  snapshot.obligations = report.obligations;
  EXPECT_GT(report.findings.size(), 50u) << "the run is too dull to tell anything";
  report.findings.clear();
  EXPECT_EQ(Json(snapshot), Json(report));
}

TEST(Engine, FindingsThatAreTakenAreAllOfThem) {
  const MadeUpRun run(5, 6000);
  const auto straight = MakeEngine(run.input(), TightOptions(false));
  Push(run.events(), 0, run.events().size(), straight.get());
  const std::vector<std::string> all = Texts(straight->Finish({}).findings);

  EngineOptions options = TightOptions(true);
  options.findings_max = 100;
  const auto live = MakeEngine(run.input(), options);
  std::vector<Finding> taken;
  const auto take = [&](std::vector<Finding> findings) {
    EXPECT_TRUE(std::is_sorted(findings.begin(), findings.end(),
                               [](const Finding& a, const Finding& b) { return a.start_ns < b.start_ns; }));
    taken.insert(taken.end(), findings.begin(), findings.end());
  };
  for (size_t i = 0; i < run.events().size(); ++i) {
    live->Push(run.events()[i]);
    if (i % 50 == 0) take(live->TakeFindings());
  }
  EXPECT_GT(taken.size(), options.findings_max);
  take(live->TakeFindings());
  EXPECT_THAT(live->TakeFindings(), SizeIs(0));
  take(live->Finish({}).findings);
  EXPECT_EQ(Texts(taken), all);
}

// A live run forgets the dead, learns of tasks while it runs, and still says what an offline run says.
TEST(Engine, ALiveRunFindsWhatAnOfflineRunFinds) {
  size_t retired = 0;
  for (uint32_t seed = 10; seed < 30; ++seed) {
    const MadeUpRun run(seed, 5000);
    const auto offline = MakeEngine(run.input(), TightOptions(false));
    Push(run.events(), 0, run.events().size(), offline.get());
    const Report want = offline->Finish({});

    ScriptInput input;
    for (const auto& [address, name] : run.input().symbols().exact()) input.names().Add(address, name);
    const auto live = MakeEngine(input, TightOptions(true));
    std::vector<ThreadInfo> infos(run.input().metadata().threads.all().begin(),
                                  run.input().metadata().threads.all().end());
    std::stable_sort(infos.begin(), infos.end(),
                     [](const ThreadInfo& a, const ThreadInfo& b) { return a.first_seen_ns < b.first_seen_ns; });
    size_t next = 0;
    for (size_t i = 0; i < run.events().size(); ++i) {
      const Event& event = run.events()[i];
      // A batch says what it knows up to some 500 ns behind the event at hand.
      for (; next < infos.size() && infos[next].first_seen_ns <= event.ts_ns + 500; ++next) {
        input.meta().threads.Add(infos[next]);
      }
      live->Push(event);
      if (i % 100 == 0) input.meta().threads.Drop();
    }
    const Report got = live->Finish({});
    EXPECT_EQ(Texts(got.findings), Texts(want.findings)) << "seed " << seed;
    EXPECT_EQ(got.events, want.events);
    uint64_t wakeups = got.anomalies.Of(Anomaly::kWakeupsRetired), wanted = 0;
    for (const ThreadSummary& thread : got.threads) wakeups += thread.wakeups;
    for (const ThreadSummary& thread : want.threads) wanted += thread.wakeups;
    EXPECT_EQ(wakeups, wanted) << "nothing vanishes";
    retired += got.anomalies.Of(Anomaly::kTasksRetired);
  }
  EXPECT_GT(retired, 100u) << "too few have died to tell anything";
}

// A host makes kernel threads for as long as it runs, and whoever follows it must not grow with them.
TEST(Engine, ALiveRunStopsGrowingWithTheKernelThreadsThatDie) {
  constexpr int32_t kDeaths = 3000;
  constexpr size_t kKept = 1100;  // the newest thousand, those of the last ten seconds, kthreadd
  Script script;
  std::vector<size_t> events;  // behind each death
  uint64_t ns = 1000;
  for (int32_t pid = 100; pid < 100 + kDeaths; ++pid, ns += kDeadNamedNs / 10) {
    script.Switch(ns, 0, 0, 2).Fork(ns + 100, 2, pid).WakeupNew(ns + 200, 2, pid, 0).Switch(ns + 300, 2, kSleepS, pid);
    script.Switch(ns + 400, pid, kSleepS, 0).Waking(ns + 500, 0, pid, 0).Wakeup(ns + 600, 0, pid, 0);
    script.Switch(ns + 900, 0, 0, pid).Switch(ns + 1000, pid, kZombie, 0);
    events.push_back(script.events().size());
  }
  const ScriptInput input;
  const auto live = MakeEngine(input, TightOptions(true)), offline = MakeEngine(input, TightOptions(false));
  Push(script.events(), 0, events[kDeaths / 2], live.get());
  (void)live->TakeFindings();
  const size_t state_bytes = live->Save().size();
  Push(script.events(), events[kDeaths / 2], events.back(), live.get());
  (void)live->TakeFindings();
  EXPECT_LT(live->Save().size(), state_bytes + state_bytes / 10);
  const Report report = live->Snapshot({});
  EXPECT_LT(report.threads.size(), kKept);
  EXPECT_EQ(report.threads.back().pid, 99 + kDeaths) << "the newest are kept";
  Push(script.events(), 0, events.back(), offline.get());
  const Report all = offline->Snapshot({});
  EXPECT_GT(all.threads.size(), size_t{kDeaths});
  EXPECT_EQ(report.threads.size() + report.anomalies.Of(Anomaly::kTasksRetired), all.threads.size());
}

TEST(Engine, ALiveRunKeepsTheNewestGapsAndCountsAll) {
  Script script;
  for (uint64_t i = 1; i <= 12'000; ++i) script.Gap(i * 10, i * 10 + 5, 2);
  for (const bool live : {false, true}) {
    const ScriptInput input;
    const auto engine = MakeEngine(input, TightOptions(live));
    Push(script.events(), 0, script.events().size(), engine.get());
    const Report report = engine->Finish({});
    ASSERT_THAT(report.per_cpu, SizeIs(1));
    EXPECT_EQ(report.per_cpu[0].gaps, 12'000u);
    EXPECT_EQ(report.lost_events, 24'000u);
    EXPECT_THAT(report.gaps, SizeIs(live ? 10'000 : 12'000));
    EXPECT_EQ(report.gaps.back().start_ns, 120'000u);
  }
}

TEST(Engine, WhereEveryLossIsMarkedStatisticsCountAtTheEndOnly) {
  struct Row {
    bool loss_marked;
    uint64_t overrun, snapshot, finish;
  };
  for (const Row& row : {Row{false, 9, 9, 9}, Row{true, 9, 2, 9}, Row{true, 1, 2, 2}}) {
    ScriptInput input;
    input.meta().loss_marked = row.loss_marked;
    input.meta().stats.push_back({.cpu = 0, .overrun = row.overrun});
    const auto engine = MakeEngine(input, TightOptions(true));
    const Script script = Script().Switch(10, 7, kSleepS, 0).Gap(20, 30, 2);
    Push(script.events(), 0, 2, engine.get());
    EXPECT_EQ(engine->Snapshot({}).lost_events, row.snapshot);
    EXPECT_EQ(engine->Finish({}).lost_events, row.finish);
  }
}

}  // namespace
}  // namespace wakewatch

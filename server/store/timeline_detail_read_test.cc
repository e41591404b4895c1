#include "server/store/timeline_detail_read.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "analysis/model/model_test_support.h"
#include "analysis/report/timeline_detail_test_support.h"
#include "server/store/timeline_query.h"
#include "server/store/timeline_test_support.h"

namespace wakewatch {
namespace {

using detail_test::TextOf;
using store_test::BatchOf;
using store_test::Folder;
using store_test::MakeRecording;
using store_test::TimelineFormats;

std::string Store(const Folder& folder, const Script& script, size_t chunk_events) {
  const std::string path = folder.File("recording.db");
  std::map<uint32_t, uint64_t> open_gaps_ns;
  MakeRecording(path, {BatchOf(TimelineFormats(), script.events(), chunk_events, &open_gaps_ns)});
  return path;
}

Result<TimelineDetail> Ask(const std::string& path, TimelineDetailQuestion question) {
  auto query = TimelineQuery::Open({{path}});
  if (!query) return Fail(query.error());
  return (*query)->Detail(question);
}

TimelineDetailQuestion Span(uint64_t start_ns, uint64_t end_ns, std::vector<int32_t> pids = {}) {
  TimelineDetailQuestion question;
  question.start_ns = start_ns;
  question.end_ns = end_ns;
  question.pids = std::move(pids);
  return question;
}

// Task 7 sleeps from 1 ms on, and is woken at 900 ms; the CPU is busy with others, every 2 ms.
Script LongSleep() {
  Script script;
  script.On(0).Waking(500'000, 5, 6, 0).Switch(600'000, 5, kSleepS, 7).Switch(1'000'000, 7, kSleepD, 5);
  for (uint64_t ns = 2'000'000; ns < 900'000'000; ns += 2'000'000) {
    script.Switch(ns, 5, kRunnable, 6).Switch(ns + 1'000'000, 6, kRunnable, 5);
  }
  script.Waking(900'000'000, 5, 7, 0).Switch(900'100'000, 5, kRunnable, 7);
  return script;
}

TEST(TimelineDetailRead, LooksBackForTheLastSwitchOfATaskAsFarAsIsAllowed) {
  const Folder folder;
  // In eight chunks there is the task's switch away.
  const std::string near = Store(folder, LongSleep(), 130);
  auto detail = Ask(near, Span(850'000'000, 950'000'000, {7, 99}));
  ASSERT_TRUE(detail) << detail.error().Text();
  EXPECT_EQ(TextOf(detail->lanes[0]),
            "blocked 0 [850000000, 900000000) runnable 0 [900000000, 900100000) running 0 [900100000, 900100001) "
            "unknown 0 [900100001, 950000000)");
  EXPECT_EQ(TextOf(detail->lanes[1]), "unknown 0 [850000000, 950000000)");
  EXPECT_EQ(detail->lanes[0].comm, "task-7");
  // In eight small ones there is not.
  const Folder other;
  const std::string far = Store(other, LongSleep(), 10);
  detail = Ask(far, Span(850'000'000, 950'000'000, {7}));
  ASSERT_TRUE(detail) << detail.error().Text();
  EXPECT_EQ(TextOf(detail->lanes[0]),
            "unknown 0 [850000000, 900000000) runnable 0 [900000000, 900100000) running 0 [900100000, 900100001) "
            "unknown 0 [900100001, 950000000)");
}

TEST(TimelineDetailRead, AChunkThatCannotBeReadIsAGap) {
  Script script;
  script.On(0);
  for (uint64_t ns = 1000; ns < 9000; ns += 1000) script.Switch(ns, 5, kRunnable, 6).Switch(ns + 500, 6, kSleepS, 5);
  script.Waking(9000, 5, 6, 0);
  const Folder folder;
  const std::string path = Store(folder, script, 4);
  const auto before = Ask(path, Span(1000, 9000, {6}));
  ASSERT_TRUE(before) << before.error().Text();
  EXPECT_EQ(before->lanes[0].spans.size(), 16u);
  {
    const auto db = Database::Open(path, Database::Mode::kWrite);
    ASSERT_TRUE(db);
    ASSERT_TRUE(db->Exec("UPDATE chunk SET bytes = x'00' WHERE first_event_no = 4"));
  }
  const auto after = Ask(path, Span(2000, 6000, {6}));
  ASSERT_TRUE(after) << after.error().Text();
  // The switch to it that is known to be the first behind the gap says that nothing was known.
  EXPECT_EQ(TextOf(after->lanes[0]),
            "running 0 [2000, 2500) unknown 0 [2500, 5000) running 0 [5000, 5500) unknown 0 [5500, 6000)");
  // Nor is the task's sleep joined across it by looking back.
  const auto behind = Ask(path, Span(4600, 4900, {6}));
  ASSERT_TRUE(behind) << behind.error().Text();
  EXPECT_EQ(TextOf(behind->lanes[0]), "unknown 0 [4600, 4900)");
}

TEST(TimelineDetailRead, RefusesWhatMakesNoSense) {
  const Folder folder;
  const std::string path = Store(folder, LongSleep(), 100);
  for (const auto& question : {Span(5, 5), Span(6, 5), Span(0, 0), Span(UINT64_MAX - 1, UINT64_MAX), Span(1, 9, {0}),
                               Span(1, 9, {-7}), Span(1, 9, std::vector<int32_t>(65, 1))}) {
    const auto answer = Ask(path, question);
    ASSERT_FALSE(answer) << question.start_ns;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  }
  auto late = Span(1, 900'000'000);
  late.deadline = std::chrono::steady_clock::now();
  const auto answer = Ask(path, late);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kDeadline);
  const auto missing = Ask(folder.File("none.db"), Span(1, 9));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().file, folder.File("none.db"));
}

TEST(TimelineDetailRead, TimesWithoutEvents) {
  const Folder folder;
  const std::string path = Store(folder, LongSleep(), 100);
  const auto before = Ask(path, Span(1, 400'000, {7}));
  ASSERT_TRUE(before) << before.error().Text();
  EXPECT_EQ(TextOf(before->lanes[0]), "unknown 0 [1, 400000)");
  const auto behind = Ask(path, Span(2'000'000'000, UINT64_MAX, {7}));
  ASSERT_TRUE(behind) << behind.error().Text();
  EXPECT_EQ(behind->lanes[0].spans.size(), 1u);
  EXPECT_EQ(behind->lanes[0].spans[0].state, LaneState::kUnknown);
  EXPECT_TRUE(behind->wakeups.empty());
}

TEST(TimelineDetailRead, ASpanWithMoreThanCanBeReadHasNothing) {
  // A chunk costs something even if it holds one event.
  Script script;
  script.On(0);
  for (uint64_t i = 0; i < 2100; ++i)
    script.Switch(1000 + i * 1'000'000, 5, kRunnable, 6).Waking(2000 + i * 1'000'000, 6, 7, 0);
  const Folder folder;
  const std::string path = Store(folder, script, 1);
  const auto whole = Ask(path, Span(1, 3'000'000'000, {6}));
  ASSERT_TRUE(whole) << whole.error().Text();
  EXPECT_TRUE(whole->activities_too_many);
  EXPECT_TRUE(whole->wakeups_too_many);
  EXPECT_TRUE(whole->spans_too_many);
  ASSERT_EQ(whole->lanes.size(), 1u);
  EXPECT_TRUE(whole->lanes[0].spans.empty());
  const auto part = Ask(path, Span(1, 100'000'000, {6}));
  ASSERT_TRUE(part) << part.error().Text();
  EXPECT_FALSE(part->wakeups_too_many);
  EXPECT_EQ(part->wakeups.size(), 100u);
}

TEST(TimelineDetailRead, NamesWhoWoke) {
  Script script;
  script.On(0)
      .Switch(1000, 0, kRunnable, 5)
      .Waking(1500, 5, 7, 0)
      .Switch(2000, 5, kSleepS, 0)
      .On(0, kFlagHardirq)
      .Waking(2500, 0, 7, 0);
  const Folder folder;
  const auto detail = Ask(Store(folder, script, 100), Span(1, 3000));
  ASSERT_TRUE(detail) << detail.error().Text();
  ASSERT_EQ(detail->wakeups.size(), 2u);
  EXPECT_EQ(detail->wakeups[0].waker_comm, "task-5");
  EXPECT_EQ(detail->wakeups[1].waker_comm, "swapper/0");
  EXPECT_EQ(detail->wakeups[1].context, WakeContext::kHardirq);
}

}  // namespace
}  // namespace wakewatch

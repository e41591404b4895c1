#include "server/live/live_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "analysis/report/report_json.h"
#include "analysis/report/wait_test_support.h"
#include "server/live/pipeline.h"
#include "server/store/session_test_support.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;
using testing::IsEmpty;
using testing::Not;

using Lines = std::vector<std::string>;

constexpr size_t kSlices = 30;

// What a session came to.
struct Outcome {
  std::string folder;
  Lines findings, waits;
  Report report;
};

class LiveSessionTest : public testing::Test {
 protected:
  std::unique_ptr<LiveSession> Open(const std::string& data, const LiveOptions& options = {}) {
    auto live = LiveSession::Open(folder_.File(data), store_test::MakeSession(), &sets_, options);
    EXPECT_TRUE(live) << TextOf(live);
    return live ? std::move(*live) : nullptr;
  }

  // `after` a batch may put another session in the place of this one.
  Outcome Stream(const std::string& data, const std::vector<Batch>& batches,
                 const std::function<void(size_t at, std::unique_ptr<LiveSession>* live)>& after = {}) {
    auto live = Open(data);
    for (size_t at = 0; at < batches.size(); ++at) {
      const auto stored = live->Store({batches[at]});
      EXPECT_TRUE(stored) << TextOf(stored);
      EXPECT_THAT(stored->refused, IsEmpty());
      EXPECT_TRUE(live->Analyse());
      if (after) after(at, &live);
    }
    EXPECT_TRUE(live->End());
    Outcome outcome{live->folder(), {}, {}, live->Snapshot()};
    live.reset();
    outcome.findings = StoredFindings(outcome.folder);
    outcome.waits = WaitsIn(Parts(outcome.folder));
    return outcome;
  }

  static Lines StoredFindings(const std::string& folder) {
    Lines lines;
    for (const std::string& part : Parts(folder)) {
      auto db = Database::Open(part, Database::Mode::kRead);
      EXPECT_TRUE(db) << TextOf(db);
      auto rows = db->Prepare("SELECT id FROM finding ORDER BY id");
      EXPECT_TRUE(rows) << TextOf(rows);
      while (*rows->Step()) lines.emplace_back(rows->Text(0));
    }
    return lines;
  }

  static Lines WaitsIn(const std::vector<std::string>& parts, std::span<const WaitChunk> tail = {}) {
    auto stored = StoredWaits::Open(parts);
    EXPECT_TRUE(stored) << TextOf(stored);
    Lines lines;
    EXPECT_TRUE(stored->Read(tail, {}, {}, [&](const MeasuredWait& wait) { lines.push_back(wait_test::Line(wait)); }));
    return lines;
  }

  // There are thousands of waits; what is worth seeing is where they part.
  static std::string FirstDifference(const Lines& got, const Lines& wanted) {
    for (size_t i = 0; i < std::max(got.size(), wanted.size()); ++i) {
      const std::string a = i < got.size() ? got[i] : "nothing", b = i < wanted.size() ? wanted[i] : "nothing";
      if (a != b) return std::to_string(i) + ": got " + a + ", wanted " + b;
    }
    return {};
  }

  static Lines OfflineFindings(const std::string& folder) {
    const auto input = OpenRecording(folder);
    EXPECT_TRUE(input) << TextOf(input);
    const auto report = AnalyseTrace(**input, {}, {});
    EXPECT_TRUE(report) << TextOf(report);
    Lines lines;
    for (const Finding& finding : report->findings) lines.push_back(finding.id);
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  static void ExpectSame(const Outcome& got, const Outcome& wanted) {
    EXPECT_EQ(got.findings, wanted.findings);
    EXPECT_EQ(got.report.events, wanted.report.events);
    EXPECT_EQ(got.report.lost_events, wanted.report.lost_events);
    EXPECT_EQ(got.report.lost_unknown, wanted.report.lost_unknown);
    EXPECT_EQ(got.report.gaps.size(), wanted.report.gaps.size());
  }

  static void Exec(const std::string& folder, const char* sql) {
    auto db = Database::Open(Parts(folder).back(), Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    const auto status = db->Exec(sql);
    ASSERT_TRUE(status) << TextOf(status);
  }

  Folder folder_;
  FormatSets sets_;
  store_test::LiveTrace trace_;
};

TEST_F(LiveSessionTest, GapsAreTheSameWhereverTheServerCrashes) {
  const auto batches = trace_.Batches(kSlices);
  const Outcome whole = Stream("whole", batches);
  EXPECT_THAT(whole.findings, Not(IsEmpty()));
  EXPECT_THAT(whole.waits, Not(IsEmpty()));
  EXPECT_GT(whole.report.lost_events, 0u);
  // The checkpoint is of the last batch, of the one before, or there is none.
  for (const size_t checkpoint : {size_t{0}, size_t{1}, kSlices}) {
    for (size_t crash = 0; crash < kSlices; ++crash) {
      const std::string data = std::to_string(crash) + "-" + std::to_string(checkpoint);
      SCOPED_TRACE(data);
      const Outcome crashed = Stream(data, batches, [&](size_t at, std::unique_ptr<LiveSession>* live) {
        if (at + checkpoint == crash) EXPECT_TRUE((*live)->Flush(true));
        if (at != crash) return;
        live->reset();
        *live = Open(data);
        EXPECT_EQ((*live)->committed_sequence(), at + 1);
      });
      ExpectSame(crashed, whole);
      if (checkpoint <= crash) EXPECT_EQ(FirstDifference(crashed.waits, whole.waits), "");
      if (HasFailure()) return;
    }
  }
}

TEST_F(LiveSessionTest, ResumingGoesOnFromTheCheckpoint) {
  const auto batches = trace_.Batches(kSlices);
  const Outcome whole = Stream("whole", batches);
  const auto crash = [&](const std::string& data, const char* damage) {
    return Stream(data, batches, [&, damage](size_t at, std::unique_ptr<LiveSession>* live) {
      if (at != kSlices / 2) return;
      ASSERT_TRUE((*live)->Flush(true));
      const std::string folder = (*live)->folder();
      live->reset();
      Exec(folder, damage);
      *live = Open(data);
    });
  };
  // The chunks of the first batches cannot be read any more: a session that does not read them does not notice.
  const char* const unread = "UPDATE chunk SET bytes = zeroblob(length(bytes)) WHERE sequence <= 8";
  const Outcome resumed = crash("resumed", unread);
  ExpectSame(resumed, whole);
  EXPECT_EQ(FirstDifference(resumed.waits, whole.waits), "");
  // Without its checkpoint it reads all, and does.
  const Outcome replayed =
      crash("replayed", "UPDATE chunk SET bytes = zeroblob(length(bytes)) WHERE sequence <= 8; DELETE FROM checkpoint");
  EXPECT_LT(replayed.report.events, whole.report.events);
}

TEST_F(LiveSessionTest, ADamagedCheckpointCostsTimeOnly) {
  const auto batches = trace_.Batches(kSlices);
  const Outcome whole = Stream("whole", batches);
  const char* const rows[] = {
      "DELETE FROM checkpoint",
      "UPDATE checkpoint SET state = zeroblob(length(state))",
      "UPDATE checkpoint SET state = x''",
      "UPDATE checkpoint SET state = substr(state, 1, length(state) - 1)",
      "UPDATE checkpoint SET state = state || x'00'",
      "UPDATE checkpoint SET extra = zeroblob(7)",
      "UPDATE checkpoint SET merged = 'nonsense'",
  };
  Lines waits;
  for (const char* const damage : rows) {
    SCOPED_TRACE(damage);
    const Outcome damaged = Stream(damage + 18, batches, [&](size_t at, std::unique_ptr<LiveSession>* live) {
      if (at != kSlices / 2) return;
      ASSERT_TRUE((*live)->Flush(true));
      const std::string folder = (*live)->folder();
      live->reset();
      Exec(folder, damage);
      *live = Open(damage + 18);
    });
    ExpectSame(damaged, whole);
    // All of them measure the waits again, from the first event on.
    if (waits.empty()) waits = damaged.waits;
    EXPECT_THAT(waits, Not(IsEmpty()));
    EXPECT_EQ(FirstDifference(damaged.waits, waits), "");
  }
}

TEST_F(LiveSessionTest, WaitsLieInThePartThatTheyWereMeasuredIn) {
  const auto batches = trace_.Batches(kSlices);
  const Outcome whole = Stream("whole", batches);
  LiveOptions options;
  options.store = store_test::TinyParts();
  for (const size_t crash : {kSlices, size_t{4}, size_t{11}, size_t{20}}) {
    SCOPED_TRACE(crash);
    const std::string data = "parts" + std::to_string(crash);
    auto live = Open(data, options);
    for (size_t at = 0; at < kSlices; ++at) {
      ASSERT_TRUE(live->Store({batches[at]}));
      ASSERT_TRUE(live->Analyse());
      if (at != crash) continue;
      live.reset();
      live = Open(data, options);
    }
    ASSERT_TRUE(live->End());
    const std::vector<std::string> parts = Parts(live->folder());
    EXPECT_GT(parts.size(), kSlices / 2);
    EXPECT_EQ(FirstDifference(WaitsIn(parts), whole.waits), "");
    // None is in two files, though each is read as if it were alone.
    size_t waits = 0;
    for (const std::string& part : parts) {
      waits += WaitsIn({part}).size();
      EXPECT_EQ(store_test::CountOf(part, "SELECT count(*) FROM meta WHERE key = 'keeps_waits'"), 1);
    }
    EXPECT_EQ(waits, whole.waits.size());
  }
}

TEST_F(LiveSessionTest, WhatIsNotStoredYetIsTheTailOfWhatIs) {
  const auto batches = trace_.Batches(kSlices);
  LiveOptions often, seldom;
  often.timeline_every = std::chrono::seconds(0);
  seldom.timeline_every = std::chrono::hours(1);
  const auto flushed = Open("flushed", often), waiting = Open("waiting", seldom);
  for (size_t at = 0; at < kSlices - 1; ++at) {
    for (LiveSession* live : {flushed.get(), waiting.get()}) {
      ASSERT_TRUE(live->Store({batches[at]}));
      ASSERT_TRUE(live->Analyse());
      ASSERT_TRUE(live->Flush(at == kSlices / 2));
    }
    const Lines lines = WaitsIn(Parts(flushed->folder()), flushed->UnstoredWaits());
    EXPECT_EQ(FirstDifference(WaitsIn(Parts(waiting->folder()), waiting->UnstoredWaits()), lines), "");
    if (at > kSlices / 3) EXPECT_THAT(lines, Not(IsEmpty()));
  }
}

TEST_F(LiveSessionTest, AWallClockThatJumpsChangesNoFinding) {
  auto batches = trace_.Batches(kSlices);
  const Outcome whole = Stream("whole", batches);
  constexpr uint64_t kHour = 3600ull * 1'000'000'000;
  for (size_t i = 0; i < batches.size(); ++i) {
    ClockPair& pair = batches[i].clock_pairs.front();
    if (i % 3 == 1) pair.real_ns += kHour;
    if (i % 3 == 2) pair.real_ns -= kHour;
  }
  // The newest pair of a batch with two is the one that counts.
  ClockPair second = batches.back().clock_pairs.front();
  second.real_ns += 5;
  batches.back().clock_pairs.push_back(second);
  uint64_t real_ns = 0;
  const Outcome jumped = Stream("jumped", batches, [&](size_t at, std::unique_ptr<LiveSession>* live) {
    const ClockPair& pair = batches[at].clock_pairs.back();
    real_ns = (*live)->input().RealTime(pair.trace_ns + 10);
    EXPECT_EQ(real_ns, pair.real_ns + 10);
    EXPECT_EQ((*live)->input().RealTime(pair.trace_ns - 10), pair.real_ns - 10);
  });
  ExpectSame(jumped, whole);
}

TEST_F(LiveSessionTest, ARefusedBatchLeavesAGap) {
  const auto batches = trace_.Batches(kSlices);
  struct Row {
    const char* story;
    std::function<void(Batch*)> damage;
    const char* cause;
  };
  const Row rows[] = {
      {"bytes that are no chunk", [](Batch* batch) { batch->chunks.at(0).bytes.assign(40, 0); }, "does not validate"},
      {"formats nobody sent", [](Batch* batch) { ++batch->chunks.at(0).formats_hash; }, "formats that were not sent"},
      {"another CPU's chunk", [](Batch* batch) { ++batch->chunks.at(0).cpu; }, "says other things"},
      {"a frontier of an impossible CPU", [](Batch* batch) { batch->frontiers.at(0).cpu = 1u << 30; }, "a frontier"},
      {"a frontier at the end of time", [](Batch* batch) { batch->frontiers.at(0).ts_ns = UINT64_MAX; }, "a frontier"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    const auto live = Open(row.story);
    ASSERT_TRUE(live->Store({batches[0], batches[1]}));
    ASSERT_TRUE(live->Analyse());
    // All in one transaction: what is good is stored.
    std::vector<Batch> group(batches.begin() + 2, batches.begin() + 6);
    row.damage(&group[2]);
    const auto stored = live->Store(group);
    ASSERT_TRUE(stored) << TextOf(stored);
    ASSERT_EQ(stored->refused.size(), 1u);
    EXPECT_EQ(stored->refused[0].sequence, 5u);
    EXPECT_THAT(stored->refused[0].cause, testing::HasSubstr(row.cause));
    EXPECT_TRUE(stored->lost_unknown);
    EXPECT_EQ(live->committed_sequence(), 6u);
    const std::string part = Parts(live->folder()).back();
    EXPECT_EQ(store_test::CountOf(part, "SELECT count(*) FROM batch"), 5);
    EXPECT_GT(store_test::CountOf(part, "SELECT count(*) FROM gap WHERE cause = 'collector' AND lost IS NULL"), 0);
    // The good ones are passed over when they come again, and so is the refused one.
    const auto again = live->Store(group);
    ASSERT_TRUE(again);
    EXPECT_THAT(again->refused, IsEmpty());
    EXPECT_EQ(again->events, 0u);
    for (size_t at = 6; at < kSlices; ++at) {
      ASSERT_TRUE(live->Store({batches[at]}));
      ASSERT_TRUE(live->Analyse());
    }
    ASSERT_TRUE(live->End());
    EXPECT_EQ(StoredFindings(live->folder()), OfflineFindings(live->folder()));
  }
}

}  // namespace
}  // namespace wakewatch

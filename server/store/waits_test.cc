// Waits in files: what was stored comes back, by SQL and over all parts, each once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/report/wait_test_support.h"
#include "server/store/part_rewriter.h"
#include "server/store/query.h"
#include "server/store/schema.h"
#include "server/store/session_test_support.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using wait_test::MadeWaits;

using Lines = std::vector<std::string>;

Lines LinesIn(const std::vector<std::string>& parts, std::span<const WaitChunk> tail = {}, const WaitSpan& span = {}) {
  auto stored = StoredWaits::Open(parts);
  EXPECT_TRUE(stored) << TextOf(stored);
  Lines lines;
  const auto read =
      stored->Read(tail, span, {}, [&](const MeasuredWait& wait) { lines.push_back(wait_test::Line(wait)); });
  EXPECT_TRUE(read) << TextOf(read);
  EXPECT_EQ(stored->chunks_unreadable(), 0u);
  return lines;
}

std::string TextOfValue(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "NULL";
}

class WaitsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto writer = RecordingWriter::Create(path_, false);
    ASSERT_TRUE(writer) << TextOf(writer);
    const auto stored = (*writer)->StoreWaits(wait_test::ChunksOf(made_.all()));
    ASSERT_TRUE(stored) << TextOf(stored);
    ASSERT_TRUE((*writer)->Close());
  }
  // Rows as "a|b|c".
  Lines Rows(const std::string& sql, QueryEnd* end = nullptr) {
    auto query = RecordingQuery::Open(path_);
    EXPECT_TRUE(query) << TextOf(query);
    Lines rows;
    const auto done = (*query)->Run(
        sql, {}, [](const auto&) {},
        [&](const std::vector<SqlValue>& values) {
          std::string row;
          for (const SqlValue& value : values) row += (row.empty() ? "" : "|") + TextOfValue(value);
          rows.push_back(row);
          return true;
        });
    EXPECT_TRUE(done) << sql << ": " << TextOf(done);
    if (done && end != nullptr) *end = *done;
    return rows;
  }
  void Sql(const std::string& sql) {
    auto db = Database::Open(path_, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    const auto status = db->Exec(sql.c_str());
    ASSERT_TRUE(status) << TextOf(status);
  }
  uint64_t At(double share) const {
    return made_.all()[static_cast<size_t>(share * static_cast<double>(made_.all().size() - 1))].start_ns;
  }

  Folder folder_;
  std::string path_ = folder_.File("a.db");
  const MadeWaits made_{2 * kWaitChunkWaits + 900, 5};
};

TEST_F(WaitsTest, ComeBackAsTheyWere) {
  EXPECT_EQ(LinesIn({path_}), wait_test::LinesOf(made_.all()));
  const WaitSpan span{At(0.3), At(0.7)};
  Lines wanted;
  for (const MeasuredWait& wait : made_.all()) {
    if (wait.start_ns >= span.since_ns && wait.start_ns <= span.until_ns) wanted.push_back(wait_test::Line(wait));
  }
  EXPECT_GT(wanted.size(), 1000u);
  EXPECT_EQ(LinesIn({path_}, {}, span), wanted);
  const auto stored = StoredWaits::Open({path_});
  ASSERT_TRUE(stored);
  EXPECT_TRUE(stored->kept());
  EXPECT_EQ(stored->TraceTime(5).error().code, ErrorCode::kInvalidArgument) << "it has no clock pairs";
}

TEST_F(WaitsTest, ExcessOfKworkersByCauseInASpan) {
  const uint64_t since_ns = At(0.4), until_ns = At(0.6);
  std::map<std::string, std::pair<uint64_t, uint64_t>> wanted;
  for (const MeasuredWait& wait : made_.all()) {
    if (wait.thread != ThreadKind::kKworker || wait.start_ns < since_ns || wait.start_ns >= until_ns) continue;
    wanted[std::string(wait.cause)].first += wait.excess_ns;
    ++wanted[std::string(wait.cause)].second;
  }
  Lines lines;
  for (const auto& [cause, sums] : wanted) {
    lines.push_back(cause + "|" + std::to_string(sums.first) + "|" + std::to_string(sums.second));
  }
  EXPECT_EQ(lines.size(), 3u);
  EXPECT_THAT(Rows("SELECT cause, sum(excess_ns), count(*) FROM waits WHERE kind = 'kworker' AND start_ns >= " +
                   std::to_string(since_ns) + " AND start_ns < " + std::to_string(until_ns) + " GROUP BY 1 ORDER BY 1"),
              ElementsAreArray(lines));
}

TEST_F(WaitsTest, EveryColumnOfARow) {
  const auto wait = std::find_if(made_.all().begin(), made_.all().end(), [](const MeasuredWait& w) {
    return w.waker_pid > 0 && w.has_waking && w.slice_bound_ns > 0 && w.excess_ns > 0;
  });
  ASSERT_NE(wait, made_.all().end());
  std::string row;
  const auto add = [&](const auto& value) {
    if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(value)>>) {
      row += (row.empty() ? "" : "|") + std::to_string(value);
    } else {
      row += "|" + std::string(value);
    }
  };
  add(wait->start_ns), add(wait->wakeup_ns), add(wait->in_ns), add(wait->pid), add(wait->comm);
  add(Info(wait->thread).name), add(wait->prio), add(wait->cpu), add("wake"), add(wait->waker_pid);
  add(wait->waker_comm), add("task"), add(wait->cause), add(wait->latency_ns()), add(wait->excess_ns);
  add(wait->affinity_known ? "known" : "assumed"), add(wait->slice_bound_ns);
  for (const uint64_t ns : wait->buckets.ns) add(ns);
  add(1);
  EXPECT_THAT(Rows("SELECT * FROM waits WHERE rowid = " + std::to_string(wait - made_.all().begin())),
              ElementsAre(row));
}

TEST_F(WaitsTest, WhatIsNotKnownIsNull) {
  const auto no_waker = std::count_if(made_.all().begin(), made_.all().end(),
                                      [](const MeasuredWait& wait) { return wait.waker_pid < 0; });
  const auto no_bound = std::count_if(made_.all().begin(), made_.all().end(),
                                      [](const MeasuredWait& wait) { return wait.slice_bound_ns == 0; });
  EXPECT_THAT(Rows("SELECT sum(waker_pid IS NULL), sum(waker_comm IS NULL), sum(slice_bound_ns IS NULL) FROM waits"),
              ElementsAre(std::to_string(no_waker) + "|" + std::to_string(no_waker) + "|" + std::to_string(no_bound)));
}

TEST_F(WaitsTest, ConditionsThatAreNarrowedAndThoseThatAreNot) {
  const auto wanted = [&](auto&& holds) {
    return std::to_string(std::count_if(made_.all().begin(), made_.all().end(), holds));
  };
  const uint64_t t = At(0.5);
  const std::string ts = std::to_string(t);
  struct Row {
    std::string where, count;
  };
  const Row rows[] = {
      {"1", wanted([](const MeasuredWait&) { return true; })},
      {"pid = 13", wanted([](const MeasuredWait& w) { return w.pid == 13; })},
      {"pid = 13 AND pid = 14", "0"},
      {"pid = 13.0", wanted([](const MeasuredWait& w) { return w.pid == 13; })},
      {"pid = '13'", wanted([](const MeasuredWait& w) { return w.pid == 13; })},
      {"pid = 1 << 40", "0"},
      {"pid IN (13, 14)", wanted([](const MeasuredWait& w) { return w.pid == 13 || w.pid == 14; })},
      {"start_ns = " + ts, wanted([&](const MeasuredWait& w) { return w.start_ns == t; })},
      {"start_ns > " + ts, wanted([&](const MeasuredWait& w) { return w.start_ns > t; })},
      {"start_ns >= " + ts, wanted([&](const MeasuredWait& w) { return w.start_ns >= t; })},
      {"start_ns < " + ts, wanted([&](const MeasuredWait& w) { return w.start_ns < t; })},
      {"start_ns <= " + ts + " AND pid = 20",
       wanted([&](const MeasuredWait& w) { return w.start_ns <= t && w.pid == 20; })},
      {"start_ns > " + ts + ".5", wanted([&](const MeasuredWait& w) { return w.start_ns > t; })},
      {"start_ns = NULL", "0"},
      {"start_ns < -1", "0"},
      {"start_ns < 'x'", wanted([](const MeasuredWait&) { return true; })},
      {"affinity = 'assumed'", wanted([](const MeasuredWait& w) { return !w.affinity_known; })},
      {"wait = 'preempted'", wanted([](const MeasuredWait& w) { return w.kind == WaitKind::kPreempted; })},
      {"off_ns > 0", wanted([](const MeasuredWait& w) { return w.buckets.Of(Bucket::kOff) > 0; })},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(Rows("SELECT count(*) FROM waits WHERE " + row.where), ElementsAre(row.count)) << row.where;
  }
  EXPECT_THAT(Rows("SELECT count(*) FROM waits a JOIN waits b ON b.pid = a.pid AND b.start_ns = a.start_ns "
                   "WHERE a.start_ns < " +
                   std::to_string(At(0.05))),
              ElementsAre(wanted([&](const MeasuredWait& w) { return w.start_ns < At(0.05); })));
}

TEST_F(WaitsTest, SumsOfChunksAreColumnsToo) {
  uint64_t latency_ns = 0, off_ns = 0;
  for (const MeasuredWait& wait : made_.all()) {
    latency_ns += wait.latency_ns();
    off_ns += wait.buckets.Of(Bucket::kOff);
  }
  EXPECT_THAT(Rows("SELECT count(*), sum(n), sum(sum_latency_ns), sum(sum_off_ns) FROM wait_chunk"),
              ElementsAre("3|" + std::to_string(made_.all().size()) + "|" + std::to_string(latency_ns) + "|" +
                          std::to_string(off_ns)));
}

TEST_F(WaitsTest, ADamagedChunkIsCountedAndLeftOut) {
  Sql("UPDATE wait_chunk SET bytes = zeroblob(length(bytes)) WHERE first_wait = 4096");
  QueryEnd end;
  EXPECT_THAT(Rows("SELECT count(*) FROM waits", &end), ElementsAre(std::to_string(kWaitChunkWaits + 900)));
  EXPECT_EQ(end.chunks_unreadable, 1u);
  EXPECT_THAT(end.first_unreadable, HasSubstr("waits"));
  auto stored = StoredWaits::Open({path_});
  ASSERT_TRUE(stored);
  size_t visited = 0;
  ASSERT_TRUE(stored->Read({}, {}, {}, [&](const MeasuredWait&) { ++visited; }));
  EXPECT_EQ(visited, kWaitChunkWaits + 900);
  EXPECT_EQ(stored->chunks_unreadable(), 1u);
}

TEST_F(WaitsTest, ReadingCanBeStopped) {
  auto stored = StoredWaits::Open({path_});
  ASSERT_TRUE(stored);
  size_t visited = 0, asked = 0;
  const auto read = stored->Read(
      {}, {}, [&] { return ++asked > 1; }, [&](const MeasuredWait&) { ++visited; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kDeadline);
  EXPECT_EQ(visited, kWaitChunkWaits);
}

// Parts of one session; each commit has the chunks of one row, and a part may begin in front of it.
class WaitPartsTest : public testing::Test {
 protected:
  void Commit(SessionStore* store, size_t batch, std::vector<WaitChunk> waits, std::optional<uint64_t> from = {}) {
    AnalysisRows rows;
    rows.waits = std::move(waits);
    rows.waits_from = from;
    const auto status = store->Commit({&batches_[batch], 1}, rows);
    ASSERT_TRUE(status) << TextOf(status);
  }
  // Of made_.all()[from, to).
  std::vector<WaitChunk> Chunk(uint64_t from, uint64_t to) const {
    WaitEncoder encoder;
    for (uint64_t i = from; i < to; ++i) encoder.Add(made_.all()[i]);
    return {{from, encoder.summary(), encoder.Encode()}};
  }
  Lines Wanted(size_t count) const {
    Lines lines = wait_test::LinesOf(made_.all());
    lines.resize(count);
    return lines;
  }

  Folder folder_;
  store_test::LiveTrace trace_;
  const std::vector<Batch> batches_ = trace_.Batches(6);
  const MadeWaits made_{1000};
};

TEST_F(WaitPartsTest, AFullerChunkTakesThePlaceOfItsOlderState) {
  const auto store = store_test::OpenStore(folder_.File("data"));
  Commit(store.get(), 0, Chunk(0, 10));
  Commit(store.get(), 1, Chunk(0, 400));
  Commit(store.get(), 2, Chunk(400, 500));
  EXPECT_EQ(LinesIn(Parts(store->folder())), Wanted(500));
  EXPECT_EQ(LinesIn(Parts(store->folder()), Chunk(400, 700)), Wanted(700)) << "with what is not stored yet";
}

TEST_F(WaitPartsTest, EachWaitIsReadOnceWhateverWasMadeAgain) {
  const auto store = store_test::OpenStore(folder_.File("data"), store_test::TinyParts());
  Commit(store.get(), 0, Chunk(0, 300));
  Commit(store.get(), 1, Chunk(300, 450));
  Commit(store.get(), 2, Chunk(250, 600));  // resumed from a checkpoint in the part before
  ASSERT_EQ(Parts(store->folder()).size(), 3u);
  EXPECT_EQ(LinesIn(Parts(store->folder())), Wanted(600));
  Commit(store.get(), 3, Chunk(0, 800));  // resumed without one
  EXPECT_EQ(LinesIn(Parts(store->folder())), Wanted(800));
  const auto stored = StoredWaits::Open(Parts(store->folder()));
  ASSERT_TRUE(stored);
  EXPECT_TRUE(stored->kept());
  EXPECT_EQ(stored->TraceTime(store_test::LiveTrace::kRealOffset + trace_.start_ns() + 7), trace_.start_ns() + 7);
}

TEST_F(WaitPartsTest, WhatIsMadeAgainMayBeCutElsewhere) {
  const auto store = store_test::OpenStore(folder_.File("data"));
  Commit(store.get(), 0, Chunk(0, 300));
  Commit(store.get(), 1, Chunk(300, 450));
  Commit(store.get(), 2, Chunk(450, 460));
  Commit(store.get(), 3, Chunk(300, 600), 300);
  EXPECT_EQ(store_test::CountOf(Parts(store->folder()).back(), "SELECT count(*) FROM wait_chunk"), 2);
  EXPECT_EQ(LinesIn(Parts(store->folder())), Wanted(600));
  Commit(store.get(), 4, Chunk(0, 600), 0);
  EXPECT_EQ(LinesIn(Parts(store->folder())), Wanted(600));
}

TEST_F(WaitPartsTest, APartThatDoesNotKeepWaitsSaysSo) {
  const auto store = store_test::OpenStore(folder_.File("data"));
  ASSERT_TRUE(store->Commit({&batches_[0], 1}, {}));
  const auto stored = StoredWaits::Open(Parts(store->folder()));
  ASSERT_TRUE(stored);
  EXPECT_FALSE(stored->kept());
}

TEST_F(WaitPartsTest, RewritingKeepsThemAndTrimmingThoseNearFindings) {
  auto store = store_test::OpenStore(folder_.File("data"), store_test::TinyParts());
  Commit(store.get(), 0, Chunk(0, 300));
  {
    AnalysisRows rows;
    for (uint64_t from = 300; from < 900; from += 100) rows.waits.push_back(Chunk(from, from + 100).front());
    ASSERT_TRUE(store->Commit({&batches_[1], 1}, rows));
  }
  ASSERT_TRUE(store->Commit({&batches_[2], 1}, {}));
  const std::vector<std::string> parts = Parts(store->folder());
  ASSERT_TRUE(store->Close());
  ASSERT_TRUE(SealPart(parts[1]));
  EXPECT_EQ(LinesIn(parts), Wanted(900));
  const uint64_t near_ns = made_.all()[550].start_ns;
  ASSERT_TRUE(TrimPart(parts[1], {{near_ns, near_ns}, {near_ns + 1, near_ns + 1}}));
  const auto left = LinesIn(parts);
  const auto kept = LinesIn(parts, {}, {near_ns, near_ns});
  EXPECT_THAT(kept, ElementsAre(wait_test::Line(made_.all()[550])));
  EXPECT_GE(left.size(), 400u);
  EXPECT_LT(left.size(), 900u);
  ASSERT_TRUE(TrimPart(parts[1], {}));
  EXPECT_EQ(LinesIn(parts), Wanted(300)) << "nothing of the trimmed part";
}

}  // namespace
}  // namespace wakewatch

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include <sys/stat.h>

#include "server/store/part_files.h"
#include "server/store/part_rewriter.h"
#include "server/store/query.h"
#include "server/store/recording_writer.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::CountOf;
using store_test::Folder;
using store_test::JsonOf;
using store_test::LinesOf;
using store_test::OpenStore;
using store_test::StoreAll;
using store_test::TextOf;
using store_test::TinyParts;

class SessionPartsTest : public testing::Test {
 protected:
  std::string Data(const std::string& name = "data") const { return folder_.File(name); }
  // Id and time of every event that SQL sees in a part.
  std::vector<std::string> Ids(const std::string& part) {
    std::vector<std::string> ids;
    auto query = RecordingQuery::Open(part);
    EXPECT_TRUE(query) << TextOf(query);
    const auto end = (*query)->Run(
        "SELECT id, ts, type, pid FROM event ORDER BY id", {}, [](const auto&) {},
        [&](const std::vector<SqlValue>& row) {
          ids.push_back(std::to_string(std::get<int64_t>(row[0])) + "@" + std::to_string(std::get<int64_t>(row[1])) +
                        std::get<std::string>(row[2]) + std::to_string(std::get<int64_t>(row[3])));
          return true;
        });
    EXPECT_TRUE(end) << TextOf(end);
    return ids;
  }
  static ino_t InodeOf(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(stat(path.c_str(), &about), 0);
    return about.st_ino;
  }
  // Lines of what ReadFrom hands out, by CPU.
  static std::vector<std::vector<std::string>> LinesFrom(SessionStore* store, const FormatTable& formats,
                                                         const std::map<uint32_t, uint64_t>& merged) {
    auto readers = store->ReadFrom(merged);
    EXPECT_TRUE(readers) << TextOf(readers);
    std::vector<std::vector<std::string>> lines;
    for (auto& reader : *readers) {
      lines.emplace_back();
      EventBlock block;
      for (auto more = reader->Fill(&block, 100); more && *more; more = reader->Fill(&block, 100)) {
        for (const Event& event : block.events) lines.back().push_back(store_test::LineOf(event, formats));
      }
    }
    return lines;
  }
  static bool IsGap(const std::string& line) { return line.find(" gap to ") != std::string::npos; }

  Folder folder_;
  store_test::LiveTrace trace_;
};

TEST_F(SessionPartsTest, SealingChangesNothingThatIsRead) {
  const auto batches = trace_.Batches(30);
  struct Row {
    const char* story;
    SessionStoreOptions options;
  };
  for (const Row& row : {Row{"one part", {}}, Row{"many parts", TinyParts()}}) {
    SCOPED_TRACE(row.story);
    const std::string folder = StoreAll(Data(row.story), batches, row.options);
    const auto lines = LinesOf(folder);
    const std::string json = JsonOf(folder);
    const auto parts = Parts(folder);
    std::vector<std::vector<std::string>> ids;
    for (const std::string& part : parts) ids.push_back(Ids(part));
    const int64_t chunks = CountOf(parts[0], "SELECT count(*) FROM chunk");

    const auto store = SessionStore::Resume(folder, row.options);
    ASSERT_TRUE(store) << TextOf(store);
    const RecordingRow before = (*store)->row();
    auto sealed = (*store)->Seal(true);
    ASSERT_TRUE(sealed) << TextOf(sealed);
    EXPECT_EQ(LinesOf(folder), lines);
    EXPECT_EQ(JsonOf(folder), json);
    ASSERT_EQ(Parts(folder), parts);
    for (size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(Ids(parts[i]), ids[i]);
    EXPECT_LE(CountOf(parts[0], "SELECT count(*) FROM chunk"), chunks / 4);
    EXPECT_FALSE(std::filesystem::exists(parts.back() + "-wal"));
    RecordingRow after = (*store)->row();
    EXPECT_LT(after.bytes, before.bytes);
    after.bytes = before.bytes;
    EXPECT_EQ(after, before);

    const ino_t inode = InodeOf(parts[0]);
    sealed = (*store)->Seal(true);
    EXPECT_TRUE(sealed) << TextOf(sealed);
    EXPECT_EQ(InodeOf(parts[0]), inode);
  }
}

// What was stored before a long stop is as old as it was.
TEST_F(SessionPartsTest, SealingAndTrimmingKeepWhenAPartWasWritten) {
  constexpr uint64_t kThenNs = 1'000'000'000'000'000'000;
  const std::string part = Parts(StoreAll(Data(), trace_.Batches(9), {})).at(0);
  for (const char* again : {"the first time", "when it is sealed"}) {
    SetWrittenAt(part, kThenNs);
    const auto sealed = SealPart(part);
    ASSERT_TRUE(sealed) << TextOf(sealed);
    EXPECT_EQ(WrittenAt(part), kThenNs) << again;
  }
  const auto trimmed = TrimPart(part, {});
  ASSERT_TRUE(trimmed) << TextOf(trimmed);
  EXPECT_EQ(WrittenAt(part), kThenNs);
}

TEST_F(SessionPartsTest, ThePartThatIsWrittenIsSealedOnlyAtTheEnd) {
  const auto batches = trace_.Batches(9);
  const auto store = OpenStore(Data(), TinyParts());
  for (size_t i = 0; i < 8; ++i) ASSERT_TRUE(store->Commit({&batches[i], 1}, {}));
  ASSERT_TRUE(store->Seal(false));
  const auto parts = Parts(store->folder());
  EXPECT_EQ(CountOf(parts[6], "SELECT count(*) FROM meta WHERE key = 'sealed'"), 1);
  EXPECT_EQ(CountOf(parts[7], "SELECT count(*) FROM meta WHERE key = 'sealed'"), 0);
  ASSERT_TRUE(store->Seal(true));
  EXPECT_EQ(CountOf(parts[7], "SELECT count(*) FROM meta WHERE key = 'sealed'"), 1);
  // A session that was thought to have ended goes on, and its part is sealed again.
  const auto resumed = SessionStore::Resume(store->folder(), {});
  ASSERT_TRUE(resumed) << TextOf(resumed);
  ASSERT_TRUE((*resumed)->Commit(batches, {}));
  EXPECT_EQ(Parts(store->folder()).size(), 8u);
  EXPECT_EQ(CountOf(parts[7], "SELECT count(*) FROM meta WHERE key = 'sealed'"), 0);
  ASSERT_TRUE((*resumed)->Seal(true));
  EXPECT_EQ(LinesOf(store->folder()), LinesOf(StoreAll(Data("whole"), batches)));
}

// As sqlite3 on a part does, in a transaction that stays open.
Database ReaderOf(const std::string& part) {
  auto reader = Database::Open(part, Database::Mode::kRead);
  EXPECT_TRUE(reader) << TextOf(reader);
  EXPECT_TRUE(reader->Exec("BEGIN; SELECT count(*) FROM chunk"));
  return std::move(*reader);
}

TEST_F(SessionPartsTest, WhoReadsAPartHoldsUpNothing) {
  const auto batches = trace_.Batches(30);
  const auto whole = LinesOf(StoreAll(Data("whole"), batches));
  for (const bool closed : {false, true}) {
    SCOPED_TRACE(closed ? "the part was closed, and the session comes back" : "the part is being written");
    auto store = OpenStore(Data(closed ? "closed" : "live"));
    ASSERT_TRUE(store->Commit(std::span(batches).first(10), {}));
    const std::string first = PartPath(store->folder(), 1);
    ASSERT_TRUE(!closed || store->Seal(true));
    std::optional<Database> reader = ReaderOf(first);
    if (closed) store = OpenStore(Data("closed"));
    const auto stored = store->Commit(std::span(batches).subspan(10), {});
    ASSERT_TRUE(stored) << TextOf(stored);
    EXPECT_EQ(LinesOf(store->folder()), whole);
    EXPECT_EQ(*reader->Integer("SELECT max(sequence) FROM batch"), 10);
    const auto sealed = store->Seal(true);
    if (!closed) {
      ASSERT_FALSE(sealed);
      EXPECT_EQ(sealed.error().code, ErrorCode::kIo) << TextOf(sealed);
    }
    EXPECT_EQ(LinesOf(store->folder()), whole);
    reader.reset();
    const auto again = store->Seal(true);
    EXPECT_TRUE(again) << TextOf(again);
    EXPECT_EQ(LinesOf(store->folder()), whole);
  }
}

TEST_F(SessionPartsTest, AChunkThatCannotBeReadIsSealedAsItIs) {
  const std::string folder = StoreAll(Data(), trace_.Batches(10));
  const std::string part = Parts(folder)[0];
  {
    auto db = Database::Open(part, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(db->Exec("UPDATE chunk SET bytes = substr(bytes, 1, length(bytes) / 2) WHERE id = 3"));
  }
  AnomalyCounts before, after;
  const auto lines = LinesOf(folder, &before);
  ASSERT_TRUE(SealPart(part));
  EXPECT_EQ(LinesOf(folder, &after), lines);
  EXPECT_EQ(before.Of(Anomaly::kBadChunk), 1u);
  EXPECT_EQ(after.Of(Anomaly::kBadChunk), 1u);
}

TEST_F(SessionPartsTest, ReadersBeginWhereAnalysisWas) {
  const auto batches = trace_.Batches(20);
  std::vector<SessionStoreOptions> rows = {SessionStoreOptions(), TinyParts()};
  for (const auto& options : rows) {
    for (const bool sealed : {false, true}) {
      SCOPED_TRACE(sealed);
      const std::string folder =
          StoreAll(Data(std::to_string(options.part_bytes_max) + (sealed ? "s" : "")), batches, options);
      const auto store = SessionStore::Resume(folder, options);
      ASSERT_TRUE(store) << TextOf(store);
      ASSERT_TRUE(!sealed || (*store)->Seal(true));
      const auto all = LinesFrom(store->get(), trace_.input().formats(), {});
      ASSERT_EQ(all.size(), 4u);
      size_t events = 0;
      for (const std::string& line : all[0]) events += IsGap(line) ? 0 : 1;
      for (const size_t merged :
           {size_t{1}, size_t{249}, size_t{250}, events / 3, events / 2, events - 1, events, events + 5}) {
        SCOPED_TRACE(merged);
        // Where the first event that is wanted stands, and the gap right in front of it.
        size_t at = 0, seen = 0;
        while (at < all[0].size() && seen < merged) seen += IsGap(all[0][at++]) ? 0 : 1;
        const std::vector<std::string> expected(all[0].begin() + static_cast<ptrdiff_t>(at), all[0].end());
        const auto rest = LinesFrom(store->get(), trace_.input().formats(), {{0, merged}});
        ASSERT_EQ(rest.size(), 4u);
        EXPECT_EQ(rest[0], expected);
        EXPECT_EQ(rest[1], all[1]);
      }
    }
  }
}

TEST_F(SessionPartsTest, ReadersOutliveTheStore) {
  auto store = OpenStore(Data());
  ASSERT_TRUE(store->Commit(trace_.Batches(4), {}));
  auto readers = store->ReadFrom({});
  ASSERT_TRUE(readers) << TextOf(readers);
  store.reset();
  EventBlock block;
  const auto more = readers->front()->Fill(&block, 10);
  ASSERT_TRUE(more && *more);
  EXPECT_EQ(store_test::LineOf(block.events[0], trace_.input().formats()), store_test::Lines(trace_.input(), 100)[0]);
}

TEST_F(SessionPartsTest, TheCheckpointIsTheNewestAndGoesOverTheSeam) {
  const auto batches = trace_.Batches(4);
  const auto store = OpenStore(Data(), TinyParts());
  auto none = store->LoadCheckpoint();
  ASSERT_TRUE(none) << TextOf(none);
  EXPECT_FALSE(none->has_value());
  Checkpoint checkpoint{2, UINT64_MAX, {{0, 5}, {7, UINT64_MAX}}, {1, 0, 2}, {}};
  AnalysisRows rows;
  rows.checkpoint = checkpoint;
  ASSERT_TRUE(store->Commit({batches.data(), 1}, rows));
  rows.checkpoint->extra = {9, 9};
  ASSERT_TRUE(store->Commit({}, rows));  // analysis alone
  ASSERT_TRUE(store->Commit({&batches[1], 1}, {}));
  EXPECT_EQ(Parts(store->folder()).size(), 2u);
  const auto resumed = SessionStore::Resume(store->folder(), {});
  ASSERT_TRUE(resumed) << TextOf(resumed);
  const auto loaded = (*resumed)->LoadCheckpoint();
  ASSERT_TRUE(loaded && *loaded) << TextOf(loaded);
  EXPECT_EQ((*loaded)->sequence, 2u);
  EXPECT_EQ((*loaded)->watermark_ns, UINT64_MAX);
  EXPECT_EQ((*loaded)->merged, checkpoint.merged);
  EXPECT_EQ((*loaded)->state, checkpoint.state);
  EXPECT_EQ((*loaded)->extra, (std::vector<uint8_t>{9, 9}));
  {
    auto db = Database::Open(Parts(store->folder())[1], Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec("UPDATE checkpoint SET merged = '0=5 7=x'"));
  }
  const auto spoilt = (*resumed)->LoadCheckpoint();
  ASSERT_FALSE(spoilt);
  EXPECT_EQ(spoilt.error().code, ErrorCode::kCorrupt);
}

TEST_F(SessionPartsTest, AFindingIsToldOnce) {
  const auto batches = trace_.Batches(4);
  const auto finding = [&](const char* id, uint64_t end_ns) {
    Finding made;
    made.id = id;
    made.end_ns = end_ns;
    made.evidence = {{0, 1, "event"}};
    return made;
  };
  const uint64_t early_ns = trace_.start_ns() + 1;
  const auto store = OpenStore(Data(), TinyParts());
  AnalysisRows rows;
  rows.findings = {finding("a", early_ns), finding("b", early_ns), finding("a", early_ns)};
  ASSERT_TRUE(store->Commit({&batches[0], 1}, rows));
  ASSERT_TRUE(store->Commit({}, rows));
  EXPECT_EQ(store->row().findings, 2u);
  // What analysis finds again when it goes on behind a seam is known from the part before it.
  rows.findings = {finding("a", early_ns), finding("c", early_ns), finding("d", trace_.end_ns())};
  ASSERT_TRUE(store->Commit({&batches[1], 1}, rows));
  const auto parts = Parts(store->folder());
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(CountOf(parts[0], "SELECT count(*) FROM finding JOIN finding_evidence ON finding_id = id"), 2);
  EXPECT_EQ(CountOf(parts[1], "SELECT count(*) FROM finding WHERE id IN ('c', 'd')"), 2);
  EXPECT_EQ(CountOf(parts[1], "SELECT count(*) FROM finding"), 2);
  EXPECT_EQ(store->row().findings, 4u);
}

TEST_F(SessionPartsTest, AnalysisStoresWhatItMadeWithTheBatch) {
  const auto batches = trace_.Batches(2);
  const auto store = OpenStore(Data());
  Report report;
  report.kernel = "6.1.0";
  report.events_by_type = {{"sched_switch", 7}};
  AnalysisRows rows;
  rows.findings.resize(1);
  rows.timeline = {{0, 1, 64, 64, {1, 2, 3}}, {0, 2, 64, 64, {}}};
  rows.summaries = &report;
  rows.gaps = {{1, trace_.start_ns() + 10, trace_.start_ns() + 20, 3, GapCause::kCollector}};
  rows.verdicts = {{"p", "sc", "safe", "", "safe", 5, 4, 0, 1, "h"}};
  rows.checkpoint.emplace();
  ASSERT_TRUE(store->Commit(batches, rows));
  rows.timeline = {{0, 1, 64, 64, {4}}};
  report.events_by_type = {{"sched_waking", 7}};
  rows.verdicts = {};
  ASSERT_TRUE(store->Commit({}, rows));
  ASSERT_TRUE(store->Close());
  const std::string part = Parts(store->folder())[0];
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM timeline WHERE cpu = 0 AND level = 1 AND hex(bytes) = '04'"), 1);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM timeline"), 2);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM event_count WHERE type = 'sched_waking'"), 1);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM event_count"), 1);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM finding"), 1);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM gap WHERE cpu = 1 AND cause = 'collector' AND lost = 3"), 2);
  EXPECT_EQ(CountOf(part, "SELECT count(*) FROM protocol_verdict WHERE name = 'p' AND states = 5"), 1);
  // A report that is run again replaces summaries and findings, and nothing else.
  auto db = Database::Open(part, Database::Mode::kWrite);
  ASSERT_TRUE(db) << TextOf(db);
  ASSERT_TRUE(WriteReport(*db, Report()));
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding"), 0);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM event_count"), 0);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM timeline"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM checkpoint"), 1);
}

// Parts that are not there or cannot be read.
TEST_F(SessionPartsTest, WhatIsMissingBetweenPartsIsAGap) {
  const auto batches = trace_.Batches(6);
  const std::string folder = StoreAll(Data(), batches, TinyParts());
  const auto whole = LinesOf(folder);
  struct Row {
    const char* story;
    void (*spoil)(const std::string& part);
    bool damaged;
  };
  const Row rows[] = {
      {"missing", [](const std::string& part) { std::filesystem::remove(part); }, false},
      {"empty", [](const std::string& part) { std::filesystem::resize_file(part, 0); }, true},
      {"truncated", [](const std::string& part) { std::filesystem::resize_file(part, 20'000); }, true},
      {"not a recording", [](const std::string& part) { std::ofstream(part) << std::string(9000, 'x'); }, true},
      {"without a table",
       [](const std::string& part) {
         auto db = Database::Open(part, Database::Mode::kWrite);
         EXPECT_TRUE(db && db->Exec("DROP TABLE symbol"));
       },
       true},
      {"half of it",
       [](const std::string& part) {
         std::filesystem::resize_file(part, std::filesystem::file_size(part) / 8192 / 2 * 8192);
       },
       true},
  };
  for (const Row& row : rows) {
    for (const size_t index : {size_t{2}, size_t{5}}) {
      SCOPED_TRACE(std::string(row.story) + " " + std::to_string(index));
      const std::string copy = Data(std::string(row.story) + std::to_string(index));
      store_test::Copy(folder, copy);
      row.spoil(Parts(copy)[index]);
      const auto input = OpenRecording(copy);
      ASSERT_TRUE(input) << TextOf(input);
      AnomalyCounts anomalies = (*input)->metadata().anomalies;
      const auto lines = store_test::Lines(**input, 1000, &anomalies);
      EXPECT_EQ(anomalies.Of(Anomaly::kBadChunk) > 0, row.damaged);
      // Events that are left are those of the whole, in order; the rest is inside a gap.
      std::vector<std::string> left, gaps;
      for (const std::string& line : lines) (IsGap(line) ? gaps : left).push_back(line);
      EXPECT_LT(left.size(), whole.size());
      EXPECT_GT(left.size(), whole.size() / 2);
      size_t at = 0;
      for (const std::string& line : whole) at += at < left.size() && left[at] == line ? 1 : 0;
      EXPECT_EQ(at, left.size());
      const auto by_us = [](const std::string& gap) { return gap.ends_with("collector"); };
      const bool at_end = index == 5;
      // The last part that is simply not there cannot be missed.
      EXPECT_EQ(std::count_if(gaps.begin(), gaps.end(), by_us), at_end && !row.damaged ? 0 : 4);  // one a CPU
      if (!at_end && !row.damaged) {
        EXPECT_THAT(gaps, testing::Not(testing::Contains(testing::HasSubstr("lost 18446744073709551615 collector"))));
      }
    }
  }
}

TEST_F(SessionPartsTest, AFolderWithNothingToReadSaysWhy) {
  const std::string folder = StoreAll(Data(), trace_.Batches(2), TinyParts());
  for (const std::string& part : Parts(folder)) std::ofstream(part) << "x";
  const auto input = OpenTraceOrRecording(folder);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::kUnsupported) << input.error().Text();
  // A newer part is not taken for a damaged one.
  const std::string other = StoreAll(Data("newer"), trace_.Batches(3), TinyParts());
  auto db = Database::Open(Parts(other)[1], Database::Mode::kWrite);
  ASSERT_TRUE(db && db->Exec("PRAGMA user_version = 99"));
  const auto newer = OpenTraceOrRecording(other);
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().Text(), testing::HasSubstr("newer"));
}

TEST_F(SessionPartsTest, OnlyPartsAreParts) {
  const std::string folder = folder_.File("parts");
  std::filesystem::create_directories(folder + "/part-0007.db");
  for (const char* name : {"part-0010.db", "part-0002.db", "part-12345.db", "part-0003.db-wal", "part-0004.db.new",
                           "part-.db", "part-1.db", "part-00x1.db", "xpart-0001.db", "part-0000.db"}) {
    std::ofstream(folder + "/" + name) << "x";
  }
  EXPECT_THAT(Parts(folder),
              testing::ElementsAre(folder + "/part-0002.db", folder + "/part-0010.db", folder + "/part-12345.db"));
  EXPECT_TRUE(Parts(folder_.File("absent")).empty());
}

}  // namespace
}  // namespace wakewatch

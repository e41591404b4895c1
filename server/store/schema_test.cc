#include "server/store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/store/recording.h"
#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;

class SchemaTest : public testing::Test {
 protected:
  SchemaTest() { store_test::MakeRecording(path_, {}); }
  void Sql(const char* sql) {
    auto db = Database::Open(path_, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    const auto status = db->Exec(sql);
    ASSERT_TRUE(status) << TextOf(status);
  }
  Folder folder_;
  std::string path_ = folder_.File("a.db");
};

constexpr int kNext = kRecordingSchemaVersion + 1;  // that there is none of yet

TEST_F(SchemaTest, AnOlderFileTakesTheStepsItLacksOnce) {
  std::vector<MigrationStep> steps(Migrations().begin(), Migrations().end());
  steps.push_back({kNext, "ALTER TABLE meta ADD COLUMN unit TEXT; INSERT INTO meta VALUES('a', 'b', 'c')"});
  steps.push_back({kNext + 1, "UPDATE meta SET value = value || '6'"});
  for (int round = 0; round < 2; ++round) {
    auto db = OpenRecordingFile(path_, Database::Threads::kOneThread, steps);
    ASSERT_TRUE(db) << TextOf(db);
    EXPECT_EQ(*db->Integer("PRAGMA user_version"), kNext + 1);
    EXPECT_EQ(*db->Integer("SELECT count(*) FROM meta WHERE value = 'b6' AND unit = 'c'"), 1);
  }
}

TEST_F(SchemaTest, AStepThatFailsLeavesTheVersionBefore) {
  std::vector<MigrationStep> steps(Migrations().begin(), Migrations().end());
  steps.push_back({kNext, "CREATE TABLE extra(a)"});
  steps.push_back({kNext + 1, "CREATE TABLE half(a); INSERT INTO absent VALUES(1)"});
  auto failed = OpenRecordingFile(path_, Database::Threads::kOneThread, steps);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().Text(), testing::HasSubstr("version " + std::to_string(kNext + 1)));
  auto db = Database::Open(path_, Database::Mode::kRead);
  ASSERT_TRUE(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), kNext);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM sqlite_schema WHERE name IN ('extra', 'half')"), 1);
}

TEST_F(SchemaTest, ANewerFileIsRefusedWithAWayOut) {
  Sql(("PRAGMA user_version = " + std::to_string(kNext)).c_str());
  const auto input = OpenRecording(path_);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(input.error().Text(), testing::HasSubstr("newer"));
  EXPECT_EQ(input.error().remedy, "upgrade wakewatch");
}

TEST_F(SchemaTest, TablesThatAreNotTablesAreRefused) {
  struct Row {
    const char* story;
    const char* sql;
  };
  const Row rows[] = {
      {"missing", "DROP TABLE symbol"},
      {"a view in its place", "CREATE VIEW symbol AS SELECT 1 AS address, 'x' AS name"},
      {"a virtual table in its place", "DROP VIEW symbol; CREATE VIRTUAL TABLE symbol USING fts5(name)"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    Sql(row.sql);
    const auto input = OpenRecording(path_);
    ASSERT_FALSE(input);
    EXPECT_EQ(input.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(input.error().Text(), testing::HasSubstr("symbol"));
  }
}

TEST_F(SchemaTest, ARecordingOfVersion1IsReadAndTakenOver) {
  const std::string old = folder_.File("old.db");
  {
    auto db = Database::Open(old, Database::Mode::kCreate);
    ASSERT_TRUE(db) << TextOf(db);
    const auto migrated = Migrate(*db, Migrations().first(1));
    ASSERT_TRUE(migrated) << TextOf(migrated);
    const auto filled = db->Exec(
        "INSERT INTO session VALUES(1, 'box', 'boot', 's1', '6.1.0', 'mono', '0.1', 4);"
        "INSERT INTO thread VALUES(7, 3, 9, 'ksoftirqd/0', 64, 2, '0', 0, 0, 1), (8, 0, 0, 'x', 0, NULL, NULL, NULL, "
        "0, 0);"
        "INSERT INTO finding VALUES('a', 'g', 'c', 'k', 'proven', 7, 'x', 0, 1, 2, 1, NULL, NULL, 'first'),"
        "  ('a', 'g', 'c', 'k', 'proven', 7, 'x', 0, 1, 2, 1, NULL, NULL, 'twin'),"
        "  ('b', 'g', 'c', 'k', 'proven', 7, 'x', 0, 1, 2, 1, NULL, NULL, 'other');"
        "INSERT INTO finding_evidence VALUES('a', 0, 1, 5, 'e'), ('a', 1, 1, 6, 'f'), ('a', 0, 1, 5, 'e')");
    ASSERT_TRUE(filled) << TextOf(filled);
  }
  const auto input = OpenRecording(old);
  ASSERT_TRUE(input) << TextOf(input);
  EXPECT_EQ((*input)->metadata().kernel, "6.1.0");
  EXPECT_FALSE((*input)->metadata().loss_marked);
  auto db = OpenRecordingFile(old);
  ASSERT_TRUE(db) << TextOf(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), kRecordingSchemaVersion);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM thread WHERE pid = 7 AND comm = 'ksoftirqd/0' AND from_inventory"), 1);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM thread"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding WHERE explanation <> 'twin'"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding_evidence"), 2);
}

TEST_F(SchemaTest, ARecordingOfVersion2GetsRoomForWaits) {
  const std::string old = folder_.File("old.db");
  {
    auto db = Database::Open(old, Database::Mode::kCreate);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(Migrate(*db, Migrations().first(2)));
    const auto filled = db->Exec(
        "INSERT INTO thread_summary(pid, first_seen_ns, comm, kind, kind_source, kernel_thread, wakeups, "
        "wakeup_latency_n, wakeup_latency_p50_ns, on_cpu_ns, censored, voided) "
        "VALUES(7, 1, 'ksoftirqd/0', 'ksoftirqd', 'name', 1, 5, 5, 900, 40, 1, 2)");
    ASSERT_TRUE(filled) << TextOf(filled);
  }
  auto db = OpenRecordingFile(old);
  ASSERT_TRUE(db) << TextOf(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), kRecordingSchemaVersion);
  EXPECT_EQ(*db->Integer("SELECT wakeup_latency_p50_ns FROM thread_summary WHERE voided = 2"), 900);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM thread_summary WHERE excess_latency_n IS NULL AND "
                         "assumed_affinity IS NULL AND sum_off_ns IS NULL AND preempted_sum_off_ns IS NULL"),
            1)
      << "what was not measured is not zero";
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM wait_chunk"), 0);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM model_rule"), 0);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM meta WHERE key = 'keeps_waits'"), 0);
}

TEST_F(SchemaTest, FindingsOfVersion3HaveEnded) {
  const std::string old = folder_.File("old.db");
  {
    auto db = Database::Open(old, Database::Mode::kCreate);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(Migrate(*db, Migrations().first(3)));
    const auto filled = db->Exec(
        "INSERT INTO finding VALUES('a', 'g', 'c', 'k', 'proven', 7, 'x', 0, 1, 2, 1, NULL, NULL, 'why', 'kworker')");
    ASSERT_TRUE(filled) << TextOf(filled);
  }
  auto db = OpenRecordingFile(old);
  ASSERT_TRUE(db) << TextOf(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), kRecordingSchemaVersion);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding WHERE kind = 'kworker' AND rule = '' AND assumption = '' AND "
                         "would_raise = '' AND open = 0"),
            1);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding_snapshot"), 0);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM obligation"), 0);
}

TEST_F(SchemaTest, ARecordingOfVersion4GetsRoomForVerdicts) {
  const std::string old = folder_.File("old.db");
  {
    auto db = Database::Open(old, Database::Mode::kCreate);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(Migrate(*db, Migrations().first(4)));
  }
  auto db = OpenRecordingFile(old);
  ASSERT_TRUE(db) << TextOf(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), kRecordingSchemaVersion);
  EXPECT_TRUE(ReadVerdicts(*db)->empty());
  auto writable = Database::Open(old, Database::Mode::kWrite);
  ASSERT_TRUE(writable) << TextOf(writable);
  const std::vector<ProtocolVerdict> verdicts = {{"p", "tso", "loses", "deadlock", "", 5, 4, 3, 2, "h"}};
  ASSERT_TRUE(WriteVerdicts(*writable, verdicts));
  EXPECT_EQ(*ReadVerdicts(*db), verdicts);
}

TEST_F(SchemaTest, TheListOfTablesIsTheSchema) {
  auto db = Database::Open(path_, Database::Mode::kRead);
  ASSERT_TRUE(db);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"),
            static_cast<int64_t>(RecordingTables().size()));
}

}  // namespace
}  // namespace wakewatch

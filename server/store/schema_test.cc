#include "server/store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

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

TEST_F(SchemaTest, AnOlderFileTakesTheStepsItLacksOnce) {
  const std::array steps = {
      Migrations()[0],
      MigrationStep{2, "ALTER TABLE meta ADD COLUMN unit TEXT; INSERT INTO meta VALUES('a', 'b', 'c')"},
      MigrationStep{3, "UPDATE meta SET value = value || '3'"}};
  for (int round = 0; round < 2; ++round) {
    auto db = OpenRecordingFile(path_, Database::Threads::kOneThread, steps);
    ASSERT_TRUE(db) << TextOf(db);
    EXPECT_EQ(*db->Integer("PRAGMA user_version"), 3);
    EXPECT_EQ(*db->Integer("SELECT count(*) FROM meta WHERE value = 'b3' AND unit = 'c'"), 1);
  }
}

TEST_F(SchemaTest, AStepThatFailsLeavesTheVersionBefore) {
  const std::array steps = {Migrations()[0], MigrationStep{2, "CREATE TABLE extra(a)"},
                            MigrationStep{3, "CREATE TABLE half(a); INSERT INTO absent VALUES(1)"}};
  auto failed = OpenRecordingFile(path_, Database::Threads::kOneThread, steps);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().Text(), testing::HasSubstr("version 3"));
  auto db = Database::Open(path_, Database::Mode::kRead);
  ASSERT_TRUE(db);
  EXPECT_EQ(*db->Integer("PRAGMA user_version"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM sqlite_schema WHERE name IN ('extra', 'half')"), 1);
}

TEST_F(SchemaTest, ANewerFileIsRefusedWithAWayOut) {
  Sql("PRAGMA user_version = 2");
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

TEST_F(SchemaTest, TheListOfTablesIsTheSchema) {
  auto db = Database::Open(path_, Database::Mode::kRead);
  ASSERT_TRUE(db);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"),
            static_cast<int64_t>(RecordingTables().size()));
}

}  // namespace
}  // namespace wakewatch

#include "server/store/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;

class QueryTest : public testing::Test {
 protected:
  void SetUp() override {
    const FormatTable formats = store_test::MakeFormats();
    store_test::EventMaker maker(formats);
    store_test::MakeRecording(path_, {MakeBatch(formats, store_test::Streams::Make(&maker, 2, 100), 50)});
    {
      auto db = Database::Open(path_, Database::Mode::kWrite);
      ASSERT_TRUE(db && db->Exec("CREATE TABLE secret(a); CREATE VIEW spy AS SELECT a FROM secret; "
                                 "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM chunk; END"));
    }
    auto query = RecordingQuery::Open(path_);
    ASSERT_TRUE(query) << TextOf(query);
    query_ = std::move(*query);
  }
  Result<QueryEnd> Run(const std::string& sql, const QueryLimits& limits = {}) {
    rows_.clear();
    return query_->Run(
        sql, limits, [&](const std::vector<std::string>& columns) { columns_ = columns; },
        [&](const std::vector<SqlValue>& row) {
          rows_.push_back(row);
          return rows_.size() < stop_after_;
        });
  }

  Folder folder_;
  std::string path_ = folder_.File("a.db");
  std::unique_ptr<RecordingQuery> query_;
  std::vector<std::string> columns_;
  std::vector<std::vector<SqlValue>> rows_;
  size_t stop_after_ = SIZE_MAX;
};

constexpr const char* kHostile[] = {
    // Other files.
    "ATTACH '/etc/passwd' AS p",
    "ATTACH DATABASE ':memory:' AS m",
    "ATTACH 'file:x?mode=rwc' AS x",
    "DETACH main",
    "DETACH temp",
    "VACUUM",
    "VACUUM INTO '/dev/shm/stolen.db'",
    "VACUUM main INTO 'x'",
    "SELECT load_extension('/lib/x.so')",
    "SELECT load_extension('x', 'init')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/dev/shm/x', 'y')",
    "SELECT edit('x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts3_tokenizer('simple', x'00')",
    "SELECT * FROM fsdir('/')",
    "SELECT sqlar_compress('x')",
    // Writing.
    "INSERT INTO meta VALUES('a', 'b')",
    "INSERT OR REPLACE INTO meta VALUES('a', 'b')",
    "REPLACE INTO meta VALUES(1, 2)",
    "INSERT INTO chunk SELECT * FROM chunk",
    "INSERT INTO event(id) VALUES(1)",
    "INSERT INTO sched_switch(id) VALUES(1)",
    "INSERT INTO sqlite_schema VALUES(1, 2, 3, 4, 5)",
    "UPDATE meta SET value = 1",
    "UPDATE chunk SET bytes = x''",
    "UPDATE sqlite_schema SET sql = 'x'",
    "UPDATE event SET ts = 0",
    "UPDATE OR IGNORE gap SET lost = 0",
    "DELETE FROM meta",
    "DELETE FROM chunk",
    "DELETE FROM event",
    "DELETE FROM sqlite_schema",
    "DELETE FROM secret",
    "WITH x AS (SELECT 1) INSERT INTO meta SELECT * FROM x, x",
    "WITH x AS (SELECT 1) DELETE FROM chunk",
    "INSERT INTO meta VALUES('a', 'b') RETURNING value",
    "DELETE FROM chunk RETURNING bytes",
    "EXPLAIN DELETE FROM chunk",
    "EXPLAIN QUERY PLAN INSERT INTO meta VALUES(1, 2)",
    // The schema.
    "CREATE TABLE x(a)",
    "CREATE TEMP TABLE x(a)",
    "CREATE TABLE temp.x(a)",
    "CREATE TABLE x AS SELECT * FROM event",
    "CREATE VIEW x AS SELECT 1",
    "CREATE TEMP VIEW x AS SELECT 1",
    "CREATE INDEX x ON chunk(id)",
    "CREATE UNIQUE INDEX x ON meta(value)",
    "CREATE TRIGGER x AFTER INSERT ON meta BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER x AFTER INSERT ON meta BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE x USING fts5(a)",
    "CREATE VIRTUAL TABLE temp.x USING wakewatch_events(0)",
    "CREATE VIRTUAL TABLE x USING rtree(a, b, c)",
    "CREATE VIRTUAL TABLE x USING dbstat",
    "DROP TABLE chunk",
    "DROP TABLE IF EXISTS meta",
    "DROP TABLE event",
    "DROP TABLE temp.sched_switch",
    "DROP VIEW softirq",
    "DROP VIEW spy",
    "DROP INDEX chunk_by_time",
    "DROP TRIGGER t",
    "ALTER TABLE meta RENAME TO x",
    "ALTER TABLE meta ADD COLUMN x",
    "ALTER TABLE meta DROP COLUMN value",
    "ALTER TABLE meta RENAME COLUMN value TO x",
    "REINDEX",
    "REINDEX chunk_by_time",
    "ANALYZE",
    "ANALYZE chunk",
    // Transactions.
    "BEGIN",
    "BEGIN IMMEDIATE",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE x",
    "ROLLBACK TO x",
    // Settings.
    "PRAGMA writable_schema = 1",
    "PRAGMA journal_mode = OFF",
    "PRAGMA journal_mode",
    "PRAGMA synchronous = 0",
    "PRAGMA user_version = 9",
    "PRAGMA user_version",
    "PRAGMA application_id = 9",
    "PRAGMA temp_store_directory = '/etc'",
    "PRAGMA data_store_directory = '/etc'",
    "PRAGMA temp_store = 2",
    "PRAGMA cache_size = 1000000000",
    "PRAGMA mmap_size = 1000000000000",
    "PRAGMA trusted_schema = 1",
    "PRAGMA query_only = 0",
    "PRAGMA foreign_keys = 1",
    "PRAGMA integrity_check",
    "PRAGMA quick_check",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA optimize",
    "PRAGMA incremental_vacuum",
    "PRAGMA database_list",
    "PRAGMA function_list",
    "PRAGMA module_list",
    "PRAGMA max_page_count = 1",
    "PRAGMA page_size = 512",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA hard_heap_limit = 1",
    "PRAGMA busy_timeout = 0",
    "PRAGMA threads = 8",
    "PRAGMA shrink_memory",
    "PRAGMA legacy_alter_table = 1",
    "PRAGMA recursive_triggers = 1",
    "PRAGMA cell_size_check = 0",
    "PRAGMA table_info(chunk); PRAGMA writable_schema = 1",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_function_list",
    "SELECT * FROM pragma_module_list",
    "SELECT * FROM pragma_compile_options",
    // Reading what is not the recording's.
    "SELECT * FROM secret",
    "SELECT a FROM spy",
    "SELECT count(*) FROM secret",
    "SELECT count(*) FROM main.SECRET",
    "SELECT count(*) FROM spy",
    "SELECT count(*) FROM sqlite_dbpage",
    "SELECT count(*) FROM pragma_database_list",
    "SELECT count(*) FROM pragma_compile_options AS n",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM dbstat",
    "SELECT * FROM sqlite_stmt",
    "SELECT * FROM bytecode('SELECT 1')",
    "SELECT * FROM sqlite_stat1",
    "SELECT (SELECT a FROM secret)",
    "SELECT 1 WHERE EXISTS(SELECT 1 FROM secret)",
    "WITH x AS (SELECT * FROM secret) SELECT * FROM x",
    "SELECT 1 UNION SELECT a FROM secret",
    "SELECT * FROM wakewatch_events",
    // Functions that are not on the list.
    "SELECT randomblob(1000)",
    "SELECT zeroblob(1000)",
    "SELECT sqlite_version()",
    "SELECT sqlite_source_id()",
    "SELECT sqlite_compileoption_get(0)",
    "SELECT sqlite_log(1, 'x')",
    "SELECT last_insert_rowid()",
    "SELECT changes()",
    "SELECT total_changes()",
    "SELECT sqlite_offset(ts) FROM event",
    "SELECT soundex('x')",
    "SELECT matchinfo(1)",
    "SELECT rtreedepth(x'00')",
    "SELECT fts5(1)",
    "SELECT sqlite_rename_table(1,2,3,4,5,6,7)",
    // More than one, less than one.
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE chunk",
    "SELECT 1; ATTACH 'x' AS y",
    "",
    " ",
    ";",
    "-- nothing",
    "/* nothing */;;",
    "SELEC 1",
    "SELECT",
    "SELECT * FROM absent",
    "SELECT absent FROM event",
    "SELECT ts FROM event WHERE",
    "SELECT 'unclosed",
    "SELECT /* unclosed",
    "SELECT x'0'",
    "EXPLAIN",
    "PRAGMA",
};
static_assert(std::size(kHostile) >= 100);

TEST_F(QueryTest, HostileStatementsAreRefusedAndChangeNothing) {
  const auto before = std::filesystem::file_size(path_);
  for (const char* sql : kHostile) {
    const auto end = Run(sql);
    // A comment that is not closed ends with the text, which is SQL; then it has to be harmless.
    if (std::string_view(sql) == "SELECT /* unclosed") continue;
    ASSERT_FALSE(end) << sql;
    EXPECT_TRUE(end.error().code == ErrorCode::kPermission || end.error().code == ErrorCode::kInvalidArgument)
        << sql << ": " << end.error().Text();
    EXPECT_TRUE(rows_.empty()) << sql;
  }
  EXPECT_EQ(std::filesystem::file_size(path_), before);
  ASSERT_TRUE(Run("SELECT count(*) FROM event"));
  EXPECT_EQ(std::get<int64_t>(rows_.at(0).at(0)), 200);
}

TEST_F(QueryTest, RefusalsSayWhatWasRefused) {
  struct Row {
    const char* sql;
    const char* words;
  };
  const Row rows[] = {{"ATTACH 'x' AS y", "ATTACH"},
                      {"SELECT load_extension('x')", "load_extension"},
                      {"SELECT a FROM secret", "reading secret"},
                      {"PRAGMA journal_mode = OFF", "PRAGMA journal_mode"},
                      {"DELETE FROM chunk", "DELETE"},
                      {"CREATE TABLE x(a)", ""}};
  for (const Row& row : rows) {
    const auto end = Run(row.sql);
    ASSERT_FALSE(end) << row.sql;
    EXPECT_EQ(end.error().code, ErrorCode::kPermission) << row.sql;
    EXPECT_THAT(end.error().Text(), testing::HasSubstr(row.words));
  }
}

TEST_F(QueryTest, WhatReadsIsAllowed) {
  for (const char* sql :
       {"SELECT * FROM event ORDER BY ts DESC LIMIT 3",
        "SELECT name FROM sqlite_schema",
        "PRAGMA table_info(sched_switch)",
        "SELECT name FROM pragma_table_info('event')",
        "PRAGMA table_list",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT * FROM softirq",
        "VALUES(1), (2)",
        "SELECT 1; -- and no more",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT sum(i) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT count(*) FROM n",
        "WITH n AS (SELECT pid FROM event) SELECT 1 FROM n, n AS m",
        "SELECT next_comm, count(*), avg(next_pid), group_concat(DISTINCT cpu) FROM sched_switch GROUP BY 1 HAVING "
        "count(*) > 1",
        "SELECT ts - lag(ts) OVER (PARTITION BY cpu ORDER BY ts) FROM sched_waking",
        "SELECT printf('%x', work), upper(workqueue) FROM work WHERE workqueue LIKE 'ev%' AND workqueue GLOB 'e*'",
        "SELECT s.id FROM sched_switch s JOIN sched_waking w ON w.ts = s.ts",
        "SELECT * FROM session, meta",
        "SELECT value FROM json_each('[1, 2]')",
        "SELECT datetime(1, 'unixepoch')",
        "SELECT count(*) FROM (SELECT DISTINCT cpu FROM softirq UNION SELECT cpu FROM work)"}) {
    const auto end = Run(sql);
    EXPECT_TRUE(end) << sql << ": " << TextOf(end);
  }
}

TEST_F(QueryTest, ADeadlineEndsWhatWouldNotEnd) {
  for (const char* sql :
       {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
        "SELECT count(*) FROM event a, event b, event c, event d, event e",
        "SELECT max(a.ts + b.ts) FROM event a JOIN event b ON b.pid <> a.pid JOIN event c JOIN event d JOIN event e"}) {
    const auto end = Run(sql, {.deadline = std::chrono::milliseconds(50)});
    ASSERT_FALSE(end) << sql;
    EXPECT_EQ(end.error().code, ErrorCode::kDeadline) << sql;
  }
  EXPECT_TRUE(Run("SELECT count(*) FROM event"));
}

TEST_F(QueryTest, TheRowLimitCutsAndSaysSo) {
  struct Row {
    uint64_t rows_max, rows;
    bool truncated;
  };
  for (const Row& row :
       {Row{0, 0, true}, Row{10, 10, true}, Row{199, 199, true}, Row{200, 200, false}, Row{201, 200, false}}) {
    const auto end = Run("SELECT id FROM event", {.rows_max = row.rows_max});
    ASSERT_TRUE(end) << TextOf(end);
    EXPECT_EQ(end->rows, row.rows);
    EXPECT_EQ(rows_.size(), row.rows);
    EXPECT_EQ(end->truncated, row.truncated) << row.rows_max;
  }
}

TEST_F(QueryTest, TheReaderMayStopEarly) {
  stop_after_ = 5;
  const auto end = Run("SELECT id FROM event");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->rows, 5u);
  EXPECT_FALSE(end->truncated);
}

TEST_F(QueryTest, ValuesKeepTheirTypes) {
  ASSERT_TRUE(Run("SELECT 1 AS a, 2.5 AS b, 'x' AS c, NULL AS d, x'00ff' AS e"));
  EXPECT_THAT(columns_, testing::ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(rows_.at(0),
            (std::vector<SqlValue>{int64_t{1}, 2.5, std::string("x"), std::monostate{}, std::string("x'00ff'")}));
}

TEST_F(QueryTest, OversizedWorkIsRefused) {
  std::string deep = "1";
  for (int i = 0; i < 300; ++i) deep = "(" + deep + "+1)";
  std::string wide = "SELECT 1";
  for (int i = 0; i < 100; ++i) wide += " UNION ALL SELECT 1";
  const std::string statements[] = {
      "SELECT " + deep, wide, "SELECT '" + std::string(300'000, 'x') + "'",
      "SELECT replace('" + std::string(5000, 'x') + "', 'x', '" + std::string(5000, 'y') + "')",
      std::string("SELECT 1\0; DROP TABLE chunk", 27)};
  for (const std::string& sql : statements) EXPECT_FALSE(Run(sql)) << sql.substr(0, 60);
}

}  // namespace
}  // namespace wakewatch

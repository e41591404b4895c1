#include "server/store/checked_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;

constexpr size_t kPage = 4096;

std::string BytesOfFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void PutFile(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

class CheckedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    auto db = Database::Open(path_, Database::Mode::kCreate);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(
        db->Exec("PRAGMA page_size = 4096; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
                 "INSERT INTO t SELECT i, printf('row %d of many, long enough to fill a few pages', i) FROM n"));
  }
  // All rows, or what kept them from being read.
  static std::string Rows(const std::string& path) {
    const auto db = Database::Open(path, Database::Mode::kRead);
    if (!db) return db.error().Text();
    auto rows = db->Prepare("SELECT group_concat(a || b) FROM t");
    if (!rows) return rows.error().Text();
    const auto row = rows->Step();
    return row ? rows->Text(0) : row.error().Text();
  }

  Folder folder_;
  const std::string path_ = folder_.File("a.db");
};

TEST_F(CheckedFileTest, EveryPageHasItsChecksumAndSqliteStillReadsTheFile) {
  const std::string bytes = BytesOfFile(path_);
  ASSERT_GE(bytes.size(), 4 * kPage);
  for (size_t at = 0; at < bytes.size(); at += kPage) {
    uint64_t stored = 0;
    std::memcpy(&stored, bytes.data() + at + kPage - kPageCheckBytes, sizeof stored);
    EXPECT_EQ(stored, PageCheck(Bytes(reinterpret_cast<const uint8_t*>(bytes.data()) + at, kPage), at)) << at;
  }
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path_.c_str(), &plain, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(plain, "SELECT sum(length(b)) FROM t; PRAGMA integrity_check", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(plain);
}

TEST_F(CheckedFileTest, EveryByteOfEveryPageIsGuarded) {
  const std::string good = BytesOfFile(path_), rows = Rows(path_);
  ASSERT_NE(rows.find("row 300 of many"), std::string::npos);
  for (size_t at = 0; at < good.size(); at += 37) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    PutFile(path_, bytes);
    const std::string read = Rows(path_);
    EXPECT_NE(read, rows) << "byte " << at;
    EXPECT_EQ(read.find("row 1 of many"), std::string::npos) << "byte " << at;
  }
  // The byte that says that there are checksums does not switch them off.
  std::string bytes = good;
  bytes[20] = 0;
  PutFile(path_, bytes);
  EXPECT_NE(Rows(path_).find("not as it was written"), std::string::npos);
}

TEST_F(CheckedFileTest, APageInTheWrongPlaceIsNotTakenForTheRightOne) {
  const std::string good = BytesOfFile(path_);
  std::string bytes = good;
  bytes.replace(3 * kPage, kPage, good, 2 * kPage, kPage);
  PutFile(path_, bytes);
  EXPECT_NE(Rows(path_).find("not as it was written"), std::string::npos);
}

TEST_F(CheckedFileTest, WhatTheLogCarriesIntoTheFileIsCheckedToo) {
  {
    auto db = Database::Open(path_, Database::Mode::kWrite);
    ASSERT_TRUE(db &&
                db->Exec("PRAGMA journal_mode = WAL; UPDATE t SET b = b || '!'; PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  const std::string good = BytesOfFile(path_);
  EXPECT_NE(Rows(path_).find("few pages!"), std::string::npos);
  std::string bytes = good;
  bytes[2 * kPage + 4000] ^= 1;
  PutFile(path_, bytes);
  EXPECT_NE(Rows(path_).find("not as it was written"), std::string::npos);
}

TEST_F(CheckedFileTest, AFileWithoutChecksumsIsReadAndWrittenAsItIs) {
  const std::string old = folder_.File("old.db");
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open(old.c_str(), &plain), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(plain, "CREATE TABLE t(a, b); INSERT INTO t VALUES(1, 'x')", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(plain);
  {
    auto db = Database::Open(old, Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec("INSERT INTO t VALUES(2, 'y')"));
  }
  EXPECT_EQ(Rows(old), "1x,2y");
  EXPECT_EQ(BytesOfFile(old)[20], 0);
}

TEST_F(CheckedFileTest, AnotherProgramsPagesAreRefusedWithTheReason) {
  sqlite3* plain = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &plain), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(plain, "UPDATE t SET b = 'forged' WHERE a = 1", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(plain);
  EXPECT_NE(Rows(path_).find("another program wrote to it"), std::string::npos);
}

}  // namespace
}  // namespace wakewatch

#include "server/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "server/store/catalogue.h"
#include "server/store/part_files.h"
#include "server/store/session_test_support.h"
#include "server/store/store_check.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using store_test::JsonOf;
using store_test::LinesOf;
using store_test::MakeSession;
using store_test::StoreAll;
using store_test::TextOf;
using store_test::TinyParts;

class BackupTest : public testing::Test {
 protected:
  std::string CopyOf(const std::string& folder) const { return to_ + folder.substr(data_.size()); }

  const store_test::MemoryFolder folder_;
  const std::string data_ = folder_.File("data"), to_ = folder_.File("copy/of/today");
  store_test::LiveTrace trace_;
};

TEST_F(BackupTest, TheCopyIsADataFolderThatSaysTheSame) {
  const std::string a = StoreAll(data_, trace_.Batches(5, MakeSession("a")), TinyParts());
  const std::string b = StoreAll(data_, trace_.Batches(5, MakeSession("b")));
  const auto rows = (*Catalogue::Open(data_))->List("");
  std::ofstream(data_ + "/tokens") << "x";
  fs::permissions(data_ + "/tokens", fs::perms::owner_read);
  const auto report = BackUp(data_, to_);
  ASSERT_TRUE(report) << TextOf(report);
  EXPECT_EQ(report->parts, 6u);
  EXPECT_TRUE(report->failed.empty());
  EXPECT_FALSE(fs::exists(to_ + "/catalogue.db"));
  EXPECT_EQ(fs::status(to_ + "/tokens").permissions(), fs::perms::owner_read);
  for (const std::string& folder : {a, b}) {
    EXPECT_EQ(JsonOf(CopyOf(folder)), JsonOf(folder));
    EXPECT_EQ(LinesOf(CopyOf(folder)), LinesOf(folder));
  }
  EXPECT_TRUE(CheckStore(to_, CheckDepth::kFull).damaged.empty());
  const auto restored = (*Catalogue::Open(to_))->List("");
  ASSERT_EQ(restored.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(restored[i].events, rows[i].events);
}

// Of a session that is being written, with parts that end meanwhile: whole batches, all that were committed before.
TEST_F(BackupTest, AStoreInUseIsCopiedAsOneMomentSawEachPart) {
  const auto batches = trace_.Batches(120);
  const auto store = store_test::OpenStore(data_, {.part_bytes_max = 200'000});
  std::atomic<uint64_t> committed{0};
  std::thread writer([&] {
    for (const Batch& batch : batches) {
      ASSERT_TRUE(store->Commit({&batch, 1}, {}));
      committed = batch.sequence;
    }
  });
  uint64_t copies = 0;
  do {
    const std::string to = folder_.File("copy" + std::to_string(copies++));
    const uint64_t before = committed;
    const auto report = BackUp(data_, to);
    ASSERT_TRUE(report) << TextOf(report);
    EXPECT_TRUE(report->failed.empty());
    if (report->parts == 0) continue;
    EXPECT_TRUE(CheckStore(to, CheckDepth::kFull).damaged.empty());
    const auto parts = Parts(to + store->folder().substr(data_.size()));
    const auto sequence =
        store_test::CountOf(parts.back(),
                            "SELECT max(coalesce((SELECT max(sequence) FROM batch), 0), "
                            "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'sequence_before'), 0))");
    EXPECT_GE(static_cast<uint64_t>(sequence), before);
  } while (committed < batches.size() && copies < 20);
  writer.join();
}

TEST_F(BackupTest, WhatCannotBeCopiedIsNamedAndTheRestIsThere) {
  const std::string a = StoreAll(data_, trace_.Batches(4), TinyParts());
  const std::string bad = Parts(a)[1];
  {
    std::fstream file(bad, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(9000);
    file.put('\x55');
  }
  const auto report = BackUp(data_, to_);
  ASSERT_TRUE(report) << TextOf(report);
  EXPECT_EQ(report->parts, 3u);
  ASSERT_EQ(report->failed.size(), 1u);
  EXPECT_EQ(report->failed[0].file, bad);
  EXPECT_EQ(Parts(CopyOf(a)).size(), 3u);
}

TEST_F(BackupTest, TargetsThatMakeNoSenseAreRefused) {
  StoreAll(data_, trace_.Batches(1));
  fs::create_directories(folder_.File("full/x"));
  for (const std::string& to : {data_, data_ + "/backup", folder_.File("full")}) {
    const auto report = BackUp(data_, to);
    ASSERT_FALSE(report) << to;
    EXPECT_EQ(report.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(BackUp(folder_.File("none"), to_).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace wakewatch

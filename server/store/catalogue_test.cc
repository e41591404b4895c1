#include "server/store/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "server/store/part_files.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::MakeSession;
using store_test::StoreAll;
using store_test::TextOf;
using store_test::TinyParts;

class CatalogueTest : public testing::Test {
 protected:
  CatalogueTest() {
    a_ = StoreAll(data_, trace_.Batches(4, MakeSession("a", "s1")), TinyParts());
    b_ = StoreAll(data_, trace_.Batches(4, MakeSession("b/c", "s1")));
  }
  std::unique_ptr<Catalogue> Open() {
    auto catalogue = Catalogue::Open(data_);
    EXPECT_TRUE(catalogue) << TextOf(catalogue);
    return catalogue ? std::move(*catalogue) : nullptr;
  }
  static RecordingRow RowOf(const std::string& folder) {
    const auto store = SessionStore::Resume(folder, {});
    EXPECT_TRUE(store) << TextOf(store);
    EXPECT_TRUE((*store)->Close());
    return (*store)->row();
  }
  void Spoil(const char* sql) {
    auto db = Database::Open(data_ + "/catalogue.db", Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec(sql));
  }

  Folder folder_;
  std::string data_ = folder_.File("data");
  store_test::LiveTrace trace_;
  std::string a_, b_;  // recordings
};

TEST_F(CatalogueTest, ItIsMadeFromTheRecordings) {
  const RecordingRow a = RowOf(a_), b = RowOf(b_);
  for (int round = 0; round < 2; ++round) {
    const auto catalogue = Open();
    EXPECT_TRUE(catalogue->warnings().empty());
    EXPECT_THAT(catalogue->Hosts(), testing::ElementsAre("a", "b/c"));
    EXPECT_EQ(catalogue->Find("a", a.id), a);
    EXPECT_EQ(catalogue->Find("b/c", b.id), b);
    EXPECT_EQ(catalogue->Find("a", "none"), std::nullopt);
    EXPECT_EQ(a.parts, 4u);
    EXPECT_EQ(RecordingFolder(data_, "b/c", b.id), b_);
  }
}

TEST_F(CatalogueTest, WhateverIsWrongWithItItIsMadeAgain) {
  const auto rows = Open()->List("");
  ASSERT_EQ(rows.size(), 2u);
  const std::string path = data_ + "/catalogue.db";
  struct Row {
    const char* story;
    std::function<void()> spoil;
    bool warned;
  };
  const Row stories[] = {
      {"missing", [&] { std::filesystem::remove(path); }, false},
      {"empty", [&] { std::filesystem::resize_file(path, 0); }, false},
      {"not a database", [&] { std::ofstream(path) << std::string(5000, 'x'); }, true},
      {"truncated", [&] { std::filesystem::resize_file(path, 4100); }, true},
      {"its pages overwritten",
       [&] {
         std::fstream file(path, std::ios::in | std::ios::out);
         file.seekp(4096);
         file << std::string(4096, '\xff');
       },
       true},
      {"of another version", [&] { Spoil("PRAGMA user_version = 77"); }, true},
      {"without its table", [&] { Spoil("DROP TABLE recording"); }, true},
      {"another program's", [&] { Spoil("DROP TABLE recording; CREATE TABLE recording(x)"); }, true},
      {"a folder", [&] { std::filesystem::remove(path), std::filesystem::create_directories(path + "/x"); }, true},
      {"rows that are old", [&] { Spoil("UPDATE recording SET events = 1, stamp = 5"); }, false},
      {"rows of what is not there", [&] { Spoil("UPDATE recording SET id = 'gone' WHERE host = 'a'"); }, false},
  };
  for (const Row& story : stories) {
    SCOPED_TRACE(story.story);
    story.spoil();
    const auto catalogue = Open();
    ASSERT_NE(catalogue, nullptr);
    EXPECT_EQ(catalogue->List(""), rows);
    EXPECT_EQ(!catalogue->warnings().empty(), story.warned);
    EXPECT_EQ(Open()->List(""), rows);
  }
}

TEST_F(CatalogueTest, ItIsReadFromItsFileWhereNothingChanged) {
  Open();
  Spoil("UPDATE recording SET kernel = 'from the file'");
  EXPECT_EQ(Open()->Newest("a")->kernel, "from the file");
  // And read again where something did.
  const auto store = SessionStore::Resume(a_, {});
  ASSERT_TRUE(store && (*store)->Seal(true));
  EXPECT_EQ(Open()->Newest("a")->kernel, "6.1.0");
  EXPECT_EQ(Open()->Newest("b/c")->kernel, "from the file");
}

TEST_F(CatalogueTest, PartsThatCannotBeReadDoNotKeepTheServerFromStarting) {
  const RecordingRow whole = *Open()->Newest("a");
  const auto parts = Parts(a_);
  std::filesystem::resize_file(parts[1], 20'000);
  std::ofstream(parts[2]) << "x";
  std::ofstream(parts[2] + "-wal") << "y";
  const auto catalogue = Open();
  EXPECT_EQ(catalogue->warnings().size(), 2u);
  EXPECT_THAT(catalogue->warnings(), testing::Each(testing::HasSubstr("quarantine/a-")));
  const RecordingRow left = *catalogue->Newest("a");
  EXPECT_EQ(left.parts, 2u);
  EXPECT_LT(left.events, whole.events);
  EXPECT_EQ(Parts(a_).size(), 2u);
  size_t moved = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_ + "/quarantine")) moved += entry.is_regular_file();
  EXPECT_GE(moved, 2u);
  EXPECT_TRUE(Open()->warnings().empty());
  // A part of a newer version is left where it is.
  {
    auto db = Database::Open(parts[3], Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec("PRAGMA user_version = 99"));
  }
  EXPECT_EQ(Open()->warnings().size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(parts[3]));
  EXPECT_EQ(Open()->Newest("a")->parts, 1u);
}

TEST_F(CatalogueTest, RowsComeAndGo) {
  const auto catalogue = Open();
  RecordingRow row;
  row.host = "a";
  row.id = "29991231T000000Z-s9";
  row.live = true;
  row.events = 5;
  EXPECT_TRUE(catalogue->Update(row));
  EXPECT_EQ(catalogue->Newest("a"), row);
  EXPECT_EQ(catalogue->Newest("none"), std::nullopt);
  EXPECT_EQ(catalogue->List("a").size(), 2u);
  EXPECT_EQ(catalogue->List("a")[0], row);
  EXPECT_EQ(catalogue->List("")[0], row);
  EXPECT_EQ(catalogue->List("").size(), 3u);
  EXPECT_TRUE(catalogue->List("none").empty());
  EXPECT_TRUE(catalogue->Remove("a", row.id));
  EXPECT_TRUE(catalogue->Remove("a", row.id));
  EXPECT_EQ(catalogue->List("").size(), 2u);
}

TEST_F(CatalogueTest, ThreadsShareIt) {
  const auto catalogue = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 50; ++i) {
        RecordingRow row;
        row.host = "host" + std::to_string(t);
        row.id = std::to_string(i % 7);
        row.events = i;
        EXPECT_TRUE(catalogue->Update(row));
        EXPECT_FALSE(catalogue->List("").empty());
        EXPECT_EQ(catalogue->Find(row.host, row.id), row);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(catalogue->List("").size(), 2u + 4 * 7);
}

TEST_F(CatalogueTest, VerdictsOfProtocolsOutliveTheServer) {
  const std::vector<ProtocolVerdict> first = {{"a", "sc", "safe", "", "safe", 5, 4, 0, 1, "h"},
                                              {"a", "tso", "loses", "lost-wakeup", "safe", 9, 8, 7, 1, "h"}};
  EXPECT_TRUE(Open()->Verdicts().empty());
  {
    const auto catalogue = Open();
    EXPECT_TRUE(catalogue->KeepVerdicts(first));
    EXPECT_TRUE(catalogue->KeepVerdicts(first)) << "they replace those that are there";
  }
  EXPECT_EQ(Open()->Verdicts(), first);
  Spoil("DROP TABLE protocol_verdict; CREATE TABLE protocol_verdict(x)");
  const auto catalogue = Open();
  EXPECT_TRUE(catalogue->Verdicts().empty()) << "what cannot be read is found out again";
  EXPECT_EQ(catalogue->List("").size(), 2u);
}

TEST_F(CatalogueTest, BytesOfTheDayOutliveTheServer) {
  EXPECT_EQ(Open()->DayOf("a"), DayBytes());
  {
    const auto catalogue = Open();
    EXPECT_TRUE(catalogue->KeepDay("a", {20'000, 5}));
    EXPECT_TRUE(catalogue->KeepDay("a", {20'000, 9})) << "it replaces what is there";
    EXPECT_TRUE(catalogue->KeepDay("b", {19'999, 7}));
    EXPECT_TRUE(catalogue->KeepDay("c", {19'998, 7}));
  }
  {
    const auto catalogue = Open();
    EXPECT_EQ(catalogue->DayOf("a"), (DayBytes{20'000, 9}));
    EXPECT_EQ(catalogue->DayOf("b"), (DayBytes{19'999, 7}));
    EXPECT_EQ(catalogue->DayOf("c"), DayBytes()) << "rows of days that are over do not pile up";
  }
  Spoil("DROP TABLE host_day; CREATE TABLE host_day(x)");
  const auto catalogue = Open();
  EXPECT_EQ(catalogue->DayOf("a"), DayBytes());
  EXPECT_EQ(catalogue->List("").size(), 2u);
}

TEST_F(CatalogueTest, AStoreThatGrowsIsReadAgain) {
  const auto store = store_test::OpenStore(data_, {}, MakeSession("d", "s1"));
  const auto batches = trace_.Batches(4, MakeSession("d", "s1"));
  ASSERT_TRUE(store->Commit({batches.data(), 2}, {}));
  {
    const auto catalogue = Open();
    EXPECT_TRUE(catalogue->Update(store->row()));
    EXPECT_TRUE(catalogue->Newest("d")->live);
  }
  ASSERT_TRUE(store->Commit(batches, {}));
  const auto catalogue = Open();
  EXPECT_EQ(catalogue->Newest("d")->events, store->events());
  EXPECT_FALSE(catalogue->Newest("d")->live);
}

}  // namespace
}  // namespace wakewatch

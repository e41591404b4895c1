#include "server/live/caretaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/store/part_files.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::CountOf;
using store_test::Folder;
using store_test::JsonOf;
using store_test::LinesOf;
using store_test::TextOf;

class CaretakerTest : public testing::Test {
 protected:
  void Open() {
    auto catalogue = Catalogue::Open(folder_.File("data"));
    ASSERT_TRUE(catalogue) << TextOf(catalogue);
    catalogue_ = std::move(*catalogue);
  }
  std::unique_ptr<Caretaker> Start(const RetentionOptions& retention = Forever(), bool holds_back = true) {
    return std::make_unique<Caretaker>(
        Caretaker::Options{.catalogue = catalogue_.get(),
                           .retention = retention,
                           .holds_back = holds_back,
                           .now_real_ns = [this] { return RealNowNs() + clock_ahead_ns_; },
                           .files = &files_,
                           .folders_in_use =
                               [this] {
                                 const std::lock_guard lock(mutex_);
                                 return in_use_;
                               },
                           .log =
                               [this](const std::string& line, bool warning) {
                                 const std::lock_guard lock(mutex_);
                                 log_.push_back((warning ? "! " : "") + line);
                               }});
  }
  static RetentionOptions Forever() {
    RetentionOptions retention;
    retention.age = std::chrono::seconds(0);
    retention.bytes_per_host_max = 0;
    retention.findings_age = std::chrono::seconds(0);
    return retention;
  }
  // Rounds come by themselves.
  static bool Eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(5);  // which only a failure takes
    while (!holds()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  static uint64_t BytesIn(const std::string& folder) {
    uint64_t bytes = 0;
    for (const std::string& part : Parts(folder)) bytes += BytesOf(part);
    return bytes;
  }
  static int64_t ChunksIn(const std::string& part) { return CountOf(part, "SELECT count(*) FROM chunk"); }

  Folder folder_;
  std::shared_mutex files_;
  std::unique_ptr<Catalogue> catalogue_;
  std::mutex mutex_;
  std::set<std::string> in_use_;
  std::vector<std::string> log_;
  uint64_t clock_ahead_ns_ = 0;
  store_test::LiveTrace trace_;
};

TEST_F(CaretakerTest, SealsWhatAnEarlierProcessLeftComplete) {
  const std::string folder = store_test::StoreAll(folder_.File("data"), trace_.Batches(40));
  const auto lines = LinesOf(folder);
  const std::string report = JsonOf(folder);
  const std::string part = Parts(folder)[0];
  const int64_t chunks = ChunksIn(part);
  const uint64_t bytes = BytesIn(folder);
  Open();
  const RecordingRow before = catalogue_->List("")[0];
  const auto caretaker = Start();
  ASSERT_TRUE(Eventually([&] { return catalogue_->List("")[0].bytes != before.bytes; }));
  EXPECT_LT(ChunksIn(part), chunks);
  EXPECT_LT(BytesIn(folder), bytes);
  EXPECT_EQ(LinesOf(folder), lines);
  EXPECT_EQ(JsonOf(folder), report);
  RecordingRow wanted = before;
  wanted.bytes = BytesIn(folder);
  EXPECT_EQ(catalogue_->List("")[0], wanted);
}

TEST_F(CaretakerTest, TakesWhatBecomesComplete) {
  Open();
  const auto caretaker = Start();
  const std::string folder = store_test::StoreAll(folder_.File("data"), trace_.Batches(40));
  const auto lines = LinesOf(folder);
  const auto store = SessionStore::Resume(folder, {});
  ASSERT_TRUE(store) << TextOf(store);
  const RecordingRow row = (*store)->row();
  ASSERT_TRUE((*store)->Close());
  ASSERT_TRUE(catalogue_->Update(row));
  // One that went meanwhile does not come back into the catalogue.
  RecordingRow gone = row;
  gone.id = "gone";
  caretaker->Take(gone);
  caretaker->Take(row);
  ASSERT_TRUE(Eventually([&] { return catalogue_->Find(row.host, row.id)->bytes != row.bytes; }));
  EXPECT_EQ(LinesOf(folder), lines);
  EXPECT_FALSE(catalogue_->Find(row.host, "gone"));
}

TEST_F(CaretakerTest, OfASessionThatIsStoredTheNewestPartIsLeftAlone) {
  const auto batches = trace_.Batches(40);
  const auto store = store_test::OpenStore(folder_.File("data"), {.part_span_max = std::chrono::seconds(0)});
  for (size_t i = 0; i < 35; ++i) ASSERT_TRUE(store->Commit({&batches[i], 1}, {}));
  const auto parts = Parts(store->folder());
  ASSERT_EQ(parts.size(), 3u);
  std::vector<int64_t> chunks;
  for (const std::string& part : parts) chunks.push_back(ChunksIn(part));
  Open();
  in_use_ = {store->folder()};
  {
    const auto caretaker = Start();
    ASSERT_TRUE(Eventually([&] { return ChunksIn(parts[0]) < chunks[0] && ChunksIn(parts[1]) < chunks[1]; }));
  }
  EXPECT_EQ(ChunksIn(parts[2]), chunks[2]);
  for (size_t i = 35; i < batches.size(); ++i) ASSERT_TRUE(store->Commit({&batches[i], 1}, {}));
  EXPECT_EQ(LinesOf(store->folder()), LinesOf(store_test::StoreAll(folder_.File("reference"), batches)));
}

TEST_F(CaretakerTest, ASessionGoesOnBehindASealedPart) {
  auto batches = trace_.Batches(20);
  batches[9].last = true;  // its collector said goodbye and came back
  const std::string folder =
      store_test::StoreAll(folder_.File("data"), std::vector<Batch>(batches.begin(), batches.begin() + 10));
  Open();
  {
    const uint64_t bytes = catalogue_->List("")[0].bytes;
    const auto caretaker = Start();
    ASSERT_TRUE(Eventually([&] { return catalogue_->List("")[0].bytes != bytes; }));
  }
  const auto store = store_test::OpenStore(folder_.File("data"));
  EXPECT_EQ(store->folder(), folder);
  for (size_t i = 10; i < batches.size(); ++i) {
    const auto status = store->Commit({&batches[i], 1}, {});
    ASSERT_TRUE(status) << TextOf(status);
  }
  EXPECT_EQ(LinesOf(folder), LinesOf(store_test::StoreAll(folder_.File("reference"), batches)));
}

// What the trace holds is years old; as a recording it begins to age when it is stored.
TEST_F(CaretakerTest, RetentionRuns) {
  const auto removed = [&] {
    const std::lock_guard lock(mutex_);
    return std::any_of(log_.begin(), log_.end(),
                       [](const std::string& line) { return line.starts_with("retention: removed"); });
  };
  const std::string folder = store_test::StoreAll(folder_.File("data"), trace_.Batches(5));
  // Another that is old: when it is gone, the young one was looked at too.
  const std::string old = store_test::StoreAll(folder_.File("data"), trace_.Batches(5, store_test::MakeSession("zoo")));
  using Clock = std::filesystem::file_time_type::clock;
  for (const std::string& part : Parts(old)) {
    std::filesystem::last_write_time(part, Clock::now() - std::chrono::hours(24 * 7 + 12));
  }
  Open();
  ASSERT_EQ(catalogue_->List("").size(), 2u);
  const auto caretaker = Start(RetentionOptions{});
  EXPECT_TRUE(Eventually([&] { return removed() && catalogue_->List("").size() == 1; }));
  EXPECT_TRUE(Parts(old).empty());
  EXPECT_EQ(Parts(folder).size(), 1u);
}

TEST_F(CaretakerTest, AClockThatIsFarAheadRemovesNothingUntilSomebodySaysSo) {
  clock_ahead_ns_ = 400ull * 24 * 3600 * 1'000'000'000;
  const std::string folder = store_test::StoreAll(folder_.File("data"), trace_.Batches(5));
  const auto said = [&](const std::string& begin) {
    const std::lock_guard lock(mutex_);
    return std::count_if(log_.begin(), log_.end(), [&](const std::string& line) { return line.starts_with(begin); });
  };
  Open();
  for (int start = 1; start <= 2; ++start) {
    const auto caretaker = Start(RetentionOptions{});
    EXPECT_TRUE(Eventually([&] { return said("! retention: holds back") == start; }));
  }
  EXPECT_EQ(ReadHeldHosts(folder_.File("data")), HeldHosts{"box"});
  EXPECT_EQ(Parts(folder).size(), 1u);
  const auto caretaker = Start(RetentionOptions{}, false);
  EXPECT_TRUE(Eventually([&] { return said("retention: removed") > 0 && catalogue_->List("").empty(); }));
  EXPECT_TRUE(Parts(folder).empty());
  EXPECT_TRUE(Eventually([&] { return ReadHeldHosts(folder_.File("data")).empty(); }));
}

}  // namespace
}  // namespace wakewatch

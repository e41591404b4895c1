#include "server/store/session_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>

#include "server/store/part_files.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::JsonOf;
using store_test::LinesOf;
using store_test::MakeSession;
using store_test::OpenStore;
using store_test::StoreAll;
using store_test::TextOf;
using store_test::TinyParts;

class SessionStoreTest : public testing::Test {
 protected:
  std::string Data(const std::string& name = "data") const { return folder_.File(name); }

  Folder folder_;
  store_test::LiveTrace trace_;
};

TEST_F(SessionStoreTest, WhatWasSentIsReadAsFromTheTrace) {
  const auto batches = trace_.Batches(1);
  const std::string folder = StoreAll(Data(), batches);
  EXPECT_EQ(Parts(folder).size(), 1u);
  EXPECT_EQ(LinesOf(folder), store_test::Lines(trace_.input(), 1000));
  const auto input = OpenRecording(folder);
  ASSERT_TRUE(input) << TextOf(input);
  EXPECT_TRUE((*input)->metadata().loss_marked);
  EXPECT_EQ((*input)->metadata().path, folder);
}

TEST_F(SessionStoreTest, APartForEveryBatchIsReadAsOneFile) {
  const auto batches = trace_.Batches(25);
  const std::string whole = StoreAll(Data("whole"), batches);
  const std::string parts = StoreAll(Data("parts"), batches, TinyParts());
  EXPECT_EQ(Parts(whole).size(), 1u);
  ASSERT_EQ(Parts(parts).size(), 25u);
  const auto lines = LinesOf(whole);
  EXPECT_EQ(LinesOf(parts), lines);
  EXPECT_THAT(lines, testing::Contains(testing::HasSubstr(" gap to ")));
  EXPECT_EQ(JsonOf(parts), JsonOf(whole));
  // The folder of one part says the same as its file.
  EXPECT_EQ(JsonOf(Parts(whole)[0]), JsonOf(whole));
}

TEST_F(SessionStoreTest, EveryPartIsARecordingOfItsOwn) {
  const std::string folder = StoreAll(Data(), trace_.Batches(12), TinyParts());
  uint64_t events = 0;
  for (const std::string& part : Parts(folder)) {
    SCOPED_TRACE(part);
    const auto input = OpenRecording(part);
    ASSERT_TRUE(input) << TextOf(input);
    EXPECT_EQ((*input)->metadata().kernel, "6.1.0");
    EXPECT_EQ((*input)->metadata().hostname, "box");
    EXPECT_FALSE((*input)->metadata().clock_pairs.empty());
    EXPECT_EQ((*input)->formats().Hash(), trace_.input().formats().Hash());
    EXPECT_EQ((*input)->metadata().threads.all().size(), trace_.input().metadata().threads.all().size());
    events += store_test::ReportOf(**input).events;
  }
  EXPECT_EQ(events, store_test::ReportOf(folder).events);
  const auto parts = Parts(folder);
  EXPECT_EQ(store_test::CountOf(parts[2], "SELECT value = '3' FROM meta WHERE key = 'part'"), 1);
  EXPECT_EQ(store_test::CountOf(parts[2], "SELECT value = 'part-0002.db' FROM meta WHERE key = 'previous'"), 1);
  EXPECT_EQ(store_test::CountOf(parts[2],
                                "SELECT value = (SELECT max(last_ns) FROM chunk) FROM meta "
                                "WHERE key = 'last_ns'"),
            1);
}

TEST_F(SessionStoreTest, APartEndsByItsSpanOfTime) {
  SessionStoreOptions options;
  options.part_span_max = std::chrono::seconds(0);
  const std::string folder = StoreAll(Data(), trace_.Batches(40), options);
  // Every part has the sixteen batches that a part has at least, and the last the rest.
  EXPECT_EQ(Parts(folder).size(), 3u);
  EXPECT_EQ(LinesOf(folder), LinesOf(StoreAll(Data("whole"), trace_.Batches(40))));
}

TEST_F(SessionStoreTest, DuplicatesAreIgnoredAndHolesAreTaken) {
  const auto batches = trace_.Batches(10);
  const auto lines = LinesOf(StoreAll(Data("once"), batches));
  struct Row {
    const char* story;
    std::vector<size_t> order;  // of the batches, as they are committed one by one
  };
  const Row rows[] = {
      {"each twice", {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9}},
      {"from the beginning after a break", {0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
      {"an old one between new ones", {0, 1, 2, 0, 3, 4, 2, 5, 6, 7, 8, 1, 9}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::vector<Batch> sent;
    for (const size_t index : row.order) sent.push_back(batches[index]);
    const std::string folder =
        StoreAll(Data(row.story), sent, row.order.size() == 14 ? TinyParts() : SessionStoreOptions());
    EXPECT_EQ(LinesOf(folder), lines);
  }
  // All of them at once, in the wrong order: what comes behind a later one is not stored.
  const auto store = OpenStore(Data("holes"));
  const std::vector<Batch> some = {batches[0], batches[4], batches[2], batches[7]};
  ASSERT_TRUE(store->Commit(some, {}));
  EXPECT_EQ(store->committed_sequence(), 8u);
  EXPECT_EQ(store_test::CountOf(Parts(store->folder())[0], "SELECT count(*) FROM batch WHERE sequence IN (1, 5, 8)"),
            3);
  EXPECT_EQ(store_test::CountOf(Parts(store->folder())[0], "SELECT count(*) FROM batch"), 3);
}

TEST_F(SessionStoreTest, ItGoesOnWhereItWas) {
  const auto batches = trace_.Batches(12);
  const auto lines = LinesOf(StoreAll(Data("whole"), batches));
  for (const auto& options : {SessionStoreOptions(), TinyParts()}) {
    SCOPED_TRACE(options.part_bytes_max);
    const std::string data = Data(std::to_string(options.part_bytes_max));
    std::string folder;
    uint64_t events = 0;
    for (const Batch& batch : batches) {
      const auto store = OpenStore(data, options);  // without a Close before
      EXPECT_TRUE(folder.empty() || store->folder() == folder) << store->folder();
      folder = store->folder();
      EXPECT_EQ(store->committed_sequence(), batch.sequence - 1);
      EXPECT_EQ(store->events(), events);
      EXPECT_FALSE(store->ended());
      ASSERT_TRUE(store->Commit({&batch, 1}, {}));
      for (const Chunk& chunk : batch.chunks) events += chunk.events;
    }
    const auto store = SessionStore::Resume(folder, options);
    ASSERT_TRUE(store) << TextOf(store);
    EXPECT_TRUE((*store)->ended());
    EXPECT_EQ((*store)->committed_sequence(), 12u);
    EXPECT_EQ((*store)->session().session, "s1");
    EXPECT_EQ(LinesOf(folder), lines);
  }
}

TEST_F(SessionStoreTest, ACrashAtAnyMomentLosesNothingThatWasCommitted) {
  const auto batches = trace_.Batches(12);
  const auto lines = LinesOf(StoreAll(Data("whole"), batches));
  // The folder as it lies there after each commit is what a crash leaves.
  const auto store = OpenStore(Data(), TinyParts());
  for (size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(store->Commit({&batches[i], 1}, {}));
    const std::string copy = Data("copy" + std::to_string(i));
    store_test::Copy(store->folder(), copy);
    std::ofstream(copy + "/part-0099.db.new") << "half a part";
    std::ofstream(copy + "/part-0099.db.new-journal") << "its journal";
    const auto resumed = SessionStore::Resume(copy, TinyParts());
    ASSERT_TRUE(resumed) << TextOf(resumed);
    EXPECT_FALSE(std::filesystem::exists(copy + "/part-0099.db.new"));
    EXPECT_FALSE(std::filesystem::exists(copy + "/part-0099.db.new-journal"));
    EXPECT_EQ((*resumed)->committed_sequence(), i + 1);
    ASSERT_TRUE((*resumed)->Commit(batches, {}));  // the collector sends again, too much
    EXPECT_EQ(LinesOf(copy), lines);
  }
}

TEST_F(SessionStoreTest, AKilledServerLeavesWhatItAcknowledged) {
  const auto batches = trace_.Batches(6);
  const pid_t child = fork();
  if (child == 0) {
    auto store = SessionStore::Open(Data(), MakeSession(), TinyParts());
    if (store && (*store)->Commit({batches.data(), 2}, {}) && (*store)->Commit({batches.data() + 2, 1}, {})) {
      raise(SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto store = OpenStore(Data(), TinyParts());
  EXPECT_EQ(store->committed_sequence(), 3u);
  ASSERT_TRUE(store->Commit(batches, {}));
  EXPECT_EQ(LinesOf(store->folder()), LinesOf(StoreAll(Data("whole"), batches)));
}

TEST_F(SessionStoreTest, AFolderWithoutAPartIsBegunAgain) {
  const auto first = OpenStore(Data());
  const std::string folder = first->folder();
  ASSERT_TRUE(first->Close());
  std::filesystem::remove(Parts(folder)[0]);
  EXPECT_FALSE(SessionStore::Resume(folder, {}));
  const auto store = OpenStore(Data());
  EXPECT_EQ(store->folder(), folder);
  EXPECT_TRUE(store->Commit(trace_.Batches(2), {}));
}

TEST_F(SessionStoreTest, SessionsAreKeptApart) {
  const auto a = OpenStore(Data(), {}, MakeSession("box", "s1"));
  const auto b = OpenStore(Data(), {}, MakeSession("box", "x-s1"));
  const auto c = OpenStore(Data(), {}, MakeSession("other", "s1"));
  EXPECT_NE(a->folder(), b->folder());
  EXPECT_NE(a->folder(), c->folder());
  Batch batch = trace_.Batches(2)[0];
  batch.session->session = "x-s1";
  const auto refused = a->Commit({&batch, 1}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(b->Commit({&batch, 1}, {}));
}

TEST_F(SessionStoreTest, NamesFromTheNetworkStayInTheDataFolder) {
  struct Row {
    const char* name;
    const char* folder;
  };
  const Row rows[] = {{"web-1.example_a", "web-1.example_a"},
                      {"..", "%2E."},
                      {".", "%2E"},
                      {"", "%"},
                      {"a/../../b", "a%2F..%2F..%2Fb"},
                      {"%2E", "%252E"},
                      {"\xc3\xa9\n", "%C3%A9%0A"}};
  for (const Row& row : rows) {
    EXPECT_EQ(FolderName(row.name), row.folder);
    const auto store = OpenStore(Data(), {}, MakeSession(row.name, row.name));
    ASSERT_NE(store, nullptr) << row.name;
    EXPECT_TRUE(store->folder().starts_with(Data() + "/hosts/" + row.folder + "/")) << store->folder();
    EXPECT_TRUE(store->Commit(trace_.Batches(1, MakeSession(row.name, row.name)), {}));
    const auto again = OpenStore(Data(), {}, MakeSession(row.name, row.name));
    EXPECT_EQ(again->folder(), store->folder());
  }
  const std::string nul("a\0b", 3), long_name(10'000, 'x');
  EXPECT_EQ(FolderName(nul), "a%00b");
  EXPECT_LE(FolderName(long_name).size(), 120u);
  EXPECT_NE(FolderName(long_name), FolderName(long_name + "x"));
}

TEST_F(SessionStoreTest, BatchesThatMakeNoSenseAreRefusedWhole) {
  auto batches = trace_.Batches(3);
  batches[1].chunks[0].events = 0;
  const auto store = OpenStore(Data());
  const auto refused = store->Commit(batches, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store->Check(batches[0]));
  EXPECT_FALSE(store->Check(batches[1]));
  EXPECT_EQ(store->committed_sequence(), 0u);
  EXPECT_EQ(store->events(), 0u);
  EXPECT_TRUE(store->Commit({batches.data(), 1}, {}));
}

TEST_F(SessionStoreTest, AFullDiskStoresNothingHalf) {
  const auto batches = trace_.Batches(8);
  const auto lines = LinesOf(StoreAll(Data("whole"), batches));
  SessionStoreOptions options;
  options.pages_max = 160;
  {
    const auto store = OpenStore(Data(), options);
    size_t stored = 0;
    Status status;
    while (stored < batches.size() && (status = store->Commit({&batches[stored], 1}, {}))) ++stored;
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kNoSpace) << status.error().Text();
    ASSERT_GT(stored, 0u);
    EXPECT_EQ(store->committed_sequence(), stored);
    const auto before = store->events();
    EXPECT_FALSE(store->Commit({&batches[stored], 1}, {}));
    EXPECT_EQ(store->events(), before);
    EXPECT_EQ(store_test::CountOf(Parts(store->folder())[0], "SELECT sum(events) FROM chunk"),
              static_cast<int64_t>(before));
  }
  const auto store = OpenStore(Data());  // there is room again
  ASSERT_TRUE(store->Commit(batches, {}));
  EXPECT_EQ(LinesOf(store->folder()), lines);
}

// Files may not grow past some size for as long as this lives: writing fails as on a full disk, wherever it happens.
class NoRoom {
 public:
  explicit NoRoom(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    signal_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~NoRoom() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  rlimit before_{};
  void (*signal_)(int);
};

TEST_F(SessionStoreTest, ACommitThatCouldNotBeWrittenCanBeRepeated) {
  const auto batches = trace_.Batches(8);
  const auto lines = LinesOf(StoreAll(Data("whole"), batches));
  for (const auto& options : {SessionStoreOptions(), TinyParts()}) {
    const std::string data = Data(std::to_string(options.part_bytes_max));
    const auto store = OpenStore(data, options);
    for (const Batch& batch : batches) {
      for (const rlim_t room : {rlim_t{0}, rlim_t{20'000}, rlim_t{100'000}}) {
        const NoRoom no_room(room);
        const auto status = store->Commit({&batch, 1}, {});
        if (status) continue;
        // SQLite knows ENOSPC for certain; that it was EFBIG is sometimes forgotten by the time it answers.
        EXPECT_TRUE(status.error().code == ErrorCode::kNoSpace || status.error().code == ErrorCode::kIo);
        EXPECT_EQ(store->committed_sequence(), batch.sequence - 1);
      }
      const auto status = store->Commit({&batch, 1}, {});
      ASSERT_TRUE(status) << TextOf(status);
    }
    EXPECT_EQ(LinesOf(store->folder()), lines);
    for (const auto& entry : std::filesystem::directory_iterator(store->folder())) {
      EXPECT_EQ(entry.path().string().find(".new"), std::string::npos) << entry.path();
    }
  }
}

TEST_F(SessionStoreTest, AFullDiskKeepsNobodyFromReadingWhatIsComplete) {
  const std::string folder = StoreAll(Data("what? 100%#1"), trace_.Batches(8));
  const auto lines = LinesOf(folder);
  for (const rlim_t room : {rlim_t{0}, rlim_t{1'000}}) {
    const NoRoom no_room(room);
    EXPECT_EQ(LinesOf(folder), lines);
  }
  EXPECT_EQ(LinesOf(folder), lines);
}

TEST_F(SessionStoreTest, InfosOfOneTaskAreKeptOverTime) {
  auto batches = trace_.Batches(4);
  for (Batch& batch : batches) batch.threads.clear();
  const ThreadInfo first{.pid = 7, .comm = "kworker/0:1", .start_ticks = 3, .first_seen_ns = 10, .affinity = "0"};
  ThreadInfo same = first, moved = first, other = first;
  same.first_seen_ns = 20;
  moved.first_seen_ns = 30;
  moved.affinity = "1";
  other.start_ticks = 99;  // the pid again
  other.first_seen_ns = 40;
  batches[0].threads = {first, first};
  batches[1].threads = {same};
  batches[2].threads = {moved};
  batches[3].threads = {other};
  for (const auto& options : {SessionStoreOptions(), TinyParts()}) {
    const std::string folder = StoreAll(Data(std::to_string(options.part_bytes_max)), batches, options);
    std::string stored;
    for (const std::string& part : Parts(folder)) {
      auto db = Database::Open(part, Database::Mode::kRead);
      ASSERT_TRUE(db) << TextOf(db);
      auto rows = db->Prepare("SELECT start_ticks || '@' || first_seen_ns || ' ' FROM thread ORDER BY 1");
      ASSERT_TRUE(rows) << TextOf(rows);
      stored += "|";
      for (auto row = rows->Step(); row && *row; row = rows->Step()) stored += rows->Text(0);
    }
    // What holds at a seam is carried over it.
    EXPECT_EQ(stored, options.part_bytes_max == 1 ? "|3@10 |3@10 |3@10 3@30 |3@30 99@40 " : "|3@10 3@30 99@40 ");
  }
}

TEST_F(SessionStoreTest, TheRowForTheCatalogueSaysWhatIsThere) {
  const auto batches = trace_.Batches(10);
  for (const auto& options : {SessionStoreOptions(), TinyParts()}) {
    const auto store = OpenStore(Data(std::to_string(options.part_bytes_max)), options);
    ASSERT_TRUE(store->Commit({batches.data(), 5}, {}));
    EXPECT_TRUE(store->row().live);
    for (size_t i = 5; i < batches.size(); ++i) ASSERT_TRUE(store->Commit({&batches[i], 1}, {}));
    const RecordingRow row = store->row();
    const Report report = store_test::ReportOf(store->folder());
    EXPECT_EQ(row.host, "box");
    EXPECT_EQ(row.id, std::filesystem::path(store->folder()).filename());
    EXPECT_EQ(row.boot_id, "boot");
    EXPECT_EQ(row.kernel, "6.1.0");
    EXPECT_EQ(row.start_ns, report.start_ns);
    EXPECT_EQ(row.end_ns, report.end_ns);
    EXPECT_EQ(row.start_real_ns, row.start_ns + store_test::LiveTrace::kRealOffset);
    EXPECT_EQ(row.end_real_ns, row.end_ns + store_test::LiveTrace::kRealOffset);
    EXPECT_EQ(row.events, report.events);
    EXPECT_EQ(row.events, store->events());
    EXPECT_EQ(row.gaps, report.gaps.size());
    EXPECT_EQ(row.parts, options.part_bytes_max == 1 ? 6u : 1u);
    EXPECT_EQ(row.bytes, store->bytes_on_disk());
    EXPECT_FALSE(row.live);
    EXPECT_FALSE(row.trimmed);
  }
}

}  // namespace
}  // namespace wakewatch

// Loss of power under the store, from seeds. More of them: WAKEWATCH_STORE_SEEDS=20000 store_test
// --gtest_filter=PowerLoss.* One of them: WAKEWATCH_STORE_SEED=N, with the same filter.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "server/store/part_files.h"
#include "server/store/power_vfs_test.h"
#include "server/store/session_test_support.h"

namespace wakewatch {
namespace {

using namespace store_test;

constexpr uint64_t kSeeds = 1'000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A session that has just begun: a folder to copy.
class Beginning {
 public:
  Beginning() : batches_(LiveTrace().Batches(60)) {
    const auto store = OpenStore(folder_.File("data"), {}, *batches_.front().session);
    EXPECT_TRUE(store->Close());
  }
  std::string data() const { return folder_.File("data"); }
  const std::vector<Batch>& batches() const { return batches_; }

 private:
  Folder folder_;
  const std::vector<Batch> batches_;
};

class PowerRun {
 public:
  PowerRun(const Beginning& beginning, uint64_t seed) : beginning_(beginning), random_(seed), power_(seed) {
    Copy(beginning.data(), data_.File("data"));
  }

  // Commits batches until the power fails; now and then the log is copied into the file, by closing.
  void Live() {
    power_.FailAt(power_.changes() + Between(0, 120));
    std::unique_ptr<SessionStore> store;
    while (power_.power() && next_ < beginning_.batches().size()) {
      if (store == nullptr) {
        auto opened = SessionStore::Open(data_.File("data"), MakeSession(), {});
        if (!opened) {
          EXPECT_FALSE(power_.power()) << TextOf(opened);
          break;
        }
        store = std::move(*opened);
        ASSERT_GE(store->committed_sequence(), committed_) << "a batch whose commit had returned is lost";
        next_ = store->committed_sequence();
        if (!power_.power()) break;
      }
      if (next_ == beginning_.batches().size()) break;
      const size_t count = std::min<size_t>(Between(1, 3), beginning_.batches().size() - next_);
      const auto group = std::span(beginning_.batches()).subspan(next_, count);
      if (store->Commit(group, {})) {
        committed_ = group.back().sequence;
        next_ += count;
      }
      if (Between(0, 7) != 0) continue;
      (void)store->Close();
      store.reset();
    }
    store.reset();
    power_.LosePower();
  }

  // Everything whose commit returned is there, whole, and nothing that was never sent.
  void Check() {
    const std::string part = Parts(OnlyFolder()).back();
    ASSERT_EQ(TextIn(part, "PRAGMA integrity_check"), "ok");
    auto store = SessionStore::Open(data_.File("data"), MakeSession(), {});
    ASSERT_TRUE(store) << TextOf(store);
    const uint64_t sequence = (*store)->committed_sequence();
    ASSERT_GE(sequence, committed_) << "a batch whose commit had returned is lost";
    uint64_t events = 0;
    for (uint64_t i = 0; i < sequence; ++i) {
      for (const Chunk& chunk : beginning_.batches()[i].chunks) events += chunk.events;
    }
    EXPECT_EQ((*store)->events(), events) << "up to batch " << sequence;
  }

 private:
  uint64_t Between(uint64_t least, uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(least, most)(random_);
  }
  std::string OnlyFolder() const {
    const std::string host = data_.File("data/hosts/box");
    return host + "/" + FoldersIn(host).front();
  }
  static std::string TextIn(const std::string& file, const char* sql) {
    auto db = Database::Open(file, Database::Mode::kWrite);
    EXPECT_TRUE(db) << TextOf(db);
    if (!db) return {};
    auto statement = db->Prepare(sql);
    EXPECT_TRUE(statement && statement->Step());
    return statement ? statement->Text(0) : std::string();
  }

  const Beginning& beginning_;
  std::mt19937_64 random_;
  Folder data_;
  PowerVfs power_;
  uint64_t committed_ = 0;
  size_t next_ = 0;
};

TEST(PowerLoss, EveryBatchWhoseCommitReturnedIsThereAndTheFileIsWhole) {
  const Beginning beginning;
  const uint64_t one = FromEnvironment("WAKEWATCH_STORE_SEED", 0);
  const uint64_t seeds = one != 0 ? one : FromEnvironment("WAKEWATCH_STORE_SEEDS", kSeeds);
  for (uint64_t seed = one != 0 ? one : 1; seed <= seeds; ++seed) {
    PowerRun run(beginning, seed);
    for (int life = 0; life < 3 && !HasFailure(); ++life) {
      run.Live();
      if (!HasFailure()) run.Check();
    }
    if (!HasFailure()) continue;
    std::cerr << "replay: WAKEWATCH_STORE_SEED=" << seed << " store_test --gtest_filter=PowerLoss.*\n";
    return;
  }
}

}  // namespace
}  // namespace wakewatch

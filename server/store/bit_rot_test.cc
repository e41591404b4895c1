// Disks change bits. Whatever changes in a store is either noticed (the start says so, a file is put away, a reader
// says that something is missing, a full check fails) or it makes no difference; and it never keeps the server from
// starting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "server/store/catalogue.h"
#include "server/store/part_files.h"
#include "server/store/quarantine.h"
#include "server/store/session_test_support.h"
#include "server/store/store_check.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using store_test::MakeSession;
using store_test::TextOf;

constexpr uint64_t kSeeds = 240;

uint64_t NumberFrom(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

bool IsGap(const std::string& line) { return line.find("gap") != std::string::npos; }

// What readers get to see of a data folder.
struct Seen {
  std::map<std::string, std::vector<std::string>> lines;  // by recording
  std::string tables;                                     // every row of the small tables, in order
  bool said = false;                                      // a reader was told that something is wrong
};

void Dump(const std::string& part, Seen* seen) {
  auto db = Database::Open(part, Database::Mode::kRead);
  if (!db) {
    seen->said = true;
    return;
  }
  for (const char* table : {"session", "thread", "finding", "gap", "clock_pair", "symbol", "batch", "meta"}) {
    auto columns = db->Prepare("SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info('" +
                               std::string(table) + "')");
    auto row = columns ? columns->Step() : Result<bool>(Fail(columns.error()));
    auto all = row && *row ? db->Prepare("SELECT " + columns->Text(0) + " FROM " + table + " ORDER BY 1")
                           : Result<Statement>(Fail(ErrorCode::kCorrupt, "no table"));
    while (all) {
      const auto more = all->Step();
      seen->said = seen->said || !more;
      if (!more || !*more) break;
      seen->tables += all->Text(0) + "\n";
    }
    seen->said = seen->said || !all;
  }
}

// All that can be read; false when a reader said that something is wrong.
bool ReadLines(const TraceInput& input, std::vector<std::string>* lines) {
  AnomalyCounts anomalies = input.metadata().anomalies;
  const auto readers = input.OpenCpus();
  bool good = static_cast<bool>(readers);
  for (size_t i = 0; good && i < readers->size(); ++i) {
    while (true) {
      EventBlock block;
      const auto more = (*readers)[i]->Fill(&block, 1000);
      good = good && more;
      for (const Event& event : block.events) lines->push_back(store_test::LineOf(event, input.formats()));
      if (!more || !*more) break;
    }
    anomalies.Merge((*readers)[i]->anomalies());
  }
  return good && anomalies.Of(Anomaly::kBadChunk) == 0;
}

Seen Look(const std::string& data) {
  Seen seen;
  for (const std::string& host : FoldersIn(HostsFolder(data))) {
    for (const std::string& id : FoldersIn(HostsFolder(data) + "/" + host)) {
      const std::string folder = HostsFolder(data) + "/" + host + "/" + id;
      for (const std::string& part : Parts(folder)) Dump(part, &seen);
      const auto input = OpenRecording(folder);
      if (!input || !ReadLines(**input, &seen.lines[host + "/" + id])) seen.said = true;
    }
  }
  return seen;
}

// Two recordings that are complete, one of them in parts and one sealed, and one whose server was killed: its last
// batches are in the log only.
class BitRotTest : public testing::Test {
 protected:
  BitRotTest() {
    store_test::StoreAll(made_, First(6, "parts"), store_test::TinyParts());
    const std::string sealed = store_test::StoreAll(made_, First(6, "sealed"));
    const auto store = SessionStore::Resume(sealed, {});
    EXPECT_TRUE(store && (*store)->Seal(true));
    const auto live = store_test::OpenStore(made_, {}, MakeSession("killed", "s1"));
    for (const Batch& batch : First(12, "killed")) EXPECT_TRUE(live->Commit({&batch, 1}, {}));
    EXPECT_TRUE(Catalogue::Open(made_));
    fs::copy(made_, whole_, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(whole_)) {
      if (entry.path().string().ends_with("-shm")) shm_.push_back(entry.path());
    }
    for (const fs::path& path : shm_) fs::remove(path);
    for (const auto& entry : fs::recursive_directory_iterator(whole_)) {
      if (entry.is_regular_file() && entry.file_size() > 0) files_.push_back(fs::relative(entry.path(), whole_));
    }
    std::sort(files_.begin(), files_.end());
    const std::string copy = folder_.File("copy");
    store_test::Copy(whole_, copy);
    EXPECT_TRUE(Catalogue::Open(copy));
    good_ = Look(copy);
    EXPECT_FALSE(good_.said);
    EXPECT_EQ(good_.lines.size(), 3u);
    for (const auto& [recording, lines] : good_.lines) known_[recording].insert(lines.begin(), lines.end());
  }

  // Little of the trace: each seed reads all that is stored, more than once.
  std::vector<Batch> First(size_t count, const std::string& host) const {
    auto batches = trace_.Batches(60, MakeSession(host, "s1"));
    batches.resize(count);
    return batches;
  }

  // One to three bits, or a run of bytes as a torn sector leaves it.
  static void Spoil(const std::string& file, std::mt19937_64* random) {
    std::ifstream in(file, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const size_t at = (*random)() % bytes.size();
    if ((*random)() % 8 == 0) {
      for (size_t i = at; i < std::min(bytes.size(), at + 512); ++i) bytes[i] = static_cast<char>((*random)());
    } else {
      for (uint64_t i = 0; i <= (*random)() % 3; ++i)
        bytes[(*random)() % bytes.size()] ^= static_cast<char>(1 << (*random)() % 8);
    }
    std::ofstream(file, std::ios::binary) << bytes;
  }

  const store_test::MemoryFolder folder_;
  const std::string made_ = folder_.File("made"), whole_ = folder_.File("whole");
  store_test::LiveTrace trace_;
  std::vector<fs::path> files_, shm_;
  Seen good_;
  std::map<std::string, std::set<std::string>> known_;  // its lines, to look for one
};

TEST_F(BitRotTest, WhatChangesIsNoticedOrMakesNoDifference) {
  const uint64_t only = NumberFrom("WAKEWATCH_SEED", 0);
  const uint64_t first = only == 0 ? 1 : only, last = only == 0 ? NumberFrom("WAKEWATCH_SEEDS", kSeeds) : only;
  size_t put_away = 0, warned = 0, told = 0, found = 0, harmless = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay: WAKEWATCH_SEED=" + std::to_string(seed) + " store_test --gtest_filter=BitRotTest.*");
    std::mt19937_64 random(seed);
    const std::string data = folder_.File("spoilt");
    fs::remove_all(data);
    store_test::Copy(whole_, data);
    const fs::path file = files_[random() % files_.size()];
    SCOPED_TRACE(file.string());
    Spoil(data + "/" + file.string(), &random);
    const bool full = !CheckStore(data, CheckDepth::kFull).damaged.empty();
    const auto catalogue = Catalogue::Open(data);
    ASSERT_TRUE(catalogue) << TextOf(catalogue);
    const Seen seen = Look(data);
    // Nothing is made up, whatever was said.
    for (const auto& [recording, lines] : seen.lines) {
      const std::set<std::string>& known = known_.at(recording);
      for (const std::string& line : lines) ASSERT_TRUE(IsGap(line) || known.contains(line)) << line;
    }
    const bool same = seen.lines == good_.lines && seen.tables == good_.tables;
    const bool quarantined = (*catalogue)->quarantined() > 0, warning = !(*catalogue)->warnings().empty();
    EXPECT_TRUE(same || quarantined || warning || seen.said || full) << "a silent difference";
    put_away += quarantined;
    warned += warning;
    told += seen.said;
    found += full;
    harmless += same && !quarantined && !warning && !full;
  }
  std::printf("%llu seeds: %zu put away, %zu warned of, %zu told to readers, %zu found by a full check, %zu harmless\n",
              static_cast<unsigned long long>(last - first + 1), put_away, warned, told, found, harmless);
  if (only != 0) return;
  EXPECT_GT(put_away + warned, 0u);
  EXPECT_GT(found, (last - first) / 4);
}

TEST_F(BitRotTest, AFullCheckAtTheStartPutsAwayWhatAQuickOneDoesNotSee) {
  const std::string data = folder_.File("data");
  store_test::Copy(whole_, data);
  const std::string host = HostsFolder(data) + "/parts";
  const std::string part = Parts(host + "/" + FoldersIn(host)[0])[2];
  {
    std::fstream file(part, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(part)) - 1000);
    file.put('\x55');
  }
  EXPECT_EQ((*Catalogue::Open(data))->quarantined(), 0u);
  const StoreCheck check = CheckStore(data, CheckDepth::kFull);
  ASSERT_EQ(check.damaged.size(), 1u);
  EXPECT_EQ(check.damaged[0].file, part);
  EXPECT_EQ(check.recordings, 3u);
  const auto catalogue = Catalogue::Open(data, CheckDepth::kFull);
  ASSERT_TRUE(catalogue);
  EXPECT_EQ((*catalogue)->quarantined(), 1u);
  EXPECT_EQ((*catalogue)->Newest("parts")->parts, 5u);
  ASSERT_EQ(Quarantined(data).size(), 1u);
  std::ifstream note(Quarantined(data)[0] + ".txt");
  const std::string text((std::istreambuf_iterator<char>(note)), {});
  EXPECT_THAT(text, testing::AllOf(testing::HasSubstr(part), testing::HasSubstr(".recover")));
  EXPECT_TRUE(CheckStore(data, CheckDepth::kFull).damaged.empty());
}

TEST_F(BitRotTest, ALogThatIsCutShortByDamageIsSaid) {
  const std::string data = folder_.File("data");
  store_test::Copy(whole_, data);
  const std::string host = HostsFolder(data) + "/killed";
  const std::string part = Parts(host + "/" + FoldersIn(host)[0])[0], log = part + "-wal";
  EXPECT_TRUE(CheckLog(part));
  const auto size = fs::file_size(log);
  // What a power failure leaves is fine: the end is missing.
  for (const auto bytes : {size - 1, size - 5000, uintmax_t{31}, uintmax_t{0}}) {
    fs::resize_file(log, bytes);
    EXPECT_TRUE(CheckLog(part)) << bytes;
  }
  fs::copy_file(whole_ + "/" + fs::relative(log, data).string(), log, fs::copy_options::overwrite_existing);
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put('\x55');
  }
  const auto status = CheckLog(part);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().Text(), testing::HasSubstr("what was stored from there on is lost"));
  const auto catalogue = Catalogue::Open(data);
  ASSERT_TRUE(catalogue);
  EXPECT_THAT((*catalogue)->warnings(), testing::ElementsAre(testing::HasSubstr("its log is damaged at frame")));
  EXPECT_LT((*catalogue)->Newest("killed")->events, 100'000u);
}

}  // namespace
}  // namespace wakewatch

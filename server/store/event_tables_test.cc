#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "server/store/query.h"
#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

using store_test::Folder;
using store_test::TextOf;

std::string TextOfValue(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return "NULL";
}

class EventTablesTest : public testing::Test {
 protected:
  void SetUp() override {
    streams_ = store_test::Streams::Make(&maker_, 3, 900);
    Batch batch = MakeBatch(formats_, streams_, 128);
    batch.symbols = {{0xffffffff81000000ull, "vmstat_update"}, {0xffffffff81000100ull, "wb_workfn"}};
    store_test::MakeRecording(path_, {batch});
    Reopen();
    for (const auto& events : streams_.by_cpu) {
      for (size_t i = 0; i < events.size(); ++i)
        all_.push_back({events[i], events[i].cpu * (int64_t{1} << 48) + static_cast<int64_t>(i)});
    }
    // The rule the tables promise: time, then CPU, then the order on the CPU.
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Row& a, const Row& b) { return a.event.ts_ns < b.event.ts_ns; });
  }
  void Reopen() {
    auto query = RecordingQuery::Open(path_);
    ASSERT_TRUE(query) << TextOf(query);
    query_ = std::move(*query);
  }
  // Rows as "a|b|c".
  std::vector<std::string> Rows(const std::string& sql) {
    std::vector<std::string> rows;
    const auto end = query_->Run(
        sql, {}, [](const auto&) {},
        [&](const std::vector<SqlValue>& values) {
          std::string row;
          for (const SqlValue& value : values) row += (row.empty() ? "" : "|") + TextOfValue(value);
          rows.push_back(row);
          return true;
        });
    EXPECT_TRUE(end) << sql << ": " << TextOf(end);
    return rows;
  }
  struct Row {
    Event event;
    int64_t id;
  };
  // "id|ts|cpu|pid" of the events that `keep` takes, by a plain look at each.
  template <typename Keep>
  std::vector<std::string> Scan(const Keep& keep) {
    std::vector<std::string> rows;
    for (const Row& row : all_) {
      if (!keep(row)) continue;
      rows.push_back(std::to_string(row.id) + "|" + std::to_string(row.event.ts_ns) + "|" +
                     std::to_string(row.event.cpu) + "|" + std::to_string(row.event.pid));
    }
    return rows;
  }

  Folder folder_;
  std::string path_ = folder_.File("a.db");
  FormatTable formats_ = store_test::MakeFormats();
  store_test::EventMaker maker_{formats_};
  store_test::Streams streams_;
  std::vector<Row> all_;
  std::unique_ptr<RecordingQuery> query_;
};

TEST_F(EventTablesTest, ConditionsGiveWhatAPlainScanGives) {
  const uint64_t middle = all_[all_.size() / 2].event.ts_ns;
  struct Case {
    std::string where;
    std::function<bool(const Row&)> keep;
  };
  const std::string at = std::to_string(middle);
  const Case cases[] = {
      {"1", [](const Row&) { return true; }},
      {"ts >= " + at, [=](const Row& r) { return r.event.ts_ns >= middle; }},
      {"ts > " + at, [=](const Row& r) { return r.event.ts_ns > middle; }},
      {"ts <= " + at, [=](const Row& r) { return r.event.ts_ns <= middle; }},
      {"ts < " + at, [=](const Row& r) { return r.event.ts_ns < middle; }},
      {"ts = " + at, [=](const Row& r) { return r.event.ts_ns == middle; }},
      {"ts BETWEEN " + at + " AND " + at + " + 50",
       [=](const Row& r) { return r.event.ts_ns >= middle && r.event.ts_ns <= middle + 50; }},
      {"ts > " + at + ".5", [=](const Row& r) { return r.event.ts_ns > middle; }},
      {"ts < " + at + ".5", [=](const Row& r) { return r.event.ts_ns <= middle; }},
      {"ts = " + at + ".0", [=](const Row& r) { return r.event.ts_ns == middle; }},
      {"ts > '" + at + "'", [=](const Row& r) { return r.event.ts_ns > middle; }},
      {"ts > -5", [](const Row&) { return true; }},
      {"ts < -5", [](const Row&) { return false; }},
      {"ts < 9223372036854775807", [](const Row&) { return true; }},
      {"ts > 9223372036854775807", [](const Row&) { return false; }},
      {"ts > NULL", [](const Row&) { return false; }},
      {"cpu = 1", [](const Row& r) { return r.event.cpu == 1; }},
      {"cpu = 1.0", [](const Row& r) { return r.event.cpu == 1; }},
      {"cpu = '1'", [](const Row& r) { return r.event.cpu == 1; }},
      {"cpu = 7 OR cpu = 2", [](const Row& r) { return r.event.cpu == 2; }},
      {"cpu IN (0, 2)", [](const Row& r) { return r.event.cpu != 1; }},
      {"cpu = -1", [](const Row&) { return false; }},
      {"cpu = 1 AND cpu = 2", [](const Row&) { return false; }},
      {"cpu = 2 AND ts < " + at, [=](const Row& r) { return r.event.cpu == 2 && r.event.ts_ns < middle; }},
      {"pid = 102", [](const Row& r) { return r.event.pid == 102; }},
      {"pid = 102 AND cpu = 0 AND ts >= " + at,
       [=](const Row& r) { return r.event.pid == 102 && r.event.cpu == 0 && r.event.ts_ns >= middle; }},
      {"pid = 5000000000", [](const Row&) { return false; }},
      {"type = 'sched_waking'", [](const Row& r) { return r.event.format == store_test::kWaking; }},
      {"type = 'sched_waking' AND pid = 101",
       [](const Row& r) { return r.event.format == store_test::kWaking && r.event.pid == 101; }},
      {"type = 'SCHED_WAKING' COLLATE NOCASE", [](const Row& r) { return r.event.format == store_test::kWaking; }},
      {"type = 'nothing'", [](const Row&) { return false; }},
      {"type = 'gap' AND type = 'sched_waking'", [](const Row&) { return false; }},
      {"type IN ('gap', 'sched_switch')",
       [](const Row& r) { return r.event.format == store_test::kProbe || r.event.format == store_test::kSwitch; }},
      {"id = 281474976710656 + 500", [](const Row& r) { return r.id == (int64_t{1} << 48) + 500; }},
      {"id = 281474976710656 + 500 AND cpu = 2", [](const Row&) { return false; }},
      {"id = -1", [](const Row&) { return false; }},
      {"rowid = 3 AND type <> 'none'", [](const Row& r) { return r.id == 3; }},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Rows("SELECT id, ts, cpu, pid FROM event WHERE " + c.where + " ORDER BY ts, cpu, id"), Scan(c.keep))
        << c.where;
    const size_t n = Scan(c.keep).size();
    EXPECT_THAT(Rows("SELECT count(*) FROM event WHERE " + c.where), testing::ElementsAre(std::to_string(n)))
        << c.where;
  }
}

TEST_F(EventTablesTest, TypedTablesGiveWhatAPlainScanGives) {
  const auto waking = [](const Row& r) { return r.event.format == store_test::kWaking; };
  EXPECT_EQ(Rows("SELECT id, ts, cpu, common_pid FROM sched_waking ORDER BY ts"), Scan(waking));
  EXPECT_EQ(Rows("SELECT id, ts, cpu, common_pid FROM sched_waking"), Scan(waking));
  EXPECT_EQ(Rows("SELECT id, ts, cpu, common_pid FROM sched_waking WHERE common_pid = 103 AND cpu = 2 ORDER BY ts, id"),
            Scan([&](const Row& r) { return waking(r) && r.event.pid == 103 && r.event.cpu == 2; }));
  EXPECT_EQ(Rows("SELECT id, ts, cpu, common_pid FROM sched_waking WHERE id = 20").size(),
            Scan([&](const Row& r) { return waking(r) && r.id == 20; }).size());
  int64_t sum = 0;
  size_t kworkers = 0;
  for (const Row& row : all_) {
    if (!waking(row)) continue;
    sum += LoadNative<int32_t>(row.event.record + 24);
    kworkers += std::string(reinterpret_cast<const char*>(row.event.record) + 8, 3) == "kwo" ? 1 : 0;
  }
  EXPECT_THAT(Rows("SELECT sum(pid) FROM sched_waking"), testing::ElementsAre(std::to_string(sum)));
  EXPECT_THAT(Rows("SELECT count(*) FROM sched_waking WHERE comm LIKE 'kwo%'"),
              testing::ElementsAre(std::to_string(kworkers)));
}

TEST_F(EventTablesTest, DescendingOrderIsSorted) {
  auto expected = Scan([](const Row& r) { return r.event.cpu == 1; });
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(Rows("SELECT id, ts, cpu, pid FROM event WHERE cpu = 1 ORDER BY ts DESC, id DESC"), expected);
}

TEST_F(EventTablesTest, TimeOrderNeedsNoSort) {
  for (const char* sql : {"EXPLAIN QUERY PLAN SELECT ts FROM event ORDER BY ts",
                          "EXPLAIN QUERY PLAN SELECT ts FROM sched_switch WHERE cpu = 1 ORDER BY ts, cpu, id"}) {
    EXPECT_THAT(Rows(sql), testing::Not(testing::Contains(testing::HasSubstr("B-TREE")))) << sql;
  }
}

TEST_F(EventTablesTest, JoinsOverTheSameTableWork) {
  // For each waking the next event of its CPU, once by SQL and once by hand.
  std::vector<std::string> expected;
  for (const Row& row : all_) {
    if (row.event.format != store_test::kWaking || row.event.ts_ns > 1100) continue;
    const auto& own = streams_.by_cpu[row.event.cpu];
    const auto next = std::find_if(own.begin(), own.end(), [&](const Event& e) { return e.ts_ns > row.event.ts_ns; });
    expected.push_back(std::to_string(row.id) + "|" + std::to_string(next->ts_ns));
  }
  EXPECT_EQ(Rows("SELECT w.id, (SELECT e.ts FROM event e WHERE e.cpu = w.cpu AND e.ts > w.ts ORDER BY e.ts LIMIT 1) "
                 "FROM sched_waking w WHERE w.ts <= 1100 ORDER BY w.ts"),
            expected);
}

TEST_F(EventTablesTest, NamesAreResolvedAndCollisionsRenamed) {
  EXPECT_THAT(Rows("SELECT DISTINCT function_name FROM workqueue_queue_work ORDER BY 1"),
              testing::ElementsAre("0xffffffff81000200", "vmstat_update", "wb_workfn"));
  EXPECT_THAT(Rows("SELECT DISTINCT workqueue FROM work"), testing::ElementsAre("events"));
  EXPECT_THAT(Rows("SELECT count(DISTINCT target_cpu) > 1, count(DISTINCT phase) FROM work"),
              testing::ElementsAre("1|1"));
  EXPECT_THAT(Rows("SELECT vec_name FROM softirq WHERE vec = 3 LIMIT 1"), testing::ElementsAre("NET_RX"));
  EXPECT_THAT(Rows("SELECT DISTINCT prev_state_text FROM sched_switch WHERE prev_state = 1"),
              testing::ElementsAre("S"));
  // An event called gap stands behind its system's name, and its id and ts behind arg_.
  EXPECT_EQ(Rows("SELECT id, ts, cpu, common_pid FROM probes_gap"),
            Scan([](const Row& r) { return r.event.format == store_test::kProbe; }));
  EXPECT_THAT(Rows("SELECT DISTINCT typeof(arg_id), typeof(arg_ts), typeof(raw) FROM probes_gap"),
              testing::ElementsAre("integer|integer|blob"));
  EXPECT_THAT(Rows("SELECT count(*) FROM gap"), testing::ElementsAre("0"));
}

TEST_F(EventTablesTest, ArgsAreTheEventAsText) {
  EXPECT_THAT(Rows("SELECT args FROM event WHERE type = 'softirq_raise' LIMIT 1"),
              testing::ElementsAre(testing::HasSubstr("vec=")));
  EXPECT_THAT(Rows("SELECT * FROM event LIMIT 1"), testing::ElementsAre(testing::Not(testing::HasSubstr("="))));
}

TEST_F(EventTablesTest, ABadChunkIsLeftOutAndReported) {
  {
    auto db = Database::Open(path_, Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec("UPDATE chunk SET bytes = substr(bytes, 1, 40) WHERE id = 1"));
  }
  Reopen();
  std::string count;
  const auto end = query_->Run(
      "SELECT count(*) FROM event", {}, [](const auto&) {},
      [&](const std::vector<SqlValue>& row) {
        count = TextOfValue(row[0]);
        return true;
      });
  ASSERT_TRUE(end) << TextOf(end);
  EXPECT_EQ(count, std::to_string(all_.size() - 128));
  EXPECT_EQ(end->chunks_unreadable, 1u);
  EXPECT_THAT(end->first_unreadable, testing::HasSubstr("chunk 1 of CPU 0"));
}

TEST_F(EventTablesTest, ChunksCommittedLaterAreSeenByTheNextStatement) {
  const std::string path = folder_.File("live.db");
  auto writer = RecordingWriter::Create(path, false);
  ASSERT_TRUE(writer);
  Batch batch = MakeBatch(formats_, streams_, 900);
  ASSERT_TRUE((*writer)->Append(batch));
  path_ = path;
  Reopen();
  EXPECT_THAT(Rows("SELECT count(*) FROM event"), testing::ElementsAre("2700"));
  Batch next;
  next.sequence = 2;
  next.chunks = {store_test::Encode(formats_, 0, std::array{maker_.Make(0, 0, 1'000'000)})};
  ASSERT_TRUE((*writer)->Append(next));
  EXPECT_THAT(Rows("SELECT count(*), max(id) FROM event"), testing::ElementsAre(testing::StartsWith("2701|")));
  EXPECT_THAT(Rows("SELECT id FROM event WHERE ts = 1000000"), testing::ElementsAre("900"));
}

std::string ProgramFolder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

TEST_F(EventTablesTest, TheExtensionWorksInsideAnotherProgram) {
  const std::string module = ProgramFolder() + "/wakewatch_sqlite.so";
  if (!std::filesystem::exists(module)) GTEST_SKIP() << module << " has not been built";
  if (std::system("sqlite3 -version >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no sqlite3 shell";
  const auto shell = [&](const std::string& path) {
    const std::string command =
        "sqlite3 '" + path + "' '.load " + module + "' 'SELECT count(*) FROM sched_switch' 2>&1";
    std::string output;
    std::FILE* pipe = popen(command.c_str(), "r");
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    pclose(pipe);
    return output;
  };
  const size_t n = Scan([](const Row& r) { return r.event.format == store_test::kSwitch; }).size();
  EXPECT_EQ(shell(path_), std::to_string(n) + "\n");
  EXPECT_THAT(shell(folder_.File("other.db")), testing::HasSubstr("not"));
}

}  // namespace
}  // namespace wakewatch

#include "server/store/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <thread>

#include <sys/wait.h>

#include "server/store/recording_writer.h"
#include "server/store/schema.h"
#include "server/store/store_test_support.h"

namespace wakewatch {
namespace {

using store_test::Encode;
using store_test::Folder;
using store_test::LineOf;
using store_test::Lines;
using store_test::TextOf;

class RecordingTest : public testing::Test {
 protected:
  std::unique_ptr<TraceInput> Open() {
    auto input = OpenRecording(path_);
    EXPECT_TRUE(input) << TextOf(input);
    return input ? std::move(*input) : nullptr;
  }
  std::vector<std::string> Expected(const store_test::Streams& streams) {
    std::vector<std::string> lines;
    for (const auto& events : streams.by_cpu) {
      for (const Event& event : events) lines.push_back(LineOf(event, formats_));
    }
    return lines;
  }
  Status Sql(const std::string& sql) {
    auto db = Database::Open(path_, Database::Mode::kWrite);
    return db ? db->Exec(sql.c_str()) : Status(tl::unexpected<Error>(db.error()));
  }

  Folder folder_;
  std::string path_ = folder_.File("a.db");
  FormatTable formats_ = store_test::MakeFormats();
  store_test::EventMaker maker_{formats_};
};

TEST_F(RecordingTest, EveryEventComesBackWhateverTheBlockSize) {
  const auto streams = store_test::Streams::Make(&maker_, 3, 1000);
  store_test::MakeRecording(path_, {MakeBatch(formats_, streams, 400)});
  const auto input = Open();
  EXPECT_TRUE(IsRecording(path_));
  EXPECT_EQ(input->formats().Hash(), formats_.Hash());
  for (const size_t target : {1u, 7u, 150u, 399u, 10'000u}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(Lines(*input, target), Expected(streams));
  }
}

TEST_F(RecordingTest, ReadersOfSeveralCpusRunOnThreadsOfTheirOwn) {
  const auto streams = store_test::Streams::Make(&maker_, 4, 3000);
  store_test::MakeRecording(path_, {MakeBatch(formats_, streams, 100)});
  const auto input = Open();
  auto readers = input->OpenCpus();
  ASSERT_TRUE(readers) << TextOf(readers);
  std::vector<std::vector<std::string>> lines(readers->size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < readers->size(); ++i) {
    threads.emplace_back([&, i] {
      EventBlock block;
      for (auto more = (*readers)[i]->Fill(&block, 64); more && *more; more = (*readers)[i]->Fill(&block, 64)) {
        for (const Event& event : block.events) lines[i].push_back(LineOf(event, input->formats()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> all;
  for (const auto& own : lines) all.insert(all.end(), own.begin(), own.end());
  EXPECT_EQ(all, Expected(streams));
}

TEST_F(RecordingTest, WhatIsKnownBesidesEventsComesBack) {
  Batch batch = MakeBatch(formats_, store_test::Streams::Make(&maker_, 1, 5), 5);
  batch.symbols = {{0xffffffff81000000ull, "vmstat_update"}};
  batch.threads = {{.pid = 7, .comm = "old"},
                   {.pid = 7,
                    .comm = "ksoftirqd/0",
                    .start_ticks = 3,
                    .first_seen_ns = 9,
                    .flags = 0x200040,
                    .parent_pid = 2,
                    .affinity = "0",
                    .policy = 0,
                    .from_inventory = true}};
  batch.clock_pairs = {{10, 1'700'000'000'000'000'000}, {20, 1'700'000'000'000'000'010}};
  batch.stats = {{.cpu = 1, .entries = 4, .overrun = 3, .commit_overrun = 2, .dropped = 1, .read = 9}};
  batch.cpus = {{.cpu = 0, .package = 0}, {.cpu = 1, .online = false, .since_ns = 5}};
  batch.frontiers = {{0, 99}};
  batch.profiles = {{1, "standard", {"sched/sched_switch", "irq"}, "start"}};
  store_test::MakeRecording(path_, {batch});
  const auto input = Open();
  const TraceMetadata& metadata = input->metadata();
  EXPECT_EQ(metadata.input_kind, "recording");
  EXPECT_EQ(metadata.kernel, "6.1.0");
  EXPECT_EQ(metadata.clock, "mono");
  EXPECT_EQ(metadata.hostname, "box");
  EXPECT_EQ(metadata.cpus, 8u);
  ASSERT_NE(metadata.threads.Latest(7), nullptr);
  const ThreadInfo& thread = *metadata.threads.Latest(7);
  EXPECT_EQ(thread.comm, "ksoftirqd/0");
  EXPECT_EQ(thread.flags, 0x200040u);
  EXPECT_EQ(thread.parent_pid, 2);
  EXPECT_EQ(thread.affinity, "0");
  EXPECT_TRUE(thread.from_inventory);
  ASSERT_EQ(metadata.clock_pairs.size(), 2u);
  EXPECT_EQ(metadata.clock_pairs[1].real_ns, 1'700'000'000'000'000'010u);
  ASSERT_EQ(metadata.stats.size(), 1u);
  EXPECT_EQ(metadata.stats[0].overrun, 3u);
  EXPECT_EQ(input->symbols().Find(0xffffffff81000000ull), "vmstat_update");
}

TEST_F(RecordingTest, GapsStandWhereTheyWere) {
  std::vector<Event> events;
  for (const uint64_t ts_ns : {100u, 100u, 300u, 500u}) events.push_back(maker_.Make(0, 0, ts_ns));
  Batch first;
  first.sequence = 1;
  first.formats = store_test::DeltaOf(formats_);
  const std::span<const Event> all(events);
  // Nothing was seen before the first; the second lies between two events of one instant; the third opens here …
  first.chunks = {Encode(formats_, 0, all.subspan(0, 1)), Encode(formats_, 0, all.subspan(1, 1))};
  first.gaps = {{0, 0, 100, 7, GapCause::kOverrun}, {0, 100, 100, 1, GapCause::kCorrupt}};
  first.chunks.push_back(Encode(formats_, 0, all.subspan(2, 1)));
  Batch second;
  second.sequence = 2;
  second.gaps = {{0, 300, UINT64_MAX, kLostUnknown, GapCause::kCollector}};
  Batch third;  // … and is closed here.
  third.sequence = 3;
  third.gaps = {{0, 300, 500, 12, GapCause::kCollector}};
  third.chunks = {Encode(formats_, 0, all.subspan(3, 1))};
  // The second gap's place is after one event of two at its time, which only the batch that brought them can tell
  // apart.
  Batch head = first;
  head.chunks = {first.chunks[0]};
  Batch tail = first;
  tail.sequence = 4;
  tail.gaps.clear();
  tail.chunks = {first.chunks[1], first.chunks[2]};
  store_test::MakeRecording(path_, {head, tail, second, third});
  const auto input = Open();
  EXPECT_THAT(
      Lines(*input, 100),
      testing::ElementsAre("0 0 gap to 100 lost 7 overrun", LineOf(events[0], formats_),
                           "0 100 gap to 100 lost 1 corrupt", LineOf(events[1], formats_), LineOf(events[2], formats_),
                           "0 300 gap to 500 lost 12 collector", LineOf(events[3], formats_)));
}

TEST_F(RecordingTest, ABatchIsStoredOnce) {
  const auto streams = store_test::Streams::Make(&maker_, 2, 50);
  Batch batch = MakeBatch(formats_, streams, 50);
  batch.gaps = {{0, 5000, UINT64_MAX, 1, GapCause::kOverrun}};
  Batch other = batch;  // the same sequence of another session is another batch
  other.session->session = "s2";
  other.formats.reset();
  other.chunks.clear();
  other.gaps.clear();
  store_test::MakeRecording(path_, {batch, batch, other, batch});
  auto db = OpenRecordingFile(path_);
  ASSERT_TRUE(db) << TextOf(db);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM chunk"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM gap"), 1);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM batch"), 2);
  EXPECT_EQ(*db->Integer("SELECT max(first_event_no) FROM chunk"), 0);
}

TEST_F(RecordingTest, AChunkThatDoesNotValidateIsAGap) {
  const auto streams = store_test::Streams::Make(&maker_, 1, 300);
  const Batch batch = MakeBatch(formats_, streams, 100);
  struct Row {
    const char* story;
    const char* sql;
  };
  const Row rows[] = {
      {"bytes were changed",
       "UPDATE chunk SET bytes = CAST(substr(bytes, 1, length(bytes) - 9) || x'ffffffff' || "
       "substr(bytes, length(bytes) - 4) AS BLOB) WHERE id = 2"},
      {"the end is missing", "UPDATE chunk SET bytes = substr(bytes, 1, length(bytes) / 2) WHERE id = 2"},
      {"nothing is left", "UPDATE chunk SET bytes = x'' WHERE id = 2"},
      {"another CPU's chunk", "UPDATE chunk SET bytes = (SELECT bytes FROM chunk WHERE id = 3) WHERE id = 2"},
      {"formats that are not there", "UPDATE chunk SET formats_hash = 5 WHERE id = 2"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    std::filesystem::remove(path_);
    store_test::MakeRecording(path_, {batch});
    const auto changed = Sql(row.sql);
    ASSERT_TRUE(changed) << TextOf(changed);
    const auto input = Open();
    AnomalyCounts anomalies;
    const auto lines = Lines(*input, 1000, &anomalies);
    EXPECT_EQ(anomalies.Of(Anomaly::kBadChunk), 1u);
    ASSERT_EQ(lines.size(), 201u);
    EXPECT_EQ(lines[100], "0 " + std::to_string(batch.chunks[0].last_ns) + " gap to " +
                              std::to_string(batch.chunks[2].first_ns) + " lost 100 corrupt");
    EXPECT_EQ(lines[99], Expected(streams)[99]);
    EXPECT_EQ(lines[101], Expected(streams)[200]);
  }
}

TEST_F(RecordingTest, TwoSetsOfFormatsAreReadAsOne) {
  auto files = store_test::FormatFiles();
  files.push_back({"probes", store_test::FormatFile("late", 2002, "\tfield:int n;\toffset:8;\tsize:4;\tsigned:1;\n")});
  const FormatTable more = store_test::MakeFormats({files.rbegin(), files.rend()});  // other indexes, the same ids
  store_test::EventMaker late_maker(more);
  const Event early = maker_.Make(0, 0, 100), late = late_maker.Make(0, 0, 200), again = late_maker.Make(5, 0, 300);
  Batch first, second;
  first.sequence = 1;
  first.formats = store_test::DeltaOf(formats_);
  first.chunks = {Encode(formats_, 0, std::array{early})};
  second.sequence = 2;
  second.formats = store_test::DeltaOf(more);
  second.chunks = {Encode(more, 0, std::array{late, again})};
  store_test::MakeRecording(path_, {first, second});
  const auto input = Open();
  EXPECT_THAT(Lines(*input, 10),
              testing::ElementsAre(LineOf(early, formats_), LineOf(late, more), LineOf(again, more)));
}

TEST_F(RecordingTest, FormatsThatContradictOneAnotherAreRefused) {
  auto files = store_test::FormatFiles();
  files[4] = {"probes", store_test::FormatFile("other", 2001, "\tfield:int n;\toffset:8;\tsize:4;\tsigned:1;\n")};
  const FormatTable other = store_test::MakeFormats(files);
  Batch first, second;
  first.sequence = 1;
  first.formats = store_test::DeltaOf(formats_);
  second.sequence = 2;
  second.formats = store_test::DeltaOf(other);
  store_test::MakeRecording(path_, {first, second});
  const auto input = OpenRecording(path_);
  ASSERT_FALSE(input);
  EXPECT_EQ(input.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(input.error().Text(), testing::HasSubstr("event number 2001"));
}

TEST_F(RecordingTest, AKilledWriterLeavesARecordingThatOpens) {
  const auto streams = store_test::Streams::Make(&maker_, 2, 200);
  const Batch batch = MakeBatch(formats_, streams, 100);
  const pid_t child = fork();
  if (child == 0) {
    auto writer = RecordingWriter::Create(path_, false);
    if (writer && (*writer)->Append(batch)) raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(IsRecording(path_));
  const auto input = Open();
  EXPECT_EQ(Lines(*input, 1000), Expected(streams));
}

TEST_F(RecordingTest, AChangeThatWasCutOffIsUndoneByWhoReadsNext) {
  const auto streams = store_test::Streams::Make(&maker_, 2, 2000);
  store_test::MakeRecording(path_, {MakeBatch(formats_, streams, 300)});
  const std::string cut_off = folder_.File("cut-off.db");
  {
    // With so small a cache the file changes before the end of a transaction.
    auto db = Database::Open(path_, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    const auto changed = db->Exec("PRAGMA cache_size = 1; BEGIN; UPDATE chunk SET bytes = zeroblob(length(bytes))");
    ASSERT_TRUE(changed) << TextOf(changed);
    for (const char* suffix : {"", "-journal"}) std::filesystem::copy_file(path_ + suffix, cut_off + suffix);
  }
  path_ = cut_off;
  const auto input = Open();
  ASSERT_NE(input, nullptr);
  EXPECT_EQ(Lines(*input, 1000), Expected(streams));
  EXPECT_FALSE(std::filesystem::exists(cut_off + "-journal"));
}

TEST_F(RecordingTest, CloseLeavesOneFile) {
  store_test::MakeRecording(path_, {MakeBatch(formats_, store_test::Streams::Make(&maker_, 1, 10), 10)});
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "-shm"));
  const std::string copy = folder_.File("copy.db");
  std::filesystem::copy_file(path_, copy);
  EXPECT_TRUE(OpenRecording(copy));
}

TEST_F(RecordingTest, AFullDiskKeepsWhatWasStored) {
  const auto streams = store_test::Streams::Make(&maker_, 1, 100);
  Batch batch = MakeBatch(formats_, streams, 100);
  auto writer = CreateRecording(path_, false, 80);
  ASSERT_TRUE(writer) << TextOf(writer);
  ASSERT_TRUE((*writer)->Append(batch));
  Batch big;
  big.sequence = 2;
  for (int i = 0; i < 2000; ++i) big.symbols.push_back({static_cast<uint64_t>(i), std::string(1000, 'x')});
  const auto full = (*writer)->Append(big);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kNoSpace) << full.error().Text();
  EXPECT_EQ(full.error().file, path_);
  // The writer goes on once there is room, and the batch that failed can be sent again.
  big.symbols.resize(1);
  const auto again = (*writer)->Append(big);
  EXPECT_TRUE(again) << TextOf(again);
  ASSERT_TRUE((*writer)->Close());
  const auto input = Open();
  EXPECT_EQ(Lines(*input, 1000), Expected(streams));
  EXPECT_EQ(input->symbols().exact().size(), 1u);
}

TEST_F(RecordingTest, FilesThatAreNotRecordingsAreNamed) {
  const std::string foreign = folder_.File("foreign.db"), text = folder_.File("text.db");
  {
    auto db = Database::Open(foreign, Database::Mode::kCreate);
    ASSERT_TRUE(db && db->Exec("CREATE TABLE chunk(id)"));
    std::ofstream(text) << std::string(500, 'x');
  }
  struct Row {
    std::string path;
    ErrorCode code;
  };
  const Row rows[] = {{foreign, ErrorCode::kUnsupported},
                      {text, ErrorCode::kUnsupported},
                      {folder_.File("absent.db"), ErrorCode::kNotFound},
                      {folder_.File(""), ErrorCode::kUnsupported}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.path);
    EXPECT_FALSE(IsRecording(row.path));
    const auto input = OpenRecording(row.path);
    ASSERT_FALSE(input);
    EXPECT_EQ(input.error().code, row.code) << input.error().Text();
    EXPECT_EQ(input.error().file, row.path);
  }
}

TEST_F(RecordingTest, DamagedFilesGiveAnErrorOrAGapButNoCrash) {
  store_test::MakeRecording(path_, {MakeBatch(formats_, store_test::Streams::Make(&maker_, 2, 2000), 300)});
  std::ifstream file(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string damaged = folder_.File("damaged.db");
  std::mt19937_64 random(5);
  size_t opened = 0;
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    for (uint64_t flips = round % 3 == 0 ? 0 : 1 + random() % 60; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= static_cast<char>(1u << random() % 8);
    }
    std::ofstream(damaged, std::ios::binary | std::ios::trunc) << bytes;
    const auto input = OpenRecording(damaged);
    if (!input) {
      EXPECT_FALSE(input.error().cause.empty());
      continue;
    }
    ++opened;
    auto readers = (*input)->OpenCpus();
    if (!readers) continue;
    for (auto& reader : *readers) {
      EventBlock block;
      while (true) {
        const auto more = reader->Fill(&block, 500);
        if (!more || !*more) break;
      }
    }
  }
  EXPECT_GT(opened, 0u);
}

TEST_F(RecordingTest, AnExistingFileIsReplacedOnlyWhenAsked) {
  std::ofstream(path_) << "mine";
  const auto kept = RecordingWriter::Create(path_, false);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(std::filesystem::file_size(path_), 4u);
  EXPECT_TRUE(RecordingWriter::Create(path_, true));
  EXPECT_FALSE(RecordingWriter::Create(folder_.File("no/such/folder.db"), true));
}

TEST_F(RecordingTest, BatchesThatMakeNoSenseAreRefused) {
  auto writer = RecordingWriter::Create(path_, false);
  ASSERT_TRUE(writer);
  Batch batch = MakeBatch(formats_, store_test::Streams::Make(&maker_, 1, 3), 3);
  struct Row {
    const char* story;
    void (*spoil)(Chunk*);
  };
  const Row rows[] = {{"no such CPU", [](Chunk* c) { c->cpu = 70000; }},
                      {"no events", [](Chunk* c) { c->events = 0; }},
                      {"ends before it begins", [](Chunk* c) { c->last_ns = c->first_ns - 1; }},
                      {"past the end of time", [](Chunk* c) { c->last_ns = UINT64_MAX; }},
                      {"no bytes", [](Chunk* c) { c->bytes.clear(); }}};
  for (const Row& row : rows) {
    Batch spoilt = batch;
    row.spoil(&spoilt.chunks[0]);
    const auto status = (*writer)->Append(spoilt);
    ASSERT_FALSE(status) << row.story;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument) << row.story;
  }
  EXPECT_TRUE((*writer)->Append(batch));
  ASSERT_TRUE((*writer)->Close());
  EXPECT_FALSE((*writer)->Append(batch));
}

TEST_F(RecordingTest, AReportReplacesTheOneBefore) {
  Report report;
  report.kernel = "6.1.0";
  report.events = 10;
  report.events_by_type = {{"sched_switch", 10}};
  report.anomalies.Add(Anomaly::kBadChunk, 2);
  ThreadSummary thread;
  thread.pid = 7;
  thread.comm = "ksoftirqd/0";
  thread.kind = ThreadKind::kKsoftirqd;
  for (uint64_t ns = 1; ns <= 50; ++ns) thread.wakeup_latency_ns.Add(ns);
  for (uint64_t ns = 1; ns <= 50; ++ns) thread.excess_latency_ns.Add(ns / 10);
  thread.assumed_affinity = 9;
  for (size_t i = 0; i < kBucketCount; ++i) thread.buckets.ns[i] = 100 + i;
  for (size_t i = 0; i < kBucketCount; ++i) thread.preempted_buckets.ns[i] = 200 + i;
  report.threads = {thread};
  RuleSummary rule;
  rule.name = "waking-before-wakeup";
  rule.checked = 40;
  rule.violations = 1;
  rule.missing = 2;
  rule.artefacts = 3;
  rule.voided = 4;
  report.rules = {rule};
  report.work.resize(2);
  report.softirq.resize(1);
  report.tasklets.resize(1);
  report.per_cpu.resize(1);
  Finding finding;
  finding.check = "wakeup-latency";
  finding.evidence = {{1, 5, "sched_waking"}, {2, 9, "sched_switch"}};
  finding.Seal(0);
  report.findings = {finding};
  report.obligations = {{"timer-lost", 36, 8, 7, 6, 5, 4, 3, 3}};
  auto writer = RecordingWriter::Create(path_, false);
  ASSERT_TRUE(writer);
  for (int round = 0; round < 2; ++round) {
    const auto status = (*writer)->StoreReport(report);
    ASSERT_TRUE(status) << TextOf(status);
  }
  ASSERT_TRUE((*writer)->Close());
  auto db = OpenRecordingFile(path_);
  ASSERT_TRUE(db);
  EXPECT_EQ(*db->Integer("SELECT wakeup_latency_n FROM thread_summary WHERE kind = 'ksoftirqd'"), 50);
  EXPECT_EQ(*db->Integer("SELECT wakeup_latency_p50_ns FROM thread_summary"), 25);
  EXPECT_EQ(*db->Integer("SELECT delivery_max_ns IS NULL FROM thread_summary"), 1);
  EXPECT_EQ(*db->Integer("SELECT excess_latency_n FROM thread_summary WHERE excess_latency_max_ns = 5"), 50);
  EXPECT_EQ(*db->Integer("SELECT assumed_affinity FROM thread_summary"), 9);
  EXPECT_EQ(*db->Integer("SELECT sum_delivery_ns FROM thread_summary WHERE sum_unexplained_ns = 109"), 100);
  EXPECT_EQ(*db->Integer("SELECT preempted_sum_off_ns FROM thread_summary WHERE preempted_sum_delivery_ns = 200"), 208);
  EXPECT_EQ(*db->Integer("SELECT checked * 10000 + violations * 1000 + missing * 100 + artefacts * 10 + voided "
                         "FROM model_rule WHERE name = 'waking-before-wakeup' AND version = 1"),
            401'234);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM work_summary"), 2);
  EXPECT_EQ(*db->Integer("SELECT count(*) FROM finding JOIN finding_evidence ON finding_id = finding.id"), 2);
  EXPECT_EQ(*db->Integer("SELECT waker_pid IS NULL FROM finding"), 1);
  EXPECT_EQ(
      *db->Integer("SELECT discharged * 1000000 + late * 100000 + expired * 10000 + censored * 1000 + voided * 100 "
                   "+ unlearned * 10 + open FROM obligation WHERE class = 'timer-lost' AND opened = 36"),
      8'765'433);
  EXPECT_EQ(*db->Integer("SELECT n FROM anomaly WHERE name = 'bad-chunk'"), 2);
  EXPECT_EQ(*db->Integer("SELECT value FROM report_info WHERE key = 'events'"), 10);
}

}  // namespace
}  // namespace wakewatch

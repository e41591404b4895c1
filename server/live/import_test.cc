#include "server/live/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "analysis/report/wait_builder.h"
#include "analysis/report/wait_test_support.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/record_decoder.h"
#include "server/live/made_up_input.h"
#include "server/store/store_test_support.h"
#include "server/store/wait_rows.h"

namespace wakewatch {
namespace {

using live_test::MadeUpReader;
using live_test::MakeGap;
using store_test::EventMaker;
using store_test::Folder;
using store_test::Lines;
using store_test::TextOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kFunctions = 0xffffffff81000000;  // EventMaker's functions begin here

class MadeUpInput : public TraceInput {
 public:
  MadeUpInput() : maker_(formats_) {
    formats_ = store_test::MakeFormats();
    metadata_.path = "made-up.dat";
    metadata_.kernel = "6.1.0-made-up";
    metadata_.clock = "mono";
    metadata_.hostname = "box";
    metadata_.cpus = 8;
    metadata_.clock_pairs = {{1000, 1'700'000'000'000'000'000}, {2000, 1'700'000'000'000'001'000}};
    metadata_.stats = {{0, 10, 2, 0, 0, 10}, {1, 20, 0, 1, 3, 19}};
    ThreadInfo worker;
    worker.pid = 100;
    worker.comm = "kworker/0:1";
    worker.flags = 0x00200060;
    worker.parent_pid = 2;
    worker.affinity = "0";
    worker.from_inventory = true;
    metadata_.threads.Add(worker);
    metadata_.threads.Add({.pid = 101, .comm = "rcu"});
    symbols_.SetKallsyms(
        "ffffffff81000000 T vmstat_update\n"
        "ffffffff81000100 T wb_workfn\n"
        "ffffffff82000000 T never_seen\n");
  }

  Result<std::vector<std::unique_ptr<CpuReader>>> OpenCpus() const override {
    std::vector<std::unique_ptr<CpuReader>> readers;
    for (uint32_t cpu = 0; cpu < by_cpu_.size(); ++cpu) {
      readers.push_back(std::make_unique<MadeUpReader>(cpu, by_cpu_[cpu], before_block));
    }
    return readers;
  }

  // A CPU with `events` events of every kind.
  void AddCpu(size_t events) {
    const auto cpu = static_cast<uint32_t>(by_cpu_.size());
    by_cpu_.emplace_back();
    const RecordDecoder decoder(formats_);
    uint64_t now_ns = 1000;
    for (size_t i = 0; i < events; ++i) {
      now_ns += maker_.random()() % 1000;
      Event event = maker_.Make(static_cast<uint16_t>(maker_.random()() % 5), cpu, now_ns);
      EXPECT_TRUE(decoder.Decode(event.record, event.record_size, &event, &metadata_.anomalies));
      by_cpu_[cpu].push_back(event);
    }
  }
  // Makes every `nth` event of a CPU, and what is behind its last one, a gap.
  void Break(uint32_t cpu, size_t nth) {
    auto& events = by_cpu_[cpu];
    for (size_t i = 1; i + 1 < events.size(); ++i) {
      const uint64_t last_ns = events[i - 1].ts_ns;
      if (i % nth == 0) events[i] = MakeGap(cpu, last_ns, events[i + 1].ts_ns, i % 2 == 0 ? 7 : kLostUnknown);
    }
    events.push_back(MakeGap(cpu, events.back().ts_ns, UINT64_MAX, 1));
  }
  size_t events() const {
    size_t events = 0;
    for (const auto& stream : by_cpu_) {
      events += static_cast<size_t>(std::count_if(stream.begin(), stream.end(),
                                                  [](const Event& event) { return event.type != EventType::kGap; }));
    }
    return events;
  }

  MadeUpReader::Hook before_block;

 private:
  EventMaker maker_;
  std::vector<std::vector<Event>> by_cpu_;
};

PipelineOptions SmallBlocks(unsigned cores) {
  PipelineOptions options;
  options.cores = cores;
  options.block_events = 500;
  return options;
}

// Imports and closes; the report is not stored.
Result<Report> Import(const TraceInput& input, const std::string& path, const PipelineOptions& options) {
  auto writer = RecordingWriter::Create(path, false);
  if (!writer) return Fail(writer.error());
  auto report = ImportTrace(input, **writer, EngineOptions(), options);
  if (auto status = (*writer)->Close(); !status) return Fail(status.error());
  return report;
}

std::unique_ptr<TraceInput> Open(const std::string& path) {
  auto input = OpenRecording(path);
  EXPECT_TRUE(input) << TextOf(input);
  return input ? std::move(*input) : nullptr;
}

TEST(Import, ARecordingHoldsWhatTheTraceHeld) {
  for (const unsigned cores : {1u, 2u}) {
    const Folder folder;
    MadeUpInput input;
    input.AddCpu(150'000);  // more than two chunks
    input.AddCpu(0);
    input.AddCpu(20'000);
    input.AddCpu(1);
    input.Break(2, 999);
    const auto report = Import(input, folder.File("a.db"), SmallBlocks(cores));
    ASSERT_TRUE(report) << TextOf(report);
    const auto recording = Open(folder.File("a.db"));
    ASSERT_NE(recording, nullptr);
    EXPECT_EQ(Lines(input, 4096), Lines(*recording, 4096));
    EXPECT_EQ(report->events, input.events());
    EXPECT_EQ(recording->formats().Hash(), input.formats().Hash());
  }
}

TEST(Import, WhatTheInputSaysAboutItselfTravels) {
  const Folder folder;
  MadeUpInput input;
  input.AddCpu(1000);
  ASSERT_TRUE(Import(input, folder.File("a.db"), SmallBlocks(2)));
  const auto recording = Open(folder.File("a.db"));
  ASSERT_NE(recording, nullptr);
  const TraceMetadata &want = input.metadata(), &got = recording->metadata();
  EXPECT_EQ(got.kernel, want.kernel);
  EXPECT_EQ(got.clock, want.clock);
  EXPECT_EQ(got.hostname, want.hostname);
  EXPECT_EQ(got.cpus, want.cpus);
  ASSERT_EQ(got.clock_pairs.size(), want.clock_pairs.size());
  EXPECT_EQ(got.clock_pairs[1].real_ns, want.clock_pairs[1].real_ns);
  ASSERT_EQ(got.stats.size(), want.stats.size());
  EXPECT_EQ(got.stats[1].dropped, want.stats[1].dropped);
  ASSERT_EQ(got.threads.added(), want.threads.added());
  for (const ThreadInfo& thread : want.threads.all()) {
    ASSERT_NE(got.threads.Latest(thread.pid), nullptr);
    const ThreadInfo& again = *got.threads.Latest(thread.pid);
    EXPECT_EQ(again.comm, thread.comm);
    EXPECT_EQ(again.flags, thread.flags);
    EXPECT_EQ(again.parent_pid, thread.parent_pid);
    EXPECT_EQ(again.affinity, thread.affinity);
    EXPECT_EQ(again.policy, thread.policy);
    EXPECT_EQ(again.from_inventory, thread.from_inventory);
  }
}

TEST(Import, OnlyFunctionsThatOccurAreNamed) {
  const Folder folder;
  MadeUpInput input;
  input.AddCpu(2000);
  ASSERT_TRUE(Import(input, folder.File("a.db"), SmallBlocks(2)));
  const auto recording = Open(folder.File("a.db"));
  ASSERT_NE(recording, nullptr);
  for (uint64_t address = kFunctions; address < kFunctions + 0x300; address += 0x100) {
    EXPECT_EQ(recording->symbols().Name(address), input.symbols().Name(address));
  }
  EXPECT_TRUE(recording->symbols().Find(0xffffffff82000000).empty());
}

TEST(Import, AnEmptyTraceIsAnEmptyRecording) {
  const Folder folder;
  const MadeUpInput input;
  const auto report = Import(input, folder.File("a.db"), SmallBlocks(2));
  ASSERT_TRUE(report) << TextOf(report);
  EXPECT_EQ(report->events, 0u);
  const auto recording = Open(folder.File("a.db"));
  ASSERT_NE(recording, nullptr);
  EXPECT_EQ(recording->metadata().kernel, input.metadata().kernel);
  EXPECT_TRUE(Lines(*recording, 100).empty());
}

TEST(Import, StoppedEarlyItHoldsWhatWasReadAndSaysThatMoreWasThere) {
  for (const unsigned cores : {1u, 2u}) {
    const Folder folder;
    MadeUpInput input;
    input.AddCpu(50'000);
    input.AddCpu(10);
    input.AddCpu(50'000);
    std::atomic<bool> stop{false};
    std::atomic<size_t> blocks{0};
    input.before_block = [&](size_t) -> Status {
      stop = ++blocks > 40;
      return {};
    };
    PipelineOptions options = SmallBlocks(cores);
    options.stop = &stop;
    const auto report = Import(input, folder.File("a.db"), options);
    ASSERT_TRUE(report) << TextOf(report);
    EXPECT_GT(report->events, 0u);
    EXPECT_LT(report->events, input.events());

    input.before_block = {};
    const auto recording = Open(folder.File("a.db"));
    ASSERT_NE(recording, nullptr);
    const auto all = Lines(input, 4096), stored = Lines(*recording, 4096);
    size_t events = 0, gaps = 0, at = 0;
    for (const std::string& line : stored) {
      if (line.find(" gap to ") != std::string::npos && line.find("collector") != std::string::npos) {
        ++gaps;
        continue;
      }
      ++events;
      // Each CPU's events are the first of those it had.
      while (at < all.size() && all[at] != line) ++at;
    }
    EXPECT_LT(at, all.size()) << "an event that was not there";
    EXPECT_EQ(events, report->events) << "stored, but not analysed";
    EXPECT_EQ(report->gaps.size(), gaps);
    EXPECT_GE(gaps, 2u);
  }
}

TEST(Import, AnErrorOfAReaderIsTheAnswer) {
  const Folder folder;
  MadeUpInput input;
  input.AddCpu(20'000);
  input.before_block = [](size_t block) -> Status {
    return block < 10 ? Status() : Fail(ErrorCode::kIo, "the disk is gone");
  };
  const auto report = Import(input, folder.File("a.db"), SmallBlocks(2));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kIo);
  EXPECT_NE(Open(folder.File("a.db")), nullptr) << "what was stored before stays readable";
}

class FullDisk : public RecordingWriter {
 public:
  Status Append(const Batch& batch) override {
    sequences.push_back(batch.sequence);
    for (const Chunk& chunk : batch.chunks) events += chunk.events;
    return Fail(ErrorCode::kNoSpace, "the disk is full");
  }
  Status StoreWaits(std::span<const WaitChunk>) override { return {}; }
  Status StoreReport(const Report&) override { return {}; }
  Status StoreVerdicts(std::span<const ProtocolVerdict>) override { return {}; }
  Status Close() override { return {}; }

  std::vector<uint64_t> sequences;
  size_t events = 0;
};

TEST(Import, AFullDiskEndsIt) {
  MadeUpInput input;
  input.AddCpu(1'500'000);
  for (const unsigned cores : {1u, 2u}) {
    FullDisk writer;
    const auto report = ImportTrace(input, writer, EngineOptions(), SmallBlocks(cores));
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kNoSpace);
    EXPECT_THAT(report.error().cause, HasSubstr("full"));
    EXPECT_THAT(writer.sequences, ElementsAre(1));
    EXPECT_LT(writer.events, input.events());
  }
}

std::vector<std::string> StoredWaitLines(const std::string& path) {
  auto stored = StoredWaits::Open({path});
  EXPECT_TRUE(stored) << TextOf(stored);
  EXPECT_TRUE(stored->kept());
  EXPECT_GT(stored->until_ns(), 0u);
  std::vector<std::string> lines;
  EXPECT_TRUE(stored->Read({}, {}, {}, [&](const MeasuredWait& wait) { lines.push_back(wait_test::Line(wait)); }));
  return lines;
}

TEST(Import, KeepsTheMeasuredWaits) {
  const Folder folder;
  const auto input = OpenTrace(WAKEWATCH_SOURCE_DIR "/tests/data/traces/tiny_lost-174-A.dat");
  ASSERT_TRUE(input) << TextOf(input);
  std::vector<std::string> wanted;
  EngineOptions options;
  options.latency_threshold_ns = 300'000;  // so that some waits of user tasks are as long
  size_t left_out = 0;
  options.on_wait = [&](const MeasuredWait& wait) {
    if (WaitBuilder::Keeps(wait, options.latency_threshold_ns)) {
      wanted.push_back(wait_test::Line(wait));
    } else {
      ++left_out;
    }
  };
  const auto whole = AnalyseTrace(**input, options, {});
  ASSERT_TRUE(whole) << TextOf(whole);
  EXPECT_GT(wanted.size(), 100u);
  EXPECT_GT(left_out, 100u);
  options.on_wait = {};
  for (const unsigned cores : {1u, 2u}) {
    const std::string path = folder.File(std::to_string(cores) + ".db");
    auto writer = RecordingWriter::Create(path, false);
    ASSERT_TRUE(writer) << TextOf(writer);
    const auto report = ImportTrace(**input, **writer, options, SmallBlocks(cores));
    ASSERT_TRUE(report) << TextOf(report);
    ASSERT_TRUE((*writer)->Close());
    EXPECT_EQ(StoredWaitLines(path), wanted);
  }
  // What was recorded is measured afterwards.
  const std::string path = folder.File("2.db");
  {
    auto db = Database::Open(path, Database::Mode::kWrite);
    ASSERT_TRUE(db && db->Exec("DELETE FROM wait_chunk; DELETE FROM meta"));
  }
  const auto recording = OpenRecording(path);
  ASSERT_TRUE(recording) << TextOf(recording);
  class Storing : public RecordingWriter {
   public:
    explicit Storing(Database db) : db_(std::move(db)) {}
    Status Append(const Batch&) override { return {}; }
    Status StoreWaits(std::span<const WaitChunk> waits) override { return WriteWaits(db_, waits); }
    Status StoreReport(const Report&) override { return {}; }
    Status StoreVerdicts(std::span<const ProtocolVerdict>) override { return {}; }
    Status Close() override { return {}; }

   private:
    Database db_;
  };
  auto db = Database::Open(path, Database::Mode::kWrite);
  ASSERT_TRUE(db) << TextOf(db);
  Storing writer(std::move(*db));
  const auto report = AnalyseStored(**recording, writer, options, SmallBlocks(2));
  ASSERT_TRUE(report) << TextOf(report);
  EXPECT_EQ(StoredWaitLines(path), wanted);
}

TEST(Import, ManyCpusShareTheMemoryOfOpenChunks) {
  const Folder folder;
  MadeUpInput input;
  for (int cpu = 0; cpu < 64; ++cpu) input.AddCpu(9000);
  ASSERT_TRUE(Import(input, folder.File("a.db"), SmallBlocks(2)));
  const auto recording = Open(folder.File("a.db"));
  ASSERT_NE(recording, nullptr);
  EXPECT_EQ(Lines(input, 4096), Lines(*recording, 4096));
}

}  // namespace
}  // namespace wakewatch

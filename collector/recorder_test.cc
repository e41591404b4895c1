#include "collector/recorder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "analysis/chunk/chunk.h"
#include "collector/file_io.h"
#include "collector/test_folder.h"
#include "collector/trace_clock.h"
#include "collector/tracefs_session.h"

namespace wakewatch {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kPrefix[] = "wakewatch-test";

// Makes work for every CPU: wakeups between two threads.
class Load {
 public:
  Load()
      : thread_([this] {
          while (!done_.load()) std::this_thread::sleep_for(std::chrono::microseconds(200));
        }) {}
  ~Load() {
    done_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

class LiveRecorder : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "NOT TESTED: recording needs root";
    Warnings warnings;
    const auto tracefs = FindTracefs("", &warnings);
    if (!tracefs) GTEST_SKIP() << "NOT TESTED: recording needs tracefs: " << tracefs.error().Text();
    tracefs_ = *tracefs;
    options_.instance_prefix = kPrefix;
    options_.buffer_kb_per_cpu = 4096;
    options_.batch_span = milliseconds(100);
  }
  std::vector<std::string> Instances() const {
    const auto names = ListFolder(tracefs_ + "/instances");
    return names ? *names : std::vector<std::string>();
  }
  std::set<std::string> OwnInstances() const {
    std::set<std::string> own;
    for (const std::string& name : Instances()) {
      const auto owner = ParseInstanceName(kPrefix, name);
      if (owner && owner->pid == getpid()) own.insert(name);
    }
    return own;
  }

  std::string tracefs_;
  RecorderOptions options_;
  std::atomic<bool> stop_{false};
};

// Checks what holds for any sequence of batches while they arrive.
class Collected {
 public:
  Status Take(Batch&& batch) {
    EXPECT_EQ(batch.sequence, batches + 1);
    EXPECT_EQ(batch.session.has_value(), batches == 0);
    EXPECT_EQ(batch.formats.has_value(), batches == 0);
    if (batch.formats) formats = *batch.formats;
    if (batch.session) session = *batch.session;
    for (const Chunk& chunk : batch.chunks) {
      EXPECT_EQ(chunk.formats_hash, formats.hash);
      EXPECT_LE(last_ns[chunk.cpu], chunk.first_ns) << "time goes back on CPU " << chunk.cpu;
      last_ns[chunk.cpu] = chunk.last_ns;
      events += chunk.events;
    }
    for (const Frontier& frontier : batch.frontiers) {
      EXPECT_LE(frontier_ns[frontier.cpu], frontier.ts_ns) << "a frontier goes back";
      frontier_ns[frontier.cpu] = frontier.ts_ns;
    }
    for (const CpuStats& cpu : batch.stats) stats[cpu.cpu] = cpu;
    for (const Symbol& symbol : batch.symbols) EXPECT_TRUE(symbols.emplace(symbol.address, symbol.name).second);
    for (const ThreadInfo& thread : batch.threads) threads[thread.pid] = thread;
    const auto append = [](auto* to, const auto& from) { to->insert(to->end(), from.begin(), from.end()); };
    append(&chunks, batch.chunks);
    for (const GapRecord& gap : batch.gaps) {
      const auto announced = std::find_if(gaps.begin(), gaps.end(), [&](const GapRecord& open) {
        return open.cpu == gap.cpu && open.start_ns == gap.start_ns && open.end_ns == UINT64_MAX;
      });
      if (announced == gaps.end()) {
        gaps.push_back(gap);
      } else {
        *announced = gap;
      }
    }
    append(&clock_pairs, batch.clock_pairs);
    append(&cpus, batch.cpus);
    append(&profiles, batch.profiles);
    ++batches;
    return {};
  }

  uint64_t batches = 0, events = 0;
  SessionInfo session;
  FormatsDelta formats;
  std::map<uint32_t, uint64_t> last_ns, frontier_ns;
  std::map<uint32_t, CpuStats> stats;
  std::map<uint64_t, std::string> symbols;
  std::map<int32_t, ThreadInfo> threads;
  std::vector<Chunk> chunks;
  std::vector<GapRecord> gaps;
  std::vector<ClockPair> clock_pairs;
  std::vector<CpuInfo> cpus;
  std::vector<ProfileChange> profiles;
};

FormatTable TableOf(const FormatsDelta& delta) {
  auto table = FormatTable::Create({std::endian::native, delta.long_size}, delta.header_page);
  EXPECT_TRUE(table);
  table->set_page_size(delta.page_size);
  for (const FormatDelta& event : delta.events) EXPECT_TRUE(table->Add(event.system, event.text));
  return *std::move(table);
}

TEST_F(LiveRecorder, WhatIsRecordedDecodesBackAndNothingIsLeftBehind) {
  options_.buffer_kb_per_cpu = 16384;  // for what a busy machine does while nobody reads
  Collected got;
  {
    auto recorder = Recorder::Create(options_);
    ASSERT_TRUE(recorder) << recorder.error().Text();
    EXPECT_EQ(OwnInstances().size(), 1u);
    Load load;
    const auto status =
        (*recorder)->Run(std::chrono::seconds(1), stop_, [&](Batch&& b) { return got.Take(std::move(b)); });
    ASSERT_TRUE(status) << status.error().Text();
    const RecorderTotals& totals = (*recorder)->totals();
    EXPECT_EQ(totals.events, got.events);
    EXPECT_EQ(totals.batches, got.batches);
    EXPECT_EQ(totals.gaps, got.gaps.size());
    EXPECT_EQ(totals.lost, 0u);
    EXPECT_FALSE((*recorder)->ChangeProfile("light", "not asked for when it was made"));
    EXPECT_GT(totals.bytes_read, 0u);
    EXPECT_FALSE((*recorder)->Run(std::chrono::seconds(1), stop_, [](Batch&&) { return Status(); })) << "it runs once";
  }
  EXPECT_THAT(OwnInstances(), IsEmpty());

  EXPECT_GT(got.events, 0u);
  EXPECT_GE(got.batches, 2u);
  EXPECT_THAT(got.gaps, IsEmpty());
  EXPECT_FALSE(got.session.boot_id.empty());
  EXPECT_FALSE(got.session.session.empty());
  EXPECT_GE(got.clock_pairs.size(), 2u);
  EXPECT_EQ(got.profiles.size(), 1u);
  EXPECT_GE(got.cpus.size(), got.session.cpus);
  EXPECT_EQ(got.threads.at(2).comm, "kthreadd");
  EXPECT_EQ(got.threads.at(getpid()).pid, getpid());
  uint64_t read = 0;
  for (const auto& [cpu, stats] : got.stats) {
    read += stats.read;
    EXPECT_EQ(stats.overrun + stats.commit_overrun + stats.dropped + stats.entries, 0u) << "CPU " << cpu;
  }
  EXPECT_EQ(read, got.events) << "the kernel counted as many as were recorded";

  const FormatTable table = TableOf(got.formats);
  EXPECT_EQ(table.Hash(), got.formats.hash);
  const RecordDecoder decoder(table);
  std::map<EventType, uint64_t> by_type;
  uint64_t decoded = 0;
  for (const Chunk& chunk : got.chunks) {
    const auto view = ChunkView::Open(chunk.bytes, table);
    ASSERT_TRUE(view) << view.error().Text();
    EventBlock block;
    AnomalyCounts anomalies;
    ASSERT_TRUE(view->Decode(decoder, &block, &anomalies));
    ASSERT_EQ(block.events.size(), chunk.events);
    EXPECT_EQ(block.events.front().ts_ns, chunk.first_ns);
    EXPECT_EQ(block.events.back().ts_ns, chunk.last_ns);
    decoded += block.events.size();
    for (const Event& event : block.events) ++by_type[event.type];
  }
  EXPECT_EQ(decoded, got.events);
  EXPECT_GT(by_type[EventType::kSchedSwitch], 0u);
  EXPECT_GT(by_type[EventType::kSchedWaking], 0u);
  EXPECT_GT(by_type[EventType::kHrtimerExpireEntry], 0u);
}

TEST_F(LiveRecorder, TheProfileChangesWhileItRecords) {
  options_.changeable_profile = true;
  options_.profile = "standard";
  options_.host = "another-name";
  Collected got;
  auto recorder = Recorder::Create(options_);
  ASSERT_TRUE(recorder) << recorder.error().Text();
  EXPECT_FALSE((*recorder)->ChangeProfile("huge", "no such thing"));
  Load load;
  // Between these times the profile is "light" and no other: its events go, and come back, one by one.
  uint64_t light_ns = 0, not_light_ns = 0, batches = 0;  // since the profile came
  const auto status = (*recorder)->Run(std::chrono::nanoseconds(0), stop_, [&](Batch&& batch) {
    const size_t before = got.profiles.size();
    const auto taken = got.Take(std::move(batch));
    const size_t profiles = got.profiles.size();
    const uint64_t now_ns = TraceClock::Named(got.session.clock)->NowNs();
    batches = profiles == before ? batches + 1 : 0;
    if (profiles == 2 && batches == 0) light_ns = now_ns;
    if (profiles == 1 && batches == 2) EXPECT_TRUE((*recorder)->ChangeProfile("light", "over the budget"));
    if (profiles == 2 && batches == 6) {
      not_light_ns = now_ns;
      EXPECT_TRUE((*recorder)->ChangeProfile("full", "below it"));
    }
    if (profiles == 3 && batches == 6) stop_ = true;
    return taken;
  });
  ASSERT_TRUE(status) << status.error().Text();
  EXPECT_EQ(got.session.host, "another-name");
  ASSERT_EQ(got.profiles.size(), 3u);
  EXPECT_EQ(got.profiles[1].profile, "light");
  EXPECT_EQ(got.profiles[1].reason, "over the budget");
  EXPECT_EQ(got.profiles[2].profile, "full");
  const auto has = [&](size_t profile, const std::string& event) {
    const auto& events = got.profiles[profile].events;
    return std::count(events.begin(), events.end(), event);
  };
  EXPECT_EQ(has(0, "irq/softirq_entry"), 1);
  EXPECT_EQ(has(1, "irq/softirq_entry"), 0);
  EXPECT_EQ(has(1, "sched/sched_switch"), 1);
  EXPECT_EQ(has(2, "irq/softirq_entry"), 1);

  // In the chunks: softirqs stop with the first change and come back with the second.
  const FormatTable table = TableOf(got.formats);
  const RecordDecoder decoder(table);
  uint64_t softirqs[3] = {}, switches[3] = {};
  for (const Chunk& chunk : got.chunks) {
    const auto view = ChunkView::Open(chunk.bytes, table);
    ASSERT_TRUE(view) << view.error().Text();
    EventBlock block;
    AnomalyCounts anomalies;
    ASSERT_TRUE(view->Decode(decoder, &block, &anomalies));
    for (const Event& event : block.events) {
      const size_t era = event.ts_ns < got.profiles[1].ts_ns   ? 0
                         : event.ts_ns < light_ns              ? 3
                         : event.ts_ns < not_light_ns          ? 1
                         : event.ts_ns < got.profiles[2].ts_ns ? 3
                                                               : 2;
      if (era == 3) continue;
      softirqs[era] += event.type == EventType::kSoftirqEntry;
      switches[era] += event.type == EventType::kSchedSwitch;
    }
  }
  EXPECT_GT(softirqs[0], 0u);
  EXPECT_EQ(softirqs[1], 0u);
  EXPECT_GT(softirqs[2], 0u);
  for (const uint64_t count : switches) EXPECT_GT(count, 0u);
}

TEST_F(LiveRecorder, DeepEvidenceIsWhatTheKernelTakes) {
  options_.evidence = EvidenceLevel::kDeep;
  Collected got;
  auto recorder = Recorder::Create(options_);
  ASSERT_TRUE(recorder) << recorder.error().Text();
  Load load;
  ASSERT_TRUE((*recorder)->Run(milliseconds(300), stop_, [&](Batch&& b) { return got.Take(std::move(b)); }));
  const RecorderTotals& totals = (*recorder)->totals();
  ASSERT_EQ(got.profiles.size(), 1u);
  const auto probes = std::count_if(got.profiles[0].events.begin(), got.profiles[0].events.end(),
                                    [](const std::string& event) { return event.starts_with("wakewatch/"); });
  const std::string list = tracefs_ + "/kprobe_events";
  if (!FileExists(list)) {
    EXPECT_EQ(totals.evidence, "tracepoints only: this kernel has no kprobe events");
    EXPECT_EQ(probes, 0);
    GTEST_SKIP() << "NOT TESTED: this kernel has no kprobe events";
  }
  EXPECT_THAT(totals.evidence, HasSubstr("deep: "));
  EXPECT_GT(probes, 0);
  EXPECT_THAT(ReadTextFile(list).value_or(""), Not(HasSubstr("wakewatch/")));
}

TEST_F(LiveRecorder, OtherInstancesAreLeftAlone) {
  const std::string neighbour = tracefs_ + "/instances/wakewatch-neighbour-" + std::to_string(getpid());
  ASSERT_EQ(mkdir(neighbour.c_str(), 0750), 0);
  ASSERT_TRUE(WriteTextFile(neighbour + "/buffer_size_kb", "100"));
  const auto state = [&] {
    std::string text;
    for (const char* file : {"tracing_on", "trace_clock", "buffer_size_kb", "set_event", "buffer_percent"}) {
      text += ReadTextFile(neighbour + "/" + file).value_or("missing") + "|";
    }
    return text;
  };
  const std::string before = state();
  {
    auto recorder = Recorder::Create(options_);
    ASSERT_TRUE(recorder) << recorder.error().Text();
    EXPECT_EQ(state(), before);
    EXPECT_TRUE((*recorder)->Run(milliseconds(200), stop_, [](Batch&&) { return Status(); }));
  }
  EXPECT_EQ(state(), before);
  EXPECT_EQ(rmdir(neighbour.c_str()), 0);
}

TEST_F(LiveRecorder, ASinkThatFailsEndsItAndTheInstanceIsRemoved) {
  auto recorder = Recorder::Create(options_);
  ASSERT_TRUE(recorder) << recorder.error().Text();
  const auto status = (*recorder)->Run(std::chrono::hours(1), stop_, [](Batch&& batch) -> Status {
    if (batch.sequence < 2) return {};
    return Fail(Error{ErrorCode::kNoSpace, "the disk is full", "out.db"});
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kNoSpace);
  EXPECT_GT((*recorder)->totals().lost, 0u) << "what was not taken is counted";
  EXPECT_THAT(OwnInstances(), IsEmpty());
}

TEST_F(LiveRecorder, StopEndsARecordingWithoutALimit) {
  auto recorder = Recorder::Create(options_);
  ASSERT_TRUE(recorder) << recorder.error().Text();
  Collected got;
  const auto status = (*recorder)->Run(std::chrono::nanoseconds(0), stop_, [&](Batch&& batch) {
    stop_ = true;
    return got.Take(std::move(batch));
  });
  EXPECT_TRUE(status);
  EXPECT_FALSE(got.stats.empty()) << "the last batch says what the kernel counted";
}

TEST_F(LiveRecorder, ASinkThatBlocksCostsEventsThatAreCountedToTheLast) {
  options_.buffer_kb_per_cpu = 64;
  options_.subbuffer_kb = 4;
  options_.extra_events = {"raw_syscalls"};
  options_.profile = "light";
  Collected got;
  auto recorder = Recorder::Create(options_);
  ASSERT_TRUE(recorder) << recorder.error().Text();
  const int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const auto status = (*recorder)->Run(std::chrono::nanoseconds(0), stop_, [&](Batch&& batch) {
    // Writes fill the queue and then the kernel's buffers: far more events than both hold.
    if (batch.sequence == 2) {
      for (int i = 0; i < 1'000'000; ++i) (void)!write(out, "", 0);
    }
    stop_ = batch.sequence >= 5;
    return got.Take(std::move(batch));
  });
  close(out);
  ASSERT_TRUE(status) << status.error().Text();
  uint64_t lost_in_gaps = 0, lost_in_kernel = 0;
  bool all_counted = true;
  for (const GapRecord& gap : got.gaps) {
    EXPECT_LT(gap.start_ns, gap.end_ns);
    if (gap.lost != kLostUnknown) lost_in_gaps += gap.lost;
    all_counted &= gap.lost != kLostUnknown;
  }
  for (const auto& [cpu, stats] : got.stats) lost_in_kernel += stats.overrun + stats.commit_overrun + stats.dropped;
  EXPECT_GT(lost_in_kernel, 0u) << "the test did not manage to overrun the buffers";
  EXPECT_LE(lost_in_gaps, lost_in_kernel);
  if (all_counted) {
    EXPECT_EQ(lost_in_gaps, lost_in_kernel);
  }
  EXPECT_FALSE(got.gaps.empty());
  EXPECT_EQ((*recorder)->totals().lost, lost_in_kernel);
}

TEST(Recorder, SaysWhatIsWrongBeforeItTouchesAnything) {
  TestFolder fake;
  fake.Folder("instances");
  const struct {
    const char* story;
    RecorderOptions options;
    ErrorCode code;
    const char* text;
  } rows[] = {
      {"an unknown profile", {.tracefs = fake.path(), .profile = "huge"}, ErrorCode::kInvalidArgument, "standard"},
      {"no buffer", {.tracefs = fake.path(), .buffer_kb_per_cpu = 0}, ErrorCode::kInvalidArgument, "above zero"},
      {"no batch span",
       {.tracefs = fake.path(), .batch_span = milliseconds(0)},
       ErrorCode::kInvalidArgument,
       "above zero"},
      {"not a tracefs", {.tracefs = fake.path() + "/x"}, ErrorCode::kNotFound, "mount -t tracefs"},
      {"an instance without its files", {.tracefs = fake.path()}, ErrorCode::kNotFound, "buffer_size_kb"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto recorder = Recorder::Create(row.options);
    ASSERT_FALSE(recorder);
    EXPECT_EQ(recorder.error().code, row.code);
    EXPECT_THAT(recorder.error().Text(), HasSubstr(row.text));
    EXPECT_THAT(*ListFolder(fake.path() + "/instances"), IsEmpty());
  }
}

}  // namespace
}  // namespace wakewatch

#include "analysis/report/timeline.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "analysis/report/timeline_build.h"
#include "analysis/report/timeline_test_support.h"
#include "analysis/trace/formats_list.h"
#include "analysis/trace/merge.h"
#include "analysis/trace/test_files.h"
#include "analysis/trace/zstd_frame.h"

namespace wakewatch {
namespace {

namespace fs = std::filesystem;
using timeline_test::ForEachRun;
using timeline_test::RandomEvents;
using timeline_test::Reference;
using timeline_test::RowTable;

std::string Show(const TimelineBin& bin) {
  std::string text;
  for (const uint64_t ns : bin.ns) text += std::to_string(ns) + " ";
  return text + "switches " + std::to_string(bin.switches) + " pid " + std::to_string(bin.busiest_pid) + " for " +
         std::to_string(bin.busiest_ns);
}

// Every bin is what the reference says, and every CPU's bins reach from its first event to the end.
void ExpectEqual(const RowTable& table, const Reference& reference) {
  std::set<std::pair<uint32_t, uint32_t>> lanes;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> ends_ns;
  size_t wrong = 0;
  ForEachRun(table, [&](uint32_t cpu, uint32_t level, const TimelineRowReader::Run& run) {
    const uint64_t bin_ns = TimelineBinNs(level);
    if (lanes.insert({cpu, level}).second) {
      EXPECT_EQ(run.first_bin, reference.cpus().at(cpu).first_ns / bin_ns);
    }
    // The bins of a run are alike: of a long one three stand for all.
    const uint64_t step = run.bins <= 400 ? 1 : run.bins / 2;
    for (uint64_t bin = run.first_bin; bin < run.first_bin + run.bins && wrong < 3; bin += step) {
      const TimelineBin expected = reference.Bin(cpu, bin * bin_ns, bin_ns);
      if (expected == run.bin) continue;
      ++wrong;
      ADD_FAILURE() << "CPU " << cpu << " level " << level << " bin " << bin << "\nis       " << Show(run.bin)
                    << "\nshould be " << Show(expected);
    }
    ends_ns[{cpu, level}] = std::min((run.first_bin + run.bins) * bin_ns, reference.end_ns());
  });
  EXPECT_EQ(lanes.size(), reference.cpus().size() * kTimelineLevels);
  for (const auto& [lane, end_ns] : ends_ns) EXPECT_EQ(end_ns, reference.end_ns());
}

class RandomTimeline : public testing::TestWithParam<unsigned> {};

TEST_P(RandomTimeline, IsThatOfTheReferenceAtEveryLevel) {
  std::mt19937_64 random(GetParam());
  std::vector<Event> events;
  for (uint16_t cpu = 0; cpu < 3; ++cpu) {
    const auto own = RandomEvents(cpu, 1 + random() % 3000, &random);
    events.insert(events.end(), own.begin(), own.end());
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.ts_ns < b.ts_ns; });

  const ScriptInput input;
  Reference reference(input);
  TimelineBuilder builder;
  RowTable table;
  for (const Event& event : events) {
    reference.Push(event);
    builder.Push(event);
    const uint64_t what = random() % 500;
    if (what == 0) table.Store(builder.Flush(event.ts_ns));
    if (what == 1) table.Store(builder.TakeRows());
    if (what == 2) {
      auto restored = TimelineBuilder::Restore(builder.Save());
      ASSERT_TRUE(restored) << restored.error().Text();
      builder = std::move(*restored);
    }
  }
  const uint64_t end_ns = events.back().ts_ns + random() % 3 * 7'000'000'000;
  reference.End(end_ns);
  table.Store(builder.Flush(end_ns));
  ExpectEqual(table, reference);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomTimeline, testing::Range(0u, 40u));

TEST(Timeline, LongStretchesAreOneRow) {
  Script script;
  script.On(3).Switch(5'000'000, 7, kSleepS, 0);
  TimelineBuilder builder;
  builder.Push(script.events()[0]);
  constexpr uint64_t kDayNs = 86'400'000'000'000;
  const std::vector<TimelineRow> rows = builder.Flush(kDayNs);
  // Each level's first row has the first bin in it, which is like no other, and ends where rows end.
  EXPECT_EQ(rows.size(), kTimelineLevels * 2);
  std::map<uint32_t, uint64_t> bins;
  for (const TimelineRow& row : rows) {
    EXPECT_LT(row.bytes.size(), 40u) << row.level;
    bins[row.level] += row.bins;
  }
  for (unsigned level = 0; level < kTimelineLevels; ++level) {
    EXPECT_EQ(bins[level], kDayNs / TimelineBinNs(level) + 1 - 5'000'000 / TimelineBinNs(level)) << level;
  }
}

TEST(Timeline, ALeapThroughAllTimeCostsFewRows) {
  Script script;
  script.On(0).Switch(1000, 7, kSleepS, 8).Switch(UINT64_MAX, 8, kSleepS, 0).Switch(5, 0, kRunnable, 8);
  TimelineBuilder builder;
  for (const Event& event : script.events()) builder.Push(event);
  RowTable table;
  table.Store(builder.Flush(UINT64_MAX));
  EXPECT_LT(table.rows().size(), 10'000u);
  std::map<uint32_t, uint64_t> task_ns;
  ForEachRun(table, [&](uint32_t, uint32_t level, const TimelineRowReader::Run& run) {
    if (run.bin.busiest_pid == 8) task_ns[level] += run.bins * run.bin.busiest_ns;
  });
  for (unsigned level = 0; level < kTimelineLevels; ++level) EXPECT_EQ(task_ns[level], kTimelineEndNs - 1000);
}

TEST(Timeline, ABinOfManyTasksNamesTheBusiest) {
  Script script;
  script.On(0);
  uint64_t now_ns = 0;
  for (int32_t pid = 1; pid < 300; ++pid) {
    script.Switch(now_ns, pid - 1, kSleepS, pid);
    now_ns += pid == 211 ? 50'000 : 1000;
  }
  script.Switch(now_ns, 299, kSleepS, 0);
  TimelineBuilder builder;
  for (const Event& event : script.events()) builder.Push(event);
  RowTable table;
  table.Store(builder.Flush(80'000'000));
  bool first = true;
  ForEachRun(table, [&](uint32_t, uint32_t level, const TimelineRowReader::Run& run) {
    if (level != 1 || !std::exchange(first, false)) return;
    EXPECT_EQ(run.bin.busiest_pid, 211);
    EXPECT_EQ(run.bin.busiest_ns, 50'000u);
    EXPECT_EQ(run.bin.switches, 300u);
  });
  EXPECT_FALSE(first);
}

TEST(Timeline, SavedStateIsCheckedWhenItComesBack) {
  std::mt19937_64 random(7);
  TimelineBuilder builder;
  for (const Event& event : RandomEvents(2, 800, &random)) builder.Push(event);
  const std::vector<uint8_t> saved = builder.Save();
  for (size_t size = 0; size < saved.size(); size += 1 + size / 64) {
    EXPECT_FALSE(TimelineBuilder::Restore(Bytes(saved).first(size))) << size;
  }
  // A changed byte is refused, or harmless: what is restored can go on, and its rows can be read.
  size_t refused = 0;
  for (size_t i = 0; i < 3000; ++i) {
    std::vector<uint8_t> changed = saved;
    changed[random() % changed.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    auto restored = TimelineBuilder::Restore(changed);
    refused += restored ? 0 : 1;
    if (!restored) continue;
    for (const Event& event : RandomEvents(2, 20, &random)) restored->Push(event);
    for (const TimelineRow& row : restored->Flush(0)) EXPECT_TRUE(TimelineRowReader::Open(row));
  }
  EXPECT_GT(refused, 300u);
}

// Traces of real kernels: what the timeline adds up to is what the scheduler model adds up to, CPU by CPU.
void ExpectSumsOfTheModel(const std::string& path) {
  SCOPED_TRACE(path);
  const auto input = OpenTrace(path);
  ASSERT_TRUE(input) << input.error().Text();
  const auto readers = (*input)->OpenCpus();
  ASSERT_TRUE(readers) << readers.error().Text();
  std::vector<ReaderBlockSource> sources;
  sources.reserve(readers->size());
  std::vector<BlockSource*> borrowed;
  for (const auto& reader : *readers) borrowed.push_back(&sources.emplace_back(reader.get(), 1024));
  Reference reference(**input);
  uint64_t end_ns = 0;
  const auto merged = Merger(borrowed).Run([&](const Event& event) {
    reference.Push(event);
    end_ns = std::max(end_ns, event.ts_ns);
    return true;
  });
  ASSERT_TRUE(merged) << merged.error().Text();
  reference.End(end_ns);

  auto rows = BuildTimeline(**input);
  ASSERT_TRUE(rows) << rows.error().Text();
  RowTable table;
  table.Store(std::move(*rows));
  ExpectEqual(table, reference);
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> total_ns;
  ForEachRun(table, [&](uint32_t cpu, uint32_t level, const TimelineRowReader::Run& run) {
    total_ns[{cpu, level}] += run.bins * run.bin.TotalNs();
  });
  for (const auto& [lane, ns] : total_ns) {
    const uint64_t first_ns = reference.cpus().at(lane.first).first_ns;
    EXPECT_EQ(ns, end_ns - (first_ns >> TimelineShift(lane.second) << TimelineShift(lane.second)));
  }
}

TEST(Timeline, OfTheTracesInTheTree) {
  const fs::path traces = fs::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces";
  ExpectSumsOfTheModel((traces / "tiny_lost-174-A.dat").string());
  const std::string packed = file_test::ReadWhole(traces / "wq_hog-141-A.dat.zst");
  const auto unpacked = UnpackZstd({reinterpret_cast<const uint8_t*>(packed.data()), packed.size()}, 1u << 30);
  ASSERT_TRUE(unpacked) << unpacked.error().Text();
  const file_test::TempFolder folder;
  ExpectSumsOfTheModel(folder.Write("wq_hog.dat", *unpacked));
}

TEST(Timeline, OfTheTracesOfTheLab) {
  const char* const named = std::getenv("WAKEWATCH_LAB");
  const fs::path lab = named != nullptr ? fs::path(named) : fs::path(WAKEWATCH_SOURCE_DIR) / "../shared/lab";
  if (!fs::is_directory(lab / "traces")) GTEST_SKIP() << "no lab at " << lab << "; set WAKEWATCH_LAB";
  size_t traces = 0;
  for (const auto& folder : fs::directory_iterator(lab / "traces")) {
    const fs::path file = folder.path() / "trace.dat";
    if (!fs::exists(file)) continue;
    ++traces;
    ExpectSumsOfTheModel(file.string());
  }
  EXPECT_GT(traces, 0u);
}

TEST(Timeline, BuildingStopsWhenItIsTold) {
  const auto input = OpenTrace((fs::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces/tiny_lost-174-A.dat").string());
  ASSERT_TRUE(input) << input.error().Text();
  const auto rows = BuildTimeline(**input, [] { return false; });
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kInterrupted);
}

}  // namespace
}  // namespace wakewatch

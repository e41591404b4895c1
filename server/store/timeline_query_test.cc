#include "server/store/timeline_query.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "analysis/report/timeline_test_support.h"
#include "analysis/trace/formats_list.h"
#include "server/store/timeline_test_support.h"

namespace wakewatch {
namespace {

using store_test::BatchOf;
using store_test::Folder;
using store_test::MakeRecording;
using store_test::RecordMaker;
using store_test::StoreRows;
using store_test::TextOf;
using store_test::TimelineFormats;
using timeline_test::RandomEvents;
using timeline_test::Reference;

std::vector<Event> RandomSchedule(std::mt19937_64* random, uint16_t cpus, size_t events_max) {
  std::vector<Event> events;
  for (uint16_t cpu = 0; cpu < cpus; ++cpu) {
    const auto own = RandomEvents(cpu, 1 + (*random)() % events_max, random);
    events.insert(events.end(), own.begin(), own.end());
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.ts_ns < b.ts_ns; });
  Event last{};
  last.ts_ns = events.back().ts_ns + (*random)() % 3'000'000'000;
  last.type = EventType::kSchedWaking;
  events.push_back(last);
  return events;
}

// What an answer should say, from the events one by one.
class Truth {
 public:
  explicit Truth(const std::vector<Event>& events) : reference_(input_) {
    for (const Event& event : events) {
      by_cpu_[event.cpu].push_back(event);
      reference_.Push(event);
    }
    reference_.End(events.back().ts_ns);
  }
  void Check(const TimelineAnswer& answer) const {
    // A CPU that was not heard of yet need not be there.
    std::set<uint32_t> expected, got;
    for (const auto& [cpu, events] : by_cpu_) {
      if (events.front().ts_ns < answer.end_ns) expected.insert(cpu);
    }
    for (const TimelineLane& lane : answer.lanes) got.insert(lane.cpu);
    EXPECT_TRUE(std::includes(got.begin(), got.end(), expected.begin(), expected.end()));
    for (const TimelineLane& lane : answer.lanes) {
      SCOPED_TRACE("CPU " + std::to_string(lane.cpu));
      if (answer.bin_ns == 0) {
        CheckSlices(answer, lane);
      } else {
        CheckBins(answer, lane);
      }
      CheckGaps(answer, lane);
      if (testing::Test::HasFailure()) return;
    }
  }

 private:
  void CheckBins(const TimelineAnswer& answer, const TimelineLane& lane) const {
    ASSERT_TRUE(lane.slices.empty());
    ASSERT_EQ(answer.start_ns + lane.bins.size() * answer.bin_ns, answer.end_ns);
    bool one_bin_each = answer.bin_ns < TimelineBinNs(0);
    for (unsigned level = 0; level < kTimelineLevels; ++level) {
      one_bin_each = one_bin_each || answer.bin_ns == TimelineBinNs(level);
    }
    for (size_t i = 0; i < lane.bins.size(); ++i) {
      TimelineBin expected, bin = lane.bins[i];
      const uint64_t from_ns = answer.start_ns + i * answer.bin_ns;
      const bool has_cpu = reference_.cpus().contains(lane.cpu);
      if (has_cpu && from_ns < reference_.end_ns()) expected = reference_.Bin(lane.cpu, from_ns, answer.bin_ns);
      expected.Of(TimelineUse::kUnknown) += answer.bin_ns - expected.TotalNs();
      if (!one_bin_each) {
        EXPECT_LE(bin.busiest_ns, expected.busiest_ns);
        EXPECT_EQ(bin.busiest_ns > 0, expected.busiest_ns > 0);
        bin.busiest_pid = expected.busiest_pid;
        bin.busiest_ns = expected.busiest_ns;
      }
      ASSERT_EQ(bin.ns, expected.ns) << "bin " << i << " of " << answer.bin_ns << " from " << from_ns;
      ASSERT_EQ(bin.switches, expected.switches) << "bin " << i << " of " << answer.bin_ns << " from " << from_ns;
      ASSERT_EQ(bin.busiest_pid, expected.busiest_pid) << "bin " << i << " of " << answer.bin_ns;
      ASSERT_EQ(bin.busiest_ns, expected.busiest_ns) << "bin " << i << " of " << answer.bin_ns;
    }
  }

  std::vector<TimelineSlice> Slices(uint32_t cpu) const {
    std::vector<TimelineSlice> slices;
    bool known = false;
    for (const Event& event : by_cpu_.at(cpu)) {
      const bool ends = known && (event.type == EventType::kGap || event.type == EventType::kSchedSwitch);
      if (ends) slices.back().end_ns = event.ts_ns;
      if (event.type == EventType::kGap) {
        known = false;
        continue;
      }
      if (event.type == EventType::kSchedSwitch) {
        if (ends) slices.back().state_after = std::string(1, "RSD"[event.sw.prev_state]);
        slices.push_back({event.ts_ns, 0, event.sw.next_pid, RecordMaker::CommOf(event.sw.next_pid), {}});
      } else if (!known) {
        slices.push_back({event.ts_ns, 0, event.pid, {}, {}});
      }
      known = true;
    }
    if (known) slices.back().end_ns = reference_.end_ns();
    return slices;
  }
  void CheckSlices(const TimelineAnswer& answer, const TimelineLane& lane) const {
    ASSERT_TRUE(lane.bins.empty());
    size_t at = 0;
    for (TimelineSlice& slice : Slices(lane.cpu)) {
      const bool inside = slice.end_ns > answer.start_ns || slice.start_ns >= answer.start_ns;
      if (!inside || slice.start_ns >= answer.end_ns) continue;
      if (slice.end_ns >= answer.end_ns) slice.state_after.clear();
      slice.end_ns = std::min(slice.end_ns, answer.end_ns);
      // A task that was seen only when it left was there for no time that is known.
      if (slice.comm.empty() && slice.start_ns == slice.end_ns) continue;
      ASSERT_LT(at, lane.slices.size()) << "no slice from " << slice.start_ns << " to " << slice.end_ns;
      const TimelineSlice& got = lane.slices[at++];
      ASSERT_EQ(got.start_ns, slice.start_ns);
      ASSERT_EQ(got.end_ns, slice.end_ns) << "from " << slice.start_ns;
      ASSERT_EQ(got.pid, slice.pid) << "from " << slice.start_ns;
      ASSERT_EQ(got.state_after, slice.state_after) << "from " << slice.start_ns;
      // The name of a task whose switch-in was not seen comes from elsewhere.
      if (!slice.comm.empty()) ASSERT_EQ(got.comm, slice.comm);
    }
    ASSERT_EQ(at, lane.slices.size());
  }

  void CheckGaps(const TimelineAnswer& answer, const TimelineLane& lane) const {
    std::vector<std::pair<uint64_t, uint64_t>> expected, got;
    const std::vector<Event>& events = by_cpu_.at(lane.cpu);
    for (size_t i = 0; i < events.size(); ++i) {
      if (events[i].type != EventType::kGap) continue;
      size_t next = i + 1;
      while (next < events.size() && events[next].type == EventType::kGap) ++next;
      const uint64_t end_ns = next < events.size() ? events[next].ts_ns : UINT64_MAX;
      const uint64_t from = std::max(events[i].ts_ns, answer.start_ns), to = std::min(end_ns, answer.end_ns);
      if (from >= to) continue;
      if (!expected.empty() && expected.back().second >= from) {
        expected.back().second = std::max(expected.back().second, to);
      } else {
        expected.emplace_back(from, to);
      }
    }
    for (const TimelineSpan& gap : lane.gaps) got.emplace_back(gap.start_ns, gap.end_ns);
    if (answer.bin_ns == 0) {
      ASSERT_EQ(got, expected);
      return;
    }
    for (const auto& gap : got) ASSERT_NE(std::find(expected.begin(), expected.end(), gap), expected.end());
    ASSERT_EQ(got.empty(), expected.empty());
  }

  ScriptInput input_;
  Reference reference_;
  std::map<uint32_t, std::vector<Event>> by_cpu_;
};

// Stores `events` in files that are cut at `cuts_ns`.
std::vector<TimelinePart> Store(const Folder& folder, const std::vector<Event>& events, std::vector<uint64_t> cuts_ns,
                                bool rows, size_t chunk_events) {
  const FormatTable formats = TimelineFormats();
  std::vector<TimelinePart> parts;
  TimelineBuilder builder;
  std::sort(cuts_ns.begin(), cuts_ns.end());
  cuts_ns.push_back(UINT64_MAX);
  std::map<uint32_t, uint64_t> open_gaps_ns;
  uint64_t from_ns = 0;
  auto at = events.begin();
  for (const uint64_t cut_ns : cuts_ns) {
    const auto end = std::find_if(at, events.end(), [&](const Event& event) { return event.ts_ns >= cut_ns; });
    const std::string path = folder.File("part-" + std::to_string(parts.size()) + (rows ? ".db" : "-plain.db"));
    MakeRecording(path, {BatchOf(formats, {at, end}, chunk_events, &open_gaps_ns)});
    std::vector<TimelineRow> all;
    const auto keep = [&](std::vector<TimelineRow> some) { all.insert(all.end(), some.begin(), some.end()); };
    for (size_t i = 0; at != end; ++at, ++i) {
      builder.Push(*at);
      if (i % 1000 == 777) keep(builder.Flush(at->ts_ns));
    }
    keep(builder.Flush(std::min(cut_ns, events.back().ts_ns)));
    if (rows) StoreRows(path, all);
    parts.push_back({path, from_ns, cut_ns});
    from_ns = cut_ns;
  }
  return parts;
}

class RandomQueries : public testing::TestWithParam<unsigned> {};

TEST_P(RandomQueries, AreAnsweredAsTheEventsSay) {
  std::mt19937_64 random(GetParam());
  const std::vector<Event> events = RandomSchedule(&random, 3, 2500);
  const Truth truth(events);
  std::vector<uint64_t> cuts_ns;
  for (uint64_t cuts = random() % 3; cuts > 0; --cuts) cuts_ns.push_back(events[random() % events.size()].ts_ns);
  const Folder folder;
  const size_t chunk_events = 40 + random() % 200;
  for (const bool rows : {true, false}) {
    SCOPED_TRACE(rows ? "with rows" : "without rows");
    // Without rows a part does not tell of a CPU that is silent all through it.
    if (!rows) cuts_ns.clear();
    auto query = TimelineQuery::Open(Store(folder, events, cuts_ns, rows, chunk_events));
    ASSERT_TRUE(query) << TextOf(query);
    for (int i = 0; i < 60; ++i) {
      TimelineRequest request;
      constexpr uint32_t kBins[] = {1, 3, 50, 0, 4096};
      request.bins_max = kBins[random() % 5];
      const uint64_t middle_ns = events[random() % events.size()].ts_ns;
      const uint64_t span_ns = 2 + (random() >> (1 + random() % 50)) % (2 * events.back().ts_ns);
      request.start_ns = middle_ns - std::min(middle_ns, random() % span_ns);
      request.end_ns = request.start_ns + span_ns;
      if (i == 0) request.start_ns = request.end_ns = 0;
      SCOPED_TRACE("from " + std::to_string(request.start_ns) + " to " + std::to_string(request.end_ns) + " in " +
                   std::to_string(request.bins_max));
      const auto answer = (*query)->Run(request);
      ASSERT_TRUE(answer) << TextOf(answer);
      EXPECT_LE(answer->start_ns, std::max(request.start_ns, answer->start_ns));
      for (const TimelineLane& lane : answer->lanes) {
        EXPECT_LE(lane.bins.size(), request.bins_max == 0 ? kTimelineBinsDefault : request.bins_max);
      }
      truth.Check(*answer);
      if (HasFailure()) return;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomQueries, testing::Range(0u, 12u));

// A CPU that switches every 2 us, and one that idles.
std::vector<Event> BusySchedule(size_t switches) {
  Script script;
  script.On(1).Switch(500, 9, kSleepS, 0);
  script.On(0);
  for (size_t i = 0; i < switches; ++i) {
    const auto pid = static_cast<int32_t>(10 + i % 5);
    script.Switch(1000 + i * 2000, pid, kSleepS, static_cast<int32_t>(10 + (i + 1) % 5));
  }
  return script.events();
}

TEST(TimelineQuery, GivesBinsOfEventsWhereSlicesAreTooMany) {
  const std::vector<Event> events = BusySchedule(50'000);
  const Folder folder;
  for (const bool rows : {true, false}) {
    auto query = TimelineQuery::Open(Store(folder, events, {}, rows, 4096));
    ASSERT_TRUE(query) << TextOf(query);
    const auto answer = (*query)->Run({1000, 90'000'000, 1024, {}, {}});
    ASSERT_TRUE(answer) << TextOf(answer);
    EXPECT_EQ(answer->bin_ns, 131072u);
    Truth(events).Check(*answer);
    const auto closer = (*query)->Run({1'000'000, 9'000'000, 1024, {}, {}});
    ASSERT_TRUE(closer) << TextOf(closer);
    EXPECT_EQ(closer->bin_ns, 0u);
    EXPECT_EQ(closer->lanes[0].slices.size(), 4001u);
    Truth(events).Check(*closer);
  }
}

TEST(TimelineQuery, AnswersAboutTheCpusThatAreAskedFor) {
  const Folder folder;
  auto query = TimelineQuery::Open(Store(folder, BusySchedule(100), {}, true, 50));
  ASSERT_TRUE(query) << TextOf(query);
  const auto answer = (*query)->Run({0, 0, 0, {1, 7, 1}, {}});
  ASSERT_TRUE(answer) << TextOf(answer);
  ASSERT_EQ(answer->lanes.size(), 1u);
  EXPECT_EQ(answer->lanes[0].cpu, 1u);
  EXPECT_EQ(answer->start_ns, 500u);
  EXPECT_EQ(answer->end_ns, 199'001u);
}

TEST(TimelineQuery, RefusesWhatMakesNoSense) {
  const Folder folder;
  EXPECT_FALSE(TimelineQuery::Open({}));
  auto query = TimelineQuery::Open(Store(folder, BusySchedule(100), {}, true, 50));
  ASSERT_TRUE(query) << TextOf(query);
  for (const auto& [start_ns, end_ns] : {std::pair<uint64_t, uint64_t>{5, 5}, {6, 5}, {UINT64_MAX - 1, UINT64_MAX}}) {
    const auto answer = (*query)->Run({start_ns, end_ns, 0, {}, {}});
    ASSERT_FALSE(answer) << start_ns;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
  }
  const auto late = (*query)->Run({0, 0, 0, {}, std::chrono::steady_clock::now()});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadline);
  auto nowhere = TimelineQuery::Open({{folder.File("none.db")}});
  ASSERT_TRUE(nowhere);
  const auto missing = (*nowhere)->Run({0, 100, 0, {}, {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().file, folder.File("none.db"));
}

TEST(TimelineQuery, EveryTimeThereIsCanBeAskedFor) {
  const Folder folder;
  auto query = TimelineQuery::Open(Store(folder, BusySchedule(30'000), {}, true, 4096));
  ASSERT_TRUE(query) << TextOf(query);
  const auto answer = (*query)->Run({0, UINT64_MAX, 16, {}, {}});
  ASSERT_TRUE(answer) << TextOf(answer);
  ASSERT_EQ(answer->lanes.size(), 2u);
  ASSERT_LE(answer->lanes[0].bins.size(), 16u);
  EXPECT_EQ(answer->lanes[0].bins[0].switches, 30'000u);
}

TEST(TimelineQuery, ARowThatCannotBeIsAnErrorThatNamesTheFile) {
  const Folder folder;
  const auto parts = Store(folder, BusySchedule(30'000), {}, true, 4096);
  {
    const auto db = Database::Open(parts[0].path, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(db->Exec("UPDATE timeline SET bytes = x'01ff' WHERE level = 0 AND cpu = 0"));
  }
  auto query = TimelineQuery::Open(parts);
  ASSERT_TRUE(query) << TextOf(query);
  const auto answer = (*query)->Run({0, 0, 0, {}, {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(answer.error().file, parts[0].path);
  EXPECT_FALSE(answer.error().remedy.empty());
}

TEST(TimelineQuery, AChunkThatCannotBeReadIsUnknownTime) {
  const std::vector<Event> events = BusySchedule(400);
  const Folder folder;
  const auto parts = Store(folder, events, {}, false, 100);
  {
    const auto db = Database::Open(parts[0].path, Database::Mode::kWrite);
    ASSERT_TRUE(db) << TextOf(db);
    ASSERT_TRUE(db->Exec("UPDATE chunk SET bytes = x'00' WHERE cpu = 0 AND first_event_no = 100"));
  }
  auto query = TimelineQuery::Open(parts);
  ASSERT_TRUE(query) << TextOf(query);
  const auto answer = (*query)->Run({0, 0, 0, {0}, {}});
  ASSERT_TRUE(answer) << TextOf(answer);
  const std::vector<TimelineSlice>& slices = answer->lanes[0].slices;
  ASSERT_EQ(slices.size(), 300u);
  EXPECT_EQ(slices[98].state_after, "S");
  // The last event that can be read switches to a task of which nothing more is known.
  EXPECT_EQ(slices[99].start_ns, 1000u + 99 * 2000);
  EXPECT_EQ(slices[99].end_ns, slices[99].start_ns);
  EXPECT_EQ(slices[99].state_after, "");
  EXPECT_EQ(slices[100].start_ns, 1000u + 200 * 2000);
}

// A recording of a real kernel: every sched_switch ends one slice and begins the next.
TEST(TimelineQuery, SlicesOfARealTraceAreItsSwitches) {
  const auto path = std::filesystem::path(WAKEWATCH_SOURCE_DIR) / "tests/data/traces/tiny_lost-174-A.dat";
  const auto input = OpenTrace(path.string());
  ASSERT_TRUE(input) << TextOf(input);
  auto readers = (*input)->OpenCpus();
  ASSERT_TRUE(readers) << TextOf(readers);
  Batch batch;
  batch.sequence = 1;
  batch.formats = store_test::DeltaOf((*input)->formats());
  batch.formats->big_endian = (*input)->formats().machine().order == std::endian::big;
  std::map<uint32_t, std::vector<Event>> switches;
  for (const auto& reader : *readers) {
    ChunkEncoder encoder((*input)->formats(), reader->cpu());
    EventBlock block;
    for (auto more = reader->Fill(&block, 4096); more && *more; more = reader->Fill(&block, 4096)) {
      for (const Event& event : block.events) {
        if (event.type == EventType::kGap) continue;
        encoder.Add(event);
        if (event.type == EventType::kSchedSwitch) switches[reader->cpu()].push_back(event);
        if (encoder.events() == 5000) batch.chunks.push_back(*encoder.Finish());
      }
    }
    if (encoder.events() > 0) batch.chunks.push_back(*encoder.Finish());
  }
  const Folder folder;
  MakeRecording(folder.File("real.db"), {batch});
  auto query = TimelineQuery::Open({{folder.File("real.db")}});
  ASSERT_TRUE(query) << TextOf(query);
  size_t slices = 0;
  for (const auto& [cpu, own] : switches) {
    for (size_t from = 0; from + 1 < own.size(); from += 1500) {
      const size_t to = std::min(from + 1500, own.size() - 1);
      const auto answer = (*query)->Run({own[from].ts_ns, own[to].ts_ns, 4096, {cpu}, {}});
      ASSERT_TRUE(answer) << TextOf(answer);
      ASSERT_EQ(answer->bin_ns, 0u);
      const std::vector<TimelineSlice>& got = answer->lanes.at(0).slices;
      ASSERT_EQ(got.size(), to - from);
      for (size_t i = from; i < to; ++i) {
        const TimelineSlice& slice = got[i - from];
        EXPECT_EQ(slice.start_ns, own[i].ts_ns);
        EXPECT_EQ(slice.end_ns, own[i + 1].ts_ns);
        EXPECT_EQ(slice.pid, own[i].sw.next_pid);
        EXPECT_EQ(slice.comm.empty(), false);
      }
      slices += to - from;
    }
  }
  EXPECT_GT(slices, 1000u);
}

}  // namespace
}  // namespace wakewatch

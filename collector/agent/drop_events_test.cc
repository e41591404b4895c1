#include "collector/agent/drop_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace wakewatch {

bool operator==(const GapRecord& a, const GapRecord& b) {
  return a.cpu == b.cpu && a.start_ns == b.start_ns && a.end_ns == b.end_ns && a.lost == b.lost && a.cause == b.cause;
}
void PrintTo(const GapRecord& gap, std::ostream* out) {
  *out << "CPU " << gap.cpu << " " << gap.start_ns << ".." << gap.end_ns << " lost " << gap.lost << " "
       << Name(gap.cause);
}

namespace {

using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

constexpr uint64_t kOpen = UINT64_MAX;
constexpr GapCause kOverrun = GapCause::kOverrun, kOurs = GapCause::kCollector, kCorrupt = GapCause::kCorrupt;

Chunk MakeChunk(uint32_t cpu, uint64_t first_ns, uint64_t last_ns, uint32_t events) {
  return {cpu, first_ns, last_ns, events, 7, {1, 2, 3}};
}

struct Story {
  const char* story;
  LastEvents before;
  std::vector<Chunk> chunks;
  std::vector<GapRecord> gaps;
  std::vector<Frontier> frontiers;
  std::vector<GapRecord> wanted;
  uint64_t dropped;
};

TEST(DropEvents, LeavesOneGapForEachCpu) {
  const Story stories[] = {
      {"no event, no gap", {}, {}, {}, {{0, 90}}, {}, 0},
      {"a gap alone stays as it is", {}, {}, {{0, 10, 20, 3, kOverrun}}, {{0, 90}}, {{0, 10, 20, 3, kOverrun}}, 0},
      {"to the frontier", {{0, 5}}, {MakeChunk(0, 10, 20, 8)}, {}, {{0, 90}}, {{0, 5, 90, 8, kOurs}}, 8},
      {"the first events of all", {}, {MakeChunk(0, 10, 20, 8)}, {}, {{0, 90}}, {{0, 0, 90, 8, kOurs}}, 8},
      {"the batch was cut early: the frontier is behind its events",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {{0, 6}},
       {{0, 5, 20, 8, kOurs}},
       8},
      {"no frontier yet", {{0, 5}}, {MakeChunk(0, 10, 20, 8)}, {}, {}, {{0, 5, 20, 8, kOurs}}, 8},
      {"each CPU has its own; one without events keeps its gap",
       {{0, 5}, {1, 6}},
       {MakeChunk(0, 10, 20, 8), MakeChunk(1, 11, 21, 9), MakeChunk(0, 22, 30, 1)},
       {{2, 40, 50, 2, kCorrupt}},
       {{0, 90}, {1, 90}, {2, 90}},
       {{0, 5, 90, 9, kOurs}, {1, 6, 90, 9, kOurs}, {2, 40, 50, 2, kCorrupt}},
       18},
      {"gaps between its events are taken in",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8), MakeChunk(0, 30, 40, 8)},
       {{0, 20, 30, 100, kOverrun}},
       {{0, 90}},
       {{0, 5, 90, 116, kOurs}},
       16},
      {"a gap of the batch before reaches back further than the last event that was delivered",
       {},
       {MakeChunk(0, 30, 40, 8)},
       {{0, 20, 30, 100, kOurs}},
       {{0, 90}},
       {{0, 0, 90, 108, kOurs}},
       8},
      {"nobody counted one of them",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {{0, 5, 10, kLostUnknown, kOverrun}},
       {{0, 90}},
       {{0, 5, 90, kLostUnknown, kOurs}},
       8},
      {"its end was open already",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {{0, 20, kOpen, 1, kOverrun}},
       {{0, 90}},
       {{0, 5, kOpen, 9, kOurs}},
       8},
  };
  for (const Story& story : stories) {
    SCOPED_TRACE(story.story);
    Batch batch;
    batch.chunks = story.chunks;
    batch.gaps = story.gaps;
    batch.frontiers = story.frontiers;
    EXPECT_EQ(DropEvents(story.before, &batch), story.dropped);
    EXPECT_TRUE(batch.chunks.empty());
    EXPECT_THAT(batch.gaps, UnorderedElementsAreArray(story.wanted));
    EXPECT_EQ(batch.frontiers.size(), story.frontiers.size());
  }
}

struct Merge {
  const char* story;
  LastEvents before;
  std::vector<Chunk> chunks;
  std::vector<GapRecord> gaps;
  std::vector<Chunk> next_chunks;
  std::vector<GapRecord> next_gaps;
  std::vector<Frontier> next_frontiers;
  std::vector<GapRecord> wanted;
};

// Longer than 70 lines: a table of stories.
TEST(DropInto, TheGapEndsWhereTheNextBatchBegins) {
  const Merge merges[] = {
      {"with its first event of this CPU",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {MakeChunk(1, 90, 95, 1), MakeChunk(0, 100, 120, 4), MakeChunk(0, 130, 140, 4)},
       {},
       {{0, 200}},
       {{0, 5, 100, 8, kOurs}}},
      {"no event there: with its frontier",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {MakeChunk(1, 90, 95, 1)},
       {},
       {{0, 200}, {1, 200}},
       {{0, 5, 200, 8, kOurs}}},
      {"no frontier there either: with the last event that is gone",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {},
       {},
       {},
       {{0, 5, 20, 8, kOurs}}},
      {"it begins with a gap: they are one",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {MakeChunk(0, 100, 120, 4)},
       {{0, 20, 100, 50, kOverrun}, {0, 120, 130, 1, kOverrun}},
       {{0, 200}},
       {{0, 5, 100, 58, kOurs}, {0, 120, 130, 1, kOverrun}}},
      {"a gap behind its first event is another",
       {{0, 5}},
       {MakeChunk(0, 10, 20, 8)},
       {},
       {MakeChunk(0, 100, 120, 4)},
       {{0, 120, kOpen, 50, kOverrun}},
       {{0, 200}},
       {{0, 5, 100, 8, kOurs}, {0, 120, kOpen, 50, kOverrun}}},
      {"only a gap was in front: it moves, and keeps its cause",
       {{0, 5}},
       {},
       {{0, 5, 9, 50, kOverrun}},
       {MakeChunk(0, 100, 120, 4)},
       {},
       {{0, 200}},
       {{0, 5, 9, 50, kOverrun}}},
      {"only gaps on both sides, of different causes",
       {{0, 5}},
       {},
       {{0, 5, 9, 50, kOverrun}},
       {},
       {{0, 9, 30, 1, kCorrupt}},
       {{0, 200}},
       {{0, 5, 30, 51, GapCause::kUnknown}}},
      {"an open gap ends with the next event",
       {{0, 5}},
       {},
       {{0, 5, kOpen, 50, kOverrun}},
       {MakeChunk(0, 100, 120, 4)},
       {},
       {{0, 200}},
       {{0, 5, 100, 50, kOverrun}}},
  };
  for (const Merge& merge : merges) {
    SCOPED_TRACE(merge.story);
    Batch dropped, next;
    dropped.chunks = merge.chunks;
    dropped.gaps = merge.gaps;
    next.chunks = merge.next_chunks;
    next.gaps = merge.next_gaps;
    next.frontiers = merge.next_frontiers;
    const uint64_t events = EventsOf(dropped);
    EXPECT_EQ(DropInto(merge.before, std::move(dropped), &next), events);
    EXPECT_THAT(next.gaps, UnorderedElementsAreArray(merge.wanted));
    EXPECT_EQ(next.chunks.size(), merge.next_chunks.size());
  }
}

TEST(DropInto, ARunOfDroppedBatchesIsOneGap) {
  Batch carried;
  const LastEvents before = {{0, 5}};
  uint64_t at = 10;
  for (int i = 0; i < 100; ++i, at += 100) {
    Batch next;
    if (i % 3 != 2) next.chunks = {MakeChunk(0, at, at + 50, 10)};
    next.frontiers = {{0, at + 90}};
    DropInto(before, std::move(carried), &next);
    carried = std::move(next);
  }
  Batch last;
  last.chunks = {MakeChunk(0, at, at + 1, 2)};
  DropInto(before, std::move(carried), &last);
  EXPECT_THAT(last.gaps, UnorderedElementsAre(GapRecord{0, 5, at, 67 * 10, kOurs}));
}

TEST(DropInto, NothingButEventsIsLost) {
  Batch dropped, next;
  dropped.sequence = 3;
  next.sequence = 4;
  dropped.session = SessionInfo{.host = "a"};
  dropped.formats = FormatsDelta{.hash = 7};
  dropped.symbols = {{1, "one"}};
  next.symbols = {{2, "two"}};
  dropped.cpus = {{.cpu = 0}};
  next.cpus = {{.cpu = 0, .online = false}};
  dropped.threads = {{.pid = 1}, {.pid = 2}};
  next.threads = {{.pid = 2, .comm = "later"}};
  dropped.clock_pairs = {{1, 2}};
  next.clock_pairs = {{3, 4}};
  dropped.stats = {{.cpu = 0, .read = 10}, {.cpu = 1, .read = 11}};
  next.stats = {{.cpu = 0, .read = 20}};
  dropped.profiles = {{1, "light", {}, "why"}};
  dropped.frontiers = {{0, 50}};
  DropInto({}, dropped, &next);
  EXPECT_EQ(next.sequence, 4u);
  EXPECT_EQ(next.session->host, "a");
  EXPECT_EQ(next.formats->hash, 7u);
  ASSERT_EQ(next.symbols.size(), 2u);
  EXPECT_EQ(next.symbols[0].name, "one");
  ASSERT_EQ(next.cpus.size(), 2u);
  EXPECT_FALSE(next.cpus[1].online);
  ASSERT_EQ(next.threads.size(), 3u);
  EXPECT_EQ(next.threads[2].comm, "later");
  ASSERT_EQ(next.clock_pairs.size(), 2u);
  EXPECT_EQ(next.clock_pairs[0].trace_ns, 1u);
  ASSERT_EQ(next.stats.size(), 2u) << "of each CPU the last, since they only grow";
  EXPECT_EQ(next.stats[0].read, 11u);
  EXPECT_EQ(next.stats[1].read, 20u);
  ASSERT_EQ(next.profiles.size(), 1u);
  ASSERT_EQ(next.frontiers.size(), 1u) << "the next batch had none of its own";
}

TEST(DropInto, ListsDoNotGrowForEver) {
  Batch carried;
  for (uint64_t i = 1; i <= 20'000; ++i) {
    Batch next;
    next.threads = {{.pid = static_cast<int32_t>(i % 40'000), .start_ticks = i}};
    next.clock_pairs = {{i, i}};
    next.profiles = {{i, "light", {}, ""}};
    next.stats = {{.cpu = static_cast<uint32_t>(i % 4), .read = i}};
    next.gaps = {{0, 10 * i, 10 * i + 5, 1, kOverrun}};
    DropInto({}, std::move(carried), &next);
    carried = std::move(next);
  }
  EXPECT_LE(carried.threads.size(), 16384u);
  EXPECT_EQ(carried.threads.back().start_ticks, 20'000u);
  EXPECT_LE(carried.clock_pairs.size(), 257u);
  EXPECT_EQ(carried.clock_pairs.back().trace_ns, 20'000u);
  EXPECT_LE(carried.profiles.size(), 256u);
  EXPECT_EQ(carried.profiles.back().ts_ns, 20'000u);
  EXPECT_EQ(carried.stats.size(), 4u);
  EXPECT_THAT(carried.gaps, UnorderedElementsAre(GapRecord{0, 10, 200'005, 20'000, kOverrun}));
}

}  // namespace
}  // namespace wakewatch

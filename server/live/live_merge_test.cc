#include "server/live/live_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "analysis/trace/merge.h"
#include "server/live/made_up_input.h"

namespace wakewatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kForever = UINT64_MAX;

// "0@17" an event, "0@17-20(3)" a gap with its end and what it lost. The time stands in the record too: one that is
// read after its block has gone shows.
std::string LineOf(const Event& event) {
  std::string line = std::to_string(event.cpu) + "@" + std::to_string(event.ts_ns);
  if (event.type == EventType::kGap) {
    line += "-" + (event.gap.end_ns == kForever ? "" : std::to_string(event.gap.end_ns));
    return line + "(" + (event.gap.lost == kLostUnknown ? "?" : std::to_string(event.gap.lost)) + ")";
  }
  uint64_t recorded_ns = 0;
  EXPECT_EQ(event.record_size, sizeof(recorded_ns));
  std::memcpy(&recorded_ns, event.record, sizeof(recorded_ns));
  EXPECT_EQ(recorded_ns, event.ts_ns);
  return line;
}

EventBlock BlockOf(uint32_t cpu, const std::vector<uint64_t>& times) {
  EventBlock block;
  block.storage.resize(times.size() * sizeof(uint64_t));
  for (size_t i = 0; i < times.size(); ++i) {
    Event event{};
    event.ts_ns = times[i];
    event.cpu = static_cast<uint16_t>(cpu);
    event.record = block.storage.data() + i * sizeof(uint64_t);
    event.record_size = sizeof(uint64_t);
    std::memcpy(block.storage.data() + i * sizeof(uint64_t), &times[i], sizeof(uint64_t));
    block.events.push_back(event);
  }
  return block;
}

struct Sent {
  Sent() = default;
  Sent(const Sent&) = delete;  // events point into their block
  Sent& operator=(const Sent&) = delete;

  Batch batch;
  std::vector<LiveMerge::Decoded> chunks;

  Sent& Chunk(uint32_t cpu, const std::vector<uint64_t>& times) {
    wakewatch::Chunk chunk;
    chunk.cpu = cpu;
    chunk.first_ns = times.front();
    chunk.last_ns = times.back();
    chunk.events = static_cast<uint32_t>(times.size());
    batch.chunks.push_back(chunk);
    chunks.push_back({cpu, BlockOf(cpu, times)});
    return *this;
  }
  Sent& Gap(uint32_t cpu, uint64_t start_ns, uint64_t end_ns, uint64_t lost = 1) {
    batch.gaps.push_back({cpu, start_ns, end_ns, lost, GapCause::kOverrun});
    return *this;
  }
  Sent& UpTo(std::vector<Frontier> frontiers) {
    batch.frontiers = std::move(frontiers);
    return *this;
  }
};

using Lines = std::vector<std::string>;

Lines Advance(LiveMerge* merge) {
  Lines lines;
  EXPECT_TRUE(merge->Advance([&](const Event& event) { lines.push_back(LineOf(event)); }));
  return lines;
}
Lines Drain(LiveMerge* merge) {
  Lines lines;
  EXPECT_TRUE(merge->Drain([&](const Event& event) { lines.push_back(LineOf(event)); }));
  return lines;
}
Lines Take(LiveMerge* merge, Sent& sent) {
  merge->Add(sent.batch, std::move(sent.chunks));
  return Advance(merge);
}

// By CPU.
Lines OfflineMerge(const std::vector<std::vector<uint64_t>>& times) {
  std::vector<EventBlock> blocks;
  std::vector<std::unique_ptr<live_test::MadeUpReader>> readers;
  std::vector<std::unique_ptr<ReaderBlockSource>> sources;
  std::vector<BlockSource*> borrowed;
  for (uint32_t cpu = 0; cpu < times.size(); ++cpu) {
    blocks.push_back(BlockOf(cpu, times[cpu]));
    readers.push_back(std::make_unique<live_test::MadeUpReader>(cpu, blocks.back().events));
    sources.push_back(std::make_unique<ReaderBlockSource>(readers.back().get(), 7));
    borrowed.push_back(sources.back().get());
  }
  Lines lines;
  EXPECT_TRUE(Merger(borrowed).Run([&](const Event& event) {
    lines.push_back(LineOf(event));
    return true;
  }));
  return lines;
}

TEST(LiveMerge, OrderIsThatOfTheOfflineMergeHoweverTheBatchesAreCut) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto up_to = [&](size_t most) { return random() % (most + 1); };
    const uint32_t cpus = 1 + static_cast<uint32_t>(up_to(4));
    std::vector<std::vector<uint64_t>> times(cpus);
    for (auto& cpu : times) {
      uint64_t now_ns = 1 + up_to(5);
      for (size_t left = up_to(60); left > 0; --left) {
        cpu.push_back(now_ns);
        now_ns += up_to(4);  // many are equal, of one CPU and of several
      }
    }
    const Lines wanted = OfflineMerge(times);

    LiveMerge merge;
    Lines got;
    std::vector<size_t> at(cpus);
    std::vector<uint64_t> frontier_ns(cpus);
    uint64_t watermark_ns = 0;
    for (int batch = 0; batch < 8; ++batch) {
      Sent sent;
      for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        for (size_t chunks = up_to(2); chunks > 0; --chunks) {
          const size_t take = std::min(up_to(9), times[cpu].size() - at[cpu]);
          if (take == 0) continue;
          const auto from = times[cpu].begin() + static_cast<ptrdiff_t>(at[cpu]);
          sent.Chunk(cpu, std::vector<uint64_t>(from, from + static_cast<ptrdiff_t>(take)));
          at[cpu] += take;
        }
        // Up to somewhere in front of what is next: often behind what was sent.
        const uint64_t most_ns = at[cpu] < times[cpu].size() ? times[cpu][at[cpu]] - 1 : 400;
        if (most_ns > frontier_ns[cpu]) frontier_ns[cpu] += up_to(most_ns - frontier_ns[cpu]);
        sent.batch.frontiers.push_back({cpu, frontier_ns[cpu]});
      }
      uint64_t late = 0;
      EXPECT_THAT(merge.LateGaps(sent.chunks, &late), IsEmpty());
      for (std::string& line : Take(&merge, sent)) got.push_back(std::move(line));
      EXPECT_EQ(merge.watermark_ns(), *std::min_element(frontier_ns.begin(), frontier_ns.end()));
      EXPECT_GE(merge.watermark_ns(), watermark_ns);
      watermark_ns = merge.watermark_ns();
    }
    Sent rest;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      const std::vector<uint64_t> left(times[cpu].begin() + static_cast<ptrdiff_t>(at[cpu]), times[cpu].end());
      if (!left.empty()) rest.Chunk(cpu, left);
    }
    merge.Add(rest.batch, std::move(rest.chunks));
    for (std::string& line : Drain(&merge)) got.push_back(std::move(line));
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(merge.waiting(), 0u);
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      const auto merged = merge.merged();
      if (!times[cpu].empty()) EXPECT_EQ(merged.at(cpu), times[cpu].size());
    }
  }
}

TEST(LiveMerge, AnOpenGapHoldsTheWatermarkUntilItIsClosed) {
  LiveMerge merge;
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {10, 20}).Chunk(1, {15, 25}).Gap(0, 20, kForever).UpTo({{0, 40}, {1, 40}})),
              ElementsAre("0@10", "1@15"))
      << "what is at the gap's start waits with it";
  EXPECT_EQ(merge.watermark_ns(), 19u);
  EXPECT_THAT(Take(&merge, Sent().Chunk(1, {50}).UpTo({{0, 60}, {1, 60}})), IsEmpty());
  EXPECT_EQ(merge.watermark_ns(), 19u);
  EXPECT_THAT(Take(&merge, Sent().Gap(0, 20, 55, 7).Chunk(0, {55}).UpTo({{0, 70}, {1, 70}})),
              ElementsAre("0@20", "0@20-55(7)", "1@25", "1@50", "0@55"));
  EXPECT_EQ(merge.watermark_ns(), 70u);
}

TEST(LiveMerge, AnOpenGapEndsWithWhatComesNext) {
  struct Row {
    const char* story;
    std::function<void(LiveMerge*)> next;
    Lines wanted;
  };
  const Row rows[] = {
      {"an event, and nothing says what was lost",
       [](LiveMerge* merge) {
         Sent sent;
         sent.Chunk(0, {30}).UpTo({{0, 40}});
         merge->Add(sent.batch, std::move(sent.chunks));
       },
       {"0@10-30(?)", "0@30"}},
      {"another gap",
       [](LiveMerge* merge) {
         merge->Add(Sent().Gap(0, 25, 35, 2).UpTo({{0, 40}}).batch, {});
       },
       {"0@10-(?)", "0@25-35(2)"}},
      {"nothing at all", [](LiveMerge*) {}, {"0@10-(?)"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    LiveMerge merge;
    EXPECT_THAT(Take(&merge, Sent().Chunk(0, {10}).Gap(0, 10, kForever, kLostUnknown).UpTo({{0, 20}})), IsEmpty());
    row.next(&merge);
    Lines got = Drain(&merge);
    ASSERT_FALSE(got.empty());
    EXPECT_EQ(got.front(), "0@10");
    got.erase(got.begin());
    EXPECT_EQ(got, row.wanted);
  }
}

TEST(LiveMerge, ACpuThatWentOfflineInAGapHoldsNothing) {
  LiveMerge merge;
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {10}).Chunk(1, {10}).Gap(1, 12, kForever).UpTo({{0, 20}, {1, 20}})),
              ElementsAre("0@10", "1@10"));
  EXPECT_EQ(merge.watermark_ns(), 11u);
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {30}).UpTo({{0, 40}})), ElementsAre("1@12-(1)", "0@30"));
  EXPECT_EQ(merge.watermark_ns(), 40u);
  // As when batches are missing.
  Sent sent;
  sent.Chunk(0, {50}).UpTo({{0, 60}});
  sent.batch.gaps = merge.MissingGaps(sent.batch);
  Take(&merge, sent);
  EXPECT_EQ(merge.watermark_ns(), 60u);
}

TEST(LiveMerge, GapsStandWhereTheyDoInARecording) {
  LiveMerge merge;
  EXPECT_THAT(Take(&merge, Sent()
                               .Chunk(0, {10, 20})
                               .Chunk(0, {20, 30})
                               .Gap(0, 30, 35, 3)
                               .Gap(0, 20, 20, 2)
                               .Gap(0, 0, 10, 1)
                               .UpTo({{0, 50}})),
              ElementsAre("0@0-10(1)", "0@10", "0@20", "0@20-20(2)", "0@20", "0@30", "0@30-35(3)"));
}

TEST(LiveMerge, CpusComeAndGo) {
  LiveMerge merge;
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {10}).Chunk(1, {12}).UpTo({{0, 20}, {1, 20}})), ElementsAre("0@10", "1@12"));
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {30}).UpTo({{0, 40}})), ElementsAre("0@30")) << "CPU 1 is offline";
  EXPECT_EQ(merge.watermark_ns(), 40u);
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {50}).Chunk(1, {45}).Chunk(7, {44}).UpTo({{0, 60}, {1, 45}, {7, 60}})),
              ElementsAre("7@44", "1@45"))
      << "CPU 1 is back and holds the watermark; CPU 7 is new";
  EXPECT_THAT(Take(&merge, Sent().UpTo({{0, 60}, {1, 40}, {7, 60}})), IsEmpty()) << "frontiers do not go back";
  EXPECT_EQ(merge.watermark_ns(), 45u);
  EXPECT_THAT(Take(&merge, Sent().Chunk(0, {70})), IsEmpty()) << "a batch without frontiers says nothing of them";
  EXPECT_THAT(Take(&merge, Sent().UpTo({{0, 80}, {7, 80}})), ElementsAre("0@50", "0@70"));
}

TEST(LiveMerge, LateEventsAreCountedAndTheirSpanIsVoid) {
  LiveMerge merge;
  Take(&merge, Sent().Chunk(0, {10}).Chunk(1, {20}).UpTo({{0, 30}, {1, 30}}));
  Sent sent;
  sent.Chunk(0, {15, 30, 31, 32}).Chunk(1, {40}).UpTo({{0, 50}, {1, 50}});
  uint64_t late = 5;
  const auto gaps = merge.LateGaps(sent.chunks, &late);
  EXPECT_EQ(late, 7u) << "added to what was late before";
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].cpu, 0u);
  EXPECT_EQ(gaps[0].start_ns, 10u);
  EXPECT_EQ(gaps[0].end_ns, 30u);
  EXPECT_EQ(gaps[0].lost, 0u) << "they are stored";
  EXPECT_EQ(gaps[0].cause, GapCause::kCollector);
  sent.batch.gaps = gaps;
  EXPECT_THAT(Take(&merge, sent), ElementsAre("0@10-30(0)", "0@31", "0@32", "1@40"));
  EXPECT_EQ(merge.merged().at(0), 5u) << "the next event's number counts them";
}

TEST(LiveMerge, MissingBatchesAreGapsUpToWhatIsKnownAgain) {
  LiveMerge merge;
  Take(&merge, Sent().Chunk(0, {10}).Chunk(1, {12}).Chunk(2, {14}).Chunk(3, {60}).UpTo({{0, 20}, {1, 20}, {2, 20}}));
  const auto gaps = merge.MissingGaps(Sent().Chunk(0, {45}).Chunk(0, {40}).UpTo({{0, 50}, {1, 50}, {3, 30}}).batch);
  ASSERT_EQ(gaps.size(), 4u);
  const std::pair<uint64_t, uint64_t> wanted[] = {{20, 40}, {20, 50}, {20, kForever}, {60, 60}};
  for (uint32_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(gaps[cpu].cpu, cpu);
    EXPECT_EQ(gaps[cpu].start_ns, wanted[cpu].first) << cpu;
    EXPECT_EQ(gaps[cpu].end_ns, wanted[cpu].second) << cpu;
    EXPECT_EQ(gaps[cpu].lost, kLostUnknown);
    EXPECT_EQ(gaps[cpu].cause, GapCause::kCollector);
  }
}

struct SlowCpus {
  const char* story;
  std::function<void(uint64_t ns, Sent* sent)> others;
  Lines gaps;  // the first of them
};

// One batch after the other; CPU 0 has five events in each, and what is said of the others is the story.
void ExpectBounded(const SlowCpus& row) {
  constexpr size_t kMax = 20, kEvents = 5;
  constexpr uint64_t kBatches = 100;
  LiveMerge merge;
  Lines got, wanted;
  size_t most = 0;
  for (uint64_t batch = 1; batch <= kBatches; ++batch) {
    const uint64_t ns = 10 * batch;
    Sent sent;
    sent.Chunk(0, {ns, ns + 1, ns + 2, ns + 3, ns + 4});
    row.others(ns, &sent);
    merge.GiveUpSlow(&sent.batch, kMax);
    for (std::string& line : Take(&merge, sent)) got.push_back(std::move(line));
    most = std::max(most, merge.waiting());
    for (uint64_t i = 0; i < kEvents; ++i) wanted.push_back("0@" + std::to_string(ns + i));
  }
  EXPECT_LE(most, kMax + 2 * kEvents);
  for (std::string& line : Drain(&merge)) got.push_back(std::move(line));
  Lines gaps;
  std::erase_if(got, [&](const std::string& line) {
    if (line.starts_with("0@")) return false;
    gaps.push_back(line);
    return true;
  });
  EXPECT_EQ(got, wanted) << "nothing of the CPU that is heard of is lost";
  ASSERT_GE(gaps.size(), row.gaps.size());
  EXPECT_EQ(gaps.empty(), row.gaps.empty());
  gaps.resize(row.gaps.size());
  EXPECT_EQ(gaps, row.gaps);
}

TEST(LiveMerge, WhatWaitsForACpuThatIsNotHeardOfIsBounded) {
  const SlowCpus rows[] = {
      {"all are heard of",
       [](uint64_t ns, Sent* sent) {
         sent->UpTo({{0, ns + 9}, {1, ns + 9}});
       },
       {}},
      {"one lags, and comes on",
       [](uint64_t ns, Sent* sent) {
         sent->UpTo({{0, ns + 9}, {1, ns - 15}});
       },
       {}},
      {"one stands still",
       [](uint64_t ns, Sent* sent) {
         sent->UpTo({{0, ns + 9}, {1, 12}});
       },
       {"1@12-(?)"}},
      {"two of three stand still",
       [](uint64_t ns, Sent* sent) {
         sent->UpTo({{0, ns + 9}, {1, 12}, {2, 14}});
       },
       {"1@12-(?)", "2@14-(?)"}},
      {"one is in a gap whose end never comes",
       [](uint64_t ns, Sent* sent) {
         if (ns == 20) sent->Gap(1, 22, kForever);
         sent->UpTo({{0, ns + 9}, {1, ns + 9}});
       },
       {"1@22-(1)"}},
      {"nobody says how far anybody is", [](uint64_t, Sent*) {}, {}},
      {"all stand still",
       [](uint64_t, Sent* sent) {
         sent->UpTo({{0, 12}, {1, 12}});
       },
       {}},
  };
  for (const SlowCpus& row : rows) {
    SCOPED_TRACE(row.story);
    ExpectBounded(row);
  }
}

TEST(LiveMerge, GoesOnFromWhatWasStored) {
  LiveMerge merge;
  merge.Restore({{0, 100}, {1, 7}}, 30);
  EventBlock with_gap = BlockOf(0, {40, 50});
  with_gap.events.insert(with_gap.events.begin() + 1, live_test::MakeGap(0, 40, 50, 9));
  merge.AddStored(0, std::move(with_gap));
  merge.AddStored(1, BlockOf(1, {45}));
  merge.AddStored(1, BlockOf(1, {}));
  EXPECT_EQ(merge.waiting(), 4u);
  EXPECT_EQ(merge.last_ns(0), 50u);
  EXPECT_EQ(merge.last_ns(1), 45u);
  EXPECT_EQ(merge.last_ns(9), 0u);
  EXPECT_THAT(Advance(&merge), IsEmpty()) << "no CPU is known to be complete";
  EXPECT_EQ(merge.watermark_ns(), 30u);
  merge.SetFrontiers({{0, 60}, {1, 48}});
  EXPECT_THAT(Advance(&merge), ElementsAre("0@40", "0@40-50(9)", "1@45"));
  EXPECT_THAT(merge.merged(), ElementsAre(std::pair(0u, 101u), std::pair(1u, 8u)));
  EXPECT_THAT(Take(&merge, Sent().Chunk(1, {55}).UpTo({{0, 60}, {1, 60}})), ElementsAre("0@50", "1@55"));
}

TEST(LiveMerge, AStoredGapThatIsOpenStaysOpen) {
  LiveMerge merge;
  EventBlock stored = BlockOf(0, {40});
  stored.events.push_back(live_test::MakeGap(0, 40, kForever, kLostUnknown));
  merge.AddStored(0, std::move(stored));
  merge.SetFrontiers({{0, 60}});
  EXPECT_THAT(Advance(&merge), IsEmpty());
  EXPECT_THAT(Take(&merge, Sent().Gap(0, 40, 70, 9).Chunk(0, {70}).UpTo({{0, 80}})),
              ElementsAre("0@40", "0@40-70(9)", "0@70"));
}

}  // namespace
}  // namespace wakewatch

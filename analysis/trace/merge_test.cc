#include "analysis/trace/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// An event that can be told apart: `pid` counts its CPU's events.
Event Made(uint32_t cpu, int32_t number, uint64_t ts_ns) {
  Event event{};
  event.cpu = static_cast<uint16_t>(cpu);
  event.pid = number;
  event.ts_ns = ts_ns;
  return event;
}

// Gives out its blocks, then ends or fails.
class Listed : public BlockSource {
 public:
  Listed(uint32_t cpu, const std::vector<std::vector<uint64_t>>& times) : cpu_(cpu) {
    int32_t number = 0;
    for (const auto& block : times) {
      blocks_.emplace_back();
      for (const uint64_t ts_ns : block) blocks_.back().events.push_back(Made(cpu, number++, ts_ns));
    }
  }
  void FailAtTheEnd() { fails_ = true; }
  Result<const EventBlock*> Next() override {
    if (next_ < blocks_.size()) return &blocks_[next_++];
    if (fails_) return Fail(ErrorCode::kIo, "the disk is gone");
    return nullptr;
  }
  uint32_t cpu() const override { return cpu_; }
  size_t given() const { return next_; }

 private:
  uint32_t cpu_;
  std::vector<EventBlock> blocks_;
  size_t next_ = 0;
  bool fails_ = false;
};

using Key = std::pair<uint64_t, uint32_t>;  // time, CPU

std::vector<Key> MergeAll(const std::vector<Listed*>& listed) {
  Merger merger({listed.begin(), listed.end()});
  std::vector<Key> keys;
  const auto status = merger.Run([&](const Event& event) {
    keys.emplace_back(event.ts_ns, event.cpu);
    return true;
  });
  EXPECT_TRUE(status);
  return keys;
}

TEST(Merger, PutsCpusInTimeOrder) {
  Listed a(0, {{10, 30}, {50}}), b(1, {{20}, {40, 60}});
  EXPECT_THAT(MergeAll({&a, &b}), ElementsAre(Key{10, 0}, Key{20, 1}, Key{30, 0}, Key{40, 1}, Key{50, 0}, Key{60, 1}));
}

TEST(Merger, EqualTimesGoByCpuWhateverTheOrderOfTheSources) {
  Listed a(0, {{5, 5}, {5, 9}}), b(1, {{5}, {5}, {9}}), c(2, {{4, 5}});
  EXPECT_THAT(MergeAll({&c, &b, &a}), ElementsAre(Key{4, 2}, Key{5, 0}, Key{5, 0}, Key{5, 0}, Key{5, 1}, Key{5, 1},
                                                  Key{5, 2}, Key{9, 0}, Key{9, 1}));
}

TEST(Merger, TheLargestTimeIsATimeLikeAnyOther) {
  Listed a(0, {{UINT64_MAX}}), b(1, {{UINT64_MAX, UINT64_MAX}}), c(2, {{1, UINT64_MAX}});
  EXPECT_EQ(MergeAll({&a, &b, &c}).size(), 5u);
}

TEST(Merger, TwoSourcesOfOneCpuAreMergedToo) {
  Listed a(3, {{5, 5, 8}}), b(3, {{5, 7}, {8}});
  EXPECT_EQ(MergeAll({&a, &b}).size(), 6u);
}

TEST(Merger, WithoutSourcesOrEventsThereIsNothing) {
  EXPECT_THAT(MergeAll({}), IsEmpty());
  Listed none(0, {}), empty_blocks(1, {{}, {}});
  EXPECT_THAT(MergeAll({&none, &empty_blocks}), IsEmpty());
}

TEST(Merger, EmptyBlocksAndSourcesDoNotMatter) {
  Listed none(0, {}), a(1, {{}, {10}, {}, {20}}), b(2, {{15}});
  EXPECT_THAT(MergeAll({&none, &a, &b}), ElementsAre(Key{10, 1}, Key{15, 2}, Key{20, 1}));
}

TEST(Merger, OrderWithinACpuIsKeptAsItIs) {
  Listed a(0, {{10, 5, 30}}), b(1, {{7, 20}});
  const std::vector<Key> keys = MergeAll({&a, &b});
  std::vector<uint64_t> of_a;
  for (const auto& [ts_ns, cpu] : keys) {
    if (cpu == 0) of_a.push_back(ts_ns);
  }
  EXPECT_THAT(of_a, ElementsAre(10, 5, 30));
}

TEST(Merger, StopsWhenTheVisitorHasEnough) {
  Listed a(0, {{10, 30}, {50}}), b(1, {{20}, {40}});
  Merger merger({&a, &b});
  std::vector<uint64_t> seen;
  const auto status = merger.Run([&](const Event& event) {
    seen.push_back(event.ts_ns);
    return seen.size() < 2;
  });
  EXPECT_TRUE(status);
  EXPECT_THAT(seen, ElementsAre(10, 20));
  EXPECT_EQ(a.given(), 1u) << "no block is asked for that is not needed";
}

TEST(Merger, AnErrorEndsTheMergeBehindWhatCameBefore) {
  Listed a(0, {{10, 30}}), b(1, {{20}, {40}});
  a.FailAtTheEnd();
  Merger merger({&a, &b});
  std::vector<uint64_t> seen;
  const auto status = merger.Run([&](const Event& event) {
    seen.push_back(event.ts_ns);
    return true;
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().cause, "the disk is gone");
  EXPECT_THAT(seen, ElementsAre(10, 20, 30));
}

TEST(Merger, AnErrorAtTheStartIsSaidBeforeAnyEvent) {
  Listed a(0, {{10}}), b(1, {});
  b.FailAtTheEnd();
  Merger merger({&a, &b});
  bool visited = false;
  EXPECT_FALSE(merger.Run([&](const Event&) { return visited = true; }));
  EXPECT_FALSE(visited);
}

// Against the slow, obvious version: all events in CPU order, then sorted by time without changing anything else.
TEST(Merger, EqualsAStableSort) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
    const uint32_t cpus = 1 + below(seed % 10 == 0 ? 70 : 5), step = 1 + below(20);
    std::vector<std::unique_ptr<Listed>> listed;
    std::vector<Event> expected;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      std::vector<std::vector<uint64_t>> blocks(below(6));
      uint64_t now_ns = 0;
      int32_t number = 0;
      for (auto& block : blocks) {
        for (uint32_t i = below(8); i > 0; --i) {
          block.push_back(now_ns += below(step));
          expected.push_back(Made(cpu, number++, now_ns));
        }
      }
      listed.push_back(std::make_unique<Listed>(cpu, blocks));
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const Event& a, const Event& b) { return a.ts_ns < b.ts_ns; });

    std::vector<BlockSource*> sources;
    for (const auto& source : listed) sources.push_back(source.get());
    std::shuffle(sources.begin(), sources.end(), random);
    Merger merger(sources);
    size_t at = 0;
    const auto status = merger.Run([&](const Event& event) {
      const bool same = at < expected.size() && event.ts_ns == expected[at].ts_ns && event.cpu == expected[at].cpu &&
                        event.pid == expected[at].pid;
      EXPECT_TRUE(same) << "seed " << seed << ", event " << at;
      ++at;
      return same;
    });
    ASSERT_TRUE(status);
    ASSERT_EQ(at, expected.size()) << "seed " << seed;
  }
}

// What a reader gives: one block, then an end or an error.
class OneBlockReader : public CpuReader {
 public:
  explicit OneBlockReader(bool fails) : fails_(fails) {}
  Result<bool> Fill(EventBlock* block, size_t target) override {
    block->Clear();
    if (given_ && fails_) return Fail(ErrorCode::kIo, "cannot read on");
    if (given_) return false;
    given_ = true;
    target_ = target;
    block->events.push_back(Made(7, 0, 100));
    return true;
  }
  uint32_t cpu() const override { return 7; }
  const AnomalyCounts& anomalies() const override { return anomalies_; }
  size_t target() const { return target_; }

 private:
  const bool fails_;
  bool given_ = false;
  size_t target_ = 0;
  AnomalyCounts anomalies_;
};

TEST(ReaderBlockSource, HandsOnBlocksTheEndAndErrors) {
  for (const bool fails : {false, true}) {
    OneBlockReader reader(fails);
    ReaderBlockSource source(&reader, 4096);
    EXPECT_EQ(source.cpu(), 7u);
    const auto block = source.Next();
    ASSERT_TRUE(block);
    ASSERT_NE(*block, nullptr);
    EXPECT_EQ((*block)->events.size(), 1u);
    EXPECT_EQ(reader.target(), 4096u);
    const auto end = source.Next();
    ASSERT_EQ(end.has_value(), !fails);
    if (end) {
      EXPECT_EQ(*end, nullptr);
    } else {
      EXPECT_EQ(end.error().cause, "cannot read on");
    }
  }
}

}  // namespace
}  // namespace wakewatch

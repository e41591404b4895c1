#include "server/live/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>

#include "server/live/made_up_input.h"

namespace wakewatch {
namespace {

using live_test::MadeUpReader;
using live_test::MakeGap;
using ::testing::HasSubstr;

// cpu, time, number of the event in its stream, gap
using Seen = std::tuple<uint32_t, uint64_t, uint32_t, bool>;

class FakeEngine : public Engine {
 public:
  void Push(const Event& event) override {
    const bool gap = event.type == EventType::kGap;
    const uint32_t number = gap ? 0 : LoadNative<uint32_t>(event.record);
    if (!gap && number != static_cast<uint32_t>(event.pid)) records_intact_ = false;
    seen_.emplace_back(event.cpu, event.ts_ns, number, gap);
    if (on_push) on_push(seen_.size());
  }
  Report Finish(const AnomalyCounts&) override { return {}; }
  Report Snapshot(const AnomalyCounts&) const override { return {}; }
  std::vector<Finding> TakeFindings() override { return {}; }
  std::vector<uint8_t> Save() const override { return {}; }

  const std::vector<Seen>& seen() const { return seen_; }
  bool records_intact() const { return records_intact_; }
  std::function<void(size_t events)> on_push;

 private:
  std::vector<Seen> seen_;
  bool records_intact_ = true;
};

// Events of several CPUs, with their numbers as records.
class Streams {
 public:
  // CPUs have very different numbers of events, often at the same nanosecond, with gaps among them.
  static Streams Random(std::mt19937* random) {
    Streams streams;
    const uint32_t cpus = 1 + (*random)() % 6;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      const size_t events = (*random)() % 4 == 0 ? 0 : (*random)() % 400;
      const uint64_t step_ns = 1 + (*random)() % 50;
      streams.AddCpu();
      uint64_t now_ns = (*random)() % 100;
      for (size_t i = 0; i < events; ++i) {
        now_ns += (*random)() % step_ns;
        if ((*random)() % 50 == 0) streams.by_cpu_[cpu].push_back(MakeGap(cpu, now_ns, now_ns + 1, 3));
        streams.Add(cpu, now_ns);
      }
      if ((*random)() % 5 == 0) streams.by_cpu_[cpu].push_back(MakeGap(cpu, now_ns, UINT64_MAX, kLostUnknown));
    }
    return streams;
  }
  static Streams Even(
      uint32_t cpus, size_t events, const std::function<uint64_t(uint32_t)>& begin_ns = [](uint32_t) { return 0; }) {
    Streams streams;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      streams.AddCpu();
      for (size_t i = 0; i < events; ++i) streams.Add(cpu, begin_ns(cpu) + 10 * i);
    }
    return streams;
  }

  const std::vector<std::vector<Event>>& by_cpu() const { return by_cpu_; }

  // The slow, obvious merge.
  std::vector<Seen> Merged() const {
    std::vector<Seen> all;
    for (const auto& events : by_cpu_) {
      for (const Event& event : events) {
        const bool gap = event.type == EventType::kGap;
        all.emplace_back(event.cpu, event.ts_ns, gap ? 0 : static_cast<uint32_t>(event.pid), gap);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const Seen& a, const Seen& b) {
      return std::pair(std::get<1>(a), std::get<0>(a)) < std::pair(std::get<1>(b), std::get<0>(b));
    });
    return all;
  }

 private:
  void AddCpu() { by_cpu_.emplace_back(); }
  void Add(uint32_t cpu, uint64_t ts_ns) {
    auto& events = by_cpu_[cpu];
    auto& record = records_.emplace_back(sizeof(uint32_t));
    const auto number = static_cast<uint32_t>(events.size());
    std::memcpy(record.data(), &number, sizeof number);
    Event event{};
    event.ts_ns = ts_ns;
    event.cpu = static_cast<uint16_t>(cpu);
    event.type = EventType::kSoftirqRaise;
    event.pid = static_cast<int32_t>(number);
    event.record = record.data();
    event.record_size = sizeof number;
    events.push_back(event);
  }

  std::vector<std::vector<Event>> by_cpu_;
  std::deque<std::vector<uint8_t>> records_;
};

// A run over `streams`; `hook` belongs to the reader of `hooked_cpu`.
struct Pushed {
  Pushed(const Streams& streams, const PipelineOptions& options, uint32_t hooked_cpu = 0, MadeUpReader::Hook hook = {},
         std::function<void(size_t)> on_push = {}) {
    engine.on_push = std::move(on_push);
    std::vector<CpuReader*> borrowed;
    for (uint32_t cpu = 0; cpu < streams.by_cpu().size(); ++cpu) {
      readers.emplace_back(cpu, streams.by_cpu()[cpu], cpu == hooked_cpu ? hook : MadeUpReader::Hook());
      borrowed.push_back(&readers.back());
    }
    status = PushAll(borrowed, options, &engine);
  }

  std::deque<MadeUpReader> readers;
  FakeEngine engine;
  Status status;
};

PipelineOptions Options(unsigned cores, size_t block_events) {
  PipelineOptions options;
  options.cores = cores;
  options.block_events = block_events;
  return options;
}

TEST(Pipeline, TheSameEventsInTheSameOrderAsASlowMerge) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const Streams streams = Streams::Random(&random);
    const Pushed run(streams, Options(1 + round % 2, 1 + random() % 20));
    ASSERT_TRUE(run.status) << run.status.error().Text();
    ASSERT_EQ(run.engine.seen(), streams.Merged());
    EXPECT_TRUE(run.engine.records_intact());
    for (const MadeUpReader& reader : run.readers) {
      EXPECT_EQ(reader.anomalies().Of(Anomaly::kUnknownEventId), 1u) << "read to its end, and no further";
    }
  }
}

TEST(Pipeline, NoCpusAreNoEvents) {
  for (const unsigned cores : {1u, 2u}) {
    FakeEngine engine;
    EXPECT_TRUE(PushAll({}, Options(cores, 4), &engine));
    EXPECT_TRUE(engine.seen().empty());
  }
}

// All of one CPU's events come before the next one's: the thread must not fill up on the later ones and wait there.
TEST(Pipeline, ACpuThatIsFarAheadDoesNotHoldUpTheOthers) {
  for (const bool first_cpu_first : {true, false}) {
    const Streams streams =
        Streams::Even(3, 5000, [&](uint32_t cpu) { return uint64_t{1'000'000} * (first_cpu_first ? cpu : 2 - cpu); });
    const Pushed run(streams, Options(2, 3));
    ASSERT_TRUE(run.status);
    EXPECT_EQ(run.engine.seen(), streams.Merged());
  }
}

TEST(Pipeline, AnErrorOfAReaderIsTheAnswer) {
  const Streams streams = Streams::Even(3, 2000);
  for (const unsigned cores : {1u, 2u}) {
    for (const size_t at : {0u, 1u, 30u}) {
      const auto fail = [at](size_t block) -> Status {
        if (block < at) return {};
        return Fail(Error{ErrorCode::kIo, "the disk is gone", "a.dat", 4096});
      };
      const Pushed run(streams, Options(cores, 16), 1, fail);
      ASSERT_FALSE(run.status);
      EXPECT_EQ(run.status.error().code, ErrorCode::kIo);
      EXPECT_EQ(run.status.error().Text(), (Error{ErrorCode::kIo, "the disk is gone", "a.dat", 4096}).Text());
      EXPECT_LT(run.engine.seen().size(), 6000u);
    }
  }
}

TEST(Pipeline, AReaderThatThrowsIsAnErrorToo) {
  const Streams streams = Streams::Even(2, 2000);
  const struct {
    const char* story;
    MadeUpReader::Hook hook;
    ErrorCode code;
    const char* words;
  } rows[] = {
      {"no memory", [](size_t block) -> Status { return block < 9 ? Status() : throw std::bad_alloc(); },
       ErrorCode::kTooLarge, "memory"},
      {"anything else", [](size_t block) -> Status { return block < 9 ? Status() : throw std::logic_error("odd"); },
       ErrorCode::kInternal, "odd"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const Pushed run(streams, Options(2, 16), 0, row.hook);
    ASSERT_FALSE(run.status);
    EXPECT_EQ(run.status.error().code, row.code);
    EXPECT_THAT(run.status.error().cause, HasSubstr(row.words));
  }
}

TEST(Pipeline, StoppedInTheMiddleItEndsInOrder) {
  const Streams streams = Streams::Even(2, 200'000);
  const auto merged = streams.Merged();
  for (const unsigned cores : {1u, 2u}) {
    std::atomic<bool> stop{false};
    PipelineOptions options = Options(cores, 64);
    options.stop = &stop;
    const Pushed run(streams, options, 0, {}, [&](size_t events) { stop = events >= 100'000; });
    ASSERT_TRUE(run.status);
    const auto& seen = run.engine.seen();
    EXPECT_GE(seen.size(), 100'000u);
    EXPECT_LT(seen.size(), merged.size());
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), merged.begin()));
  }
}

// The engine's own exception passes through; the thread is joined on the way.
TEST(Pipeline, AnEngineThatThrowsLeavesNoThreadBehind) {
  const Streams streams = Streams::Even(2, 2000);
  const auto run = [&] {
    Pushed(streams, Options(2, 16), 0, {}, [](size_t events) {
      if (events == 500) throw std::bad_alloc();
    });
  };
  EXPECT_THROW(run(), std::bad_alloc);
}

TEST(Pipeline, ProgressIsToldNowAndThen) {
  const Streams streams = Streams::Even(2, 200'000);
  std::vector<uint64_t> told;
  PipelineOptions options = Options(2, 1000);
  options.progress = [&](uint64_t events) { told.push_back(events); };
  const Pushed run(streams, options);
  ASSERT_TRUE(run.status);
  EXPECT_FALSE(told.empty());
  EXPECT_LT(told.size(), 100u);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST(Pipeline, BlocksShrinkWithTheNumberOfCpus) {
  EXPECT_GE(BlockEventsFor(2), 8192u);
  for (const size_t cpus : {1u, 2u, 8u, 64u, 256u}) {
    EXPECT_GT(BlockEventsFor(cpus), 0u);
    EXPECT_LE(BlockEventsFor(cpus) * cpus * 4, 1u << 18) << cpus;
  }
}

}  // namespace
}  // namespace wakewatch

#include "server/live/replay.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>

#include "analysis/chunk/chunk.h"
#include "analysis/trace/formats_list.h"

namespace wakewatch {
namespace {

using std::chrono::milliseconds;

struct Seen {
  std::vector<std::string> events;  // by CPU and in order: time, CPU, record
  std::vector<std::tuple<uint32_t, uint64_t, uint64_t, uint64_t>> gaps;
};

std::string LineOf(const Event& event, uint32_t cpu, const FormatTable& formats, uint64_t shift_ns) {
  return std::to_string(cpu) + " " + std::to_string(event.ts_ns + shift_ns) + " " + EventText(event, formats);
}

std::map<uint32_t, Seen> ReadTrace(const TraceInput& input, uint64_t shift_ns) {
  std::map<uint32_t, Seen> seen;
  auto readers = input.OpenCpus();
  EXPECT_TRUE(readers);
  EventBlock block;
  for (const auto& reader : *readers) {
    Seen& cpu = seen[reader->cpu()];
    while (*reader->Fill(&block, 100)) {
      for (const Event& event : block.events) {
        if (event.type == EventType::kGap) {
          const uint64_t end_ns = event.gap.end_ns == UINT64_MAX ? UINT64_MAX : event.gap.end_ns + shift_ns;
          cpu.gaps.emplace_back(reader->cpu(), event.ts_ns == 0 ? 0 : event.ts_ns + shift_ns, end_ns, event.gap.lost);
        } else {
          cpu.events.push_back(LineOf(event, reader->cpu(), input.formats(), shift_ns));
        }
      }
    }
  }
  return seen;
}

// Checks on the way what holds for the batches of any collector.
std::map<uint32_t, Seen> ReadBatches(const std::vector<Batch>& batches, const FormatTable& formats) {
  std::map<uint32_t, Seen> seen;
  std::map<uint32_t, uint64_t> frontier_ns;
  std::set<uint64_t> symbols;
  const RecordDecoder decoder(formats);
  for (size_t i = 0; i < batches.size(); ++i) {
    const Batch& batch = batches[i];
    EXPECT_EQ(batch.sequence, i + 1);
    EXPECT_EQ(batch.session.has_value(), i == 0);
    EXPECT_EQ(batch.formats.has_value(), i == 0);
    EXPECT_EQ(batch.last, i + 1 == batches.size());
    for (const Symbol& symbol : batch.symbols) EXPECT_TRUE(symbols.insert(symbol.address).second);
    for (const GapRecord& gap : batch.gaps) {
      seen[gap.cpu].gaps.emplace_back(gap.cpu, gap.start_ns, gap.end_ns, gap.lost);
      EXPECT_LE(gap.start_ns, gap.end_ns);
    }
    for (const Chunk& chunk : batch.chunks) {
      EXPECT_GT(chunk.first_ns, frontier_ns[chunk.cpu]) << "an event behind the frontier";
      const auto view = ChunkView::Open(chunk.bytes, formats);
      EXPECT_TRUE(view);
      if (!view) continue;
      EventBlock block;
      AnomalyCounts anomalies;
      EXPECT_TRUE(view->Decode(decoder, &block, &anomalies));
      for (const Event& event : block.events) seen[chunk.cpu].events.push_back(LineOf(event, chunk.cpu, formats, 0));
    }
    for (const Frontier& frontier : batch.frontiers) {
      EXPECT_GE(frontier.ts_ns, frontier_ns[frontier.cpu]);
      frontier_ns[frontier.cpu] = frontier.ts_ns;
    }
    for (const Chunk& chunk : batch.chunks) {
      if (batch.frontiers.empty()) continue;
      EXPECT_LE(chunk.last_ns, batch.frontiers.front().ts_ns);
    }
  }
  return seen;
}

class Replay : public ::testing::Test {
 protected:
  void SetUp() override {
    auto input = OpenTrace(WAKEWATCH_SOURCE_DIR "/tests/data/traces/tiny_lost-174-A.dat");
    ASSERT_TRUE(input) << input.error().Text();
    input_ = *std::move(input);
  }
  std::unique_ptr<TraceInput> input_;
};

TEST_F(Replay, BatchesHoldTheTrace) {
  const struct {
    const char* story;
    ReplayOptions options;
  } rows[] = {
      {"as a collector sends it", {}},
      {"many small slices", {.span = milliseconds(3)}},
      {"all in one", {.span = std::chrono::hours(1)}},
      {"later", {.shift_ns = 5'000'000'000'000}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.story);
    const auto batches = MakeBatches(*input_, row.options);
    ASSERT_TRUE(batches) << batches.error().Text();
    const auto wanted = ReadTrace(*input_, row.options.shift_ns);
    const auto got = ReadBatches(*batches, input_->formats());
    ASSERT_EQ(got.size(), wanted.size());
    for (const auto& [cpu, seen] : wanted) {
      EXPECT_EQ(got.at(cpu).events, seen.events) << "CPU " << cpu;
      EXPECT_EQ(got.at(cpu).gaps, seen.gaps) << "CPU " << cpu;
    }
    EXPECT_EQ(batches->front().session->host, "replay");
    EXPECT_EQ(batches->front().threads.size(), input_->metadata().threads.all().size());
  }
}

TEST_F(Replay, ASliceThatIsTooLargeIsSentInParts) {
  const auto batches = MakeBatches(*input_, {.span = std::chrono::hours(1), .batch_bytes_max = 1});
  ASSERT_TRUE(batches);
  size_t with_chunks = 0;
  for (const Batch& batch : *batches) {
    EXPECT_LE(batch.chunks.size(), 1u);
    with_chunks += batch.chunks.size();
  }
  EXPECT_GT(with_chunks, 1u);
  EXPECT_TRUE(batches->front().frontiers.empty()) << "nothing is complete before the slice is";
  EXPECT_EQ(ReadBatches(*batches, input_->formats()).begin()->second.events,
            ReadTrace(*input_, 0).begin()->second.events);
}

TEST_F(Replay, LapsFollowOneAnotherWithAGapBetweenThem) {
  const auto one = MakeBatches(*input_, {});
  const auto three = MakeBatches(*input_, {.laps = 3});
  ASSERT_TRUE(one);
  ASSERT_TRUE(three);
  EXPECT_EQ(three->size(), 3 * one->size());
  const auto once = ReadBatches(*one, input_->formats()), thrice = ReadBatches(*three, input_->formats());
  for (const auto& [cpu, seen] : once) {
    EXPECT_EQ(thrice.at(cpu).events.size(), 3 * seen.events.size());
    EXPECT_EQ(thrice.at(cpu).gaps.size(), 3 * seen.gaps.size() + 2);
  }
}

TEST_F(Replay, FormatsThatDoNotOccurMayStayBehind) {
  const auto batches = MakeBatches(*input_, {.used_formats_only = true});
  ASSERT_TRUE(batches) << batches.error().Text();
  const FormatsDelta& sent = *batches->front().formats;
  EXPECT_LT(sent.events.size(), input_->formats().events().size());
  auto table = FormatTable::Create({std::endian::little, sent.long_size}, sent.header_page);
  ASSERT_TRUE(table);
  table->set_page_size(sent.page_size);
  for (const FormatDelta& event : sent.events) ASSERT_TRUE(table->Add(event.system, event.text));
  EXPECT_EQ(table->Hash(), sent.hash);
  const auto wanted = ReadTrace(*input_, 0), got = ReadBatches(*batches, *table);
  for (const auto& [cpu, seen] : wanted) EXPECT_EQ(got.at(cpu).events, seen.events) << "CPU " << cpu;
}

TEST_F(Replay, TheWallClockMayBeSet) {
  const auto batches = MakeBatches(*input_, {.shift_ns = 1000, .real_begin_ns = 77});
  ASSERT_TRUE(batches);
  ASSERT_EQ(batches->front().clock_pairs.size(), 1u);
  EXPECT_EQ(batches->front().clock_pairs[0].real_ns, 77u);
  EXPECT_EQ(batches->front().clock_pairs[0].trace_ns, batches->front().cpus[0].since_ns);
}

TEST_F(Replay, RefusesWhatMakesNoSense) {
  const ReplayOptions rows[] = {{.span = milliseconds(0)}, {.laps = 0}, {.batch_bytes_max = 0}};
  for (const ReplayOptions& options : rows) {
    const auto batches = MakeBatches(*input_, options);
    ASSERT_FALSE(batches);
    EXPECT_EQ(batches.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace wakewatch

// Why: a recording collector pays for encoding, every import and every query for decoding.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/trace/record_decoder.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::CpuBlocks;
using bench::Skip;
using bench::TheInput;

constexpr size_t kHotEvents = 2048;  // what a reader hands over at once, warm from being decoded

// The input's events as chunks of kChunkEventsTarget.
struct Chunks {
  std::vector<std::vector<uint8_t>> bytes;
  size_t total_bytes = 0;
  std::string problem;
};

Status EncodeAll(Chunks* chunks) {
  for (const CpuBlocks& cpu : TheInput().cpus) {
    ChunkEncoder encoder(TheInput().trace->formats(), cpu.cpu);
    for (const EventBlock& block : cpu.blocks) {
      for (const Event& event : block.events) encoder.Add(event);
      auto chunk = encoder.Finish();
      if (!chunk) return Fail(chunk.error());
      chunks->total_bytes += chunk->bytes.size();
      chunks->bytes.push_back(std::move(chunk->bytes));
    }
  }
  return {};
}

const Chunks& TheChunks() {
  static const Chunks* chunks = [] {
    auto* made = new Chunks();
    if (const Status status = EncodeAll(made); !status) made->problem = status.error().Text();
    return made;
  }();
  return *chunks;
}

bool SkipChunks(benchmark::State& state) {
  if (Skip(state)) return true;
  if (TheChunks().problem.empty()) return false;
  state.SkipWithError(TheChunks().problem.c_str());
  return true;
}

void Report(benchmark::State& state, size_t events_a_round) {
  bench::CountEvents(state, events_a_round);
  state.counters["bytes_per_event"] =
      static_cast<double>(TheChunks().total_bytes) / static_cast<double>(TheInput().events);
}

void BM_ChunkEncode(benchmark::State& state) {
  if (SkipChunks(state)) return;
  ChunkEncoder encoder(TheInput().trace->formats(), 0);
  for (auto _ : state) {
    for (const CpuBlocks& cpu : TheInput().cpus) {
      for (const EventBlock& block : cpu.blocks) {
        for (const Event& event : block.events) encoder.Add(event);
        auto chunk = encoder.Finish();
        if (!chunk) return state.SkipWithError(chunk.error().Text().c_str());
        benchmark::DoNotOptimize(chunk->bytes.data());
      }
    }
  }
  Report(state, TheInput().events);
}
BENCHMARK(BM_ChunkEncode)->Unit(benchmark::kMillisecond);

// Adding alone, with events and records as warm as a collector has them.
void BM_ChunkAdd(benchmark::State& state) {
  if (SkipChunks(state)) return;
  const EventBlock& block = TheInput().cpus.front().blocks.front();
  const size_t hot = std::min(block.events.size(), kHotEvents);
  ChunkEncoder encoder(TheInput().trace->formats(), 0);
  for (auto _ : state) {
    for (size_t i = 0; i < hot; ++i) encoder.Add(block.events[i]);
    if (!encoder.full()) continue;
    state.PauseTiming();
    benchmark::DoNotOptimize(encoder.Finish());
    state.ResumeTiming();
  }
  Report(state, hot);
}
BENCHMARK(BM_ChunkAdd)->Unit(benchmark::kMicrosecond);

void BM_ChunkDecode(benchmark::State& state) {
  if (SkipChunks(state)) return;
  const bench::Input& input = TheInput();
  const RecordDecoder decoder(input.trace->formats());
  EventBlock block;
  AnomalyCounts anomalies;
  for (auto _ : state) {
    for (const std::vector<uint8_t>& bytes : TheChunks().bytes) {
      block.Clear();
      const auto view = ChunkView::Open(bytes, input.trace->formats());
      if (!view) return state.SkipWithError(view.error().Text().c_str());
      const Status status = view->Decode(decoder, &block, &anomalies);
      if (!status) return state.SkipWithError(status.error().Text().c_str());
      benchmark::DoNotOptimize(block.events.data());
    }
  }
  Report(state, input.events);
}
BENCHMARK(BM_ChunkDecode)->Unit(benchmark::kMillisecond);

void BM_ChunkTimes(benchmark::State& state) {
  if (SkipChunks(state)) return;
  const bench::Input& input = TheInput();
  for (auto _ : state) {
    for (const std::vector<uint8_t>& bytes : TheChunks().bytes) {
      const auto view = ChunkView::Open(bytes, input.trace->formats());
      if (!view) return state.SkipWithError(view.error().Text().c_str());
      benchmark::DoNotOptimize(view->Times()->data());
    }
  }
  Report(state, input.events);
}
BENCHMARK(BM_ChunkTimes)->Unit(benchmark::kMillisecond);

// One field of one event: who was switched to.
void BM_ChunkNextPid(benchmark::State& state) {
  if (SkipChunks(state)) return;
  const bench::Input& input = TheInput();
  const FormatTable& formats = input.trace->formats();
  const EventFormat* format = formats.ByType(EventType::kSchedSwitch);
  const FieldSpec* field = format == nullptr ? nullptr : format->Find("next_pid");
  if (field == nullptr) return state.SkipWithError("the trace has no sched_switch");
  const auto index = static_cast<uint16_t>(format - formats.events().data());
  const auto column = static_cast<size_t>(field - format->fields.data());
  for (auto _ : state) {
    for (const std::vector<uint8_t>& bytes : TheChunks().bytes) {
      const auto view = ChunkView::Open(bytes, formats);
      if (!view) return state.SkipWithError(view.error().Text().c_str());
      benchmark::DoNotOptimize(view->Integers(index, column)->data());
    }
  }
  Report(state, input.events);
}
BENCHMARK(BM_ChunkNextPid)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

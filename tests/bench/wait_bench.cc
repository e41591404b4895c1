// Why: what keeping the measured waits costs: a wait that is added and written, one that is read again, and an event of
// an analysis that keeps them. The waits are those of WAKEWATCH_BENCH_INPUT, and made-up ones that use every bucket.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "analysis/report/delay_table.h"
#include "analysis/report/wait_builder.h"
#include "analysis/report/wait_test_support.h"
#include "server/live/pipeline.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::Skip;
using bench::TheInput;

constexpr size_t kMadeWaits = 40 * kWaitChunkWaits;

// Every wait of the input, those of user tasks too.
const std::vector<OwnedWait>& RealWaits() {
  static const std::vector<OwnedWait> waits = [] {
    std::vector<OwnedWait> all;
    EngineOptions options;
    options.on_wait = [&](const MeasuredWait& wait) { all.emplace_back(wait); };
    (void)AnalyseTrace(*TheInput().trace, options, {.cores = 1});
    return all;
  }();
  return waits;
}

std::vector<MeasuredWait> Waits(bool made) {
  static const wait_test::MadeWaits made_waits(kMadeWaits);
  if (made) return made_waits.all();
  std::vector<MeasuredWait> waits;
  for (const OwnedWait& wait : RealWaits()) waits.push_back(wait.Get());
  return waits;
}

void CountWaits(benchmark::State& state, size_t waits, const std::vector<WaitChunk>& chunks) {
  size_t bytes = 0;
  for (const WaitChunk& chunk : chunks) bytes += chunk.bytes.size();
  state.counters["ns_per_wait"] = benchmark::Counter(
      static_cast<double>(waits) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_wait"] = static_cast<double>(bytes) / static_cast<double>(waits);
}

void BM_WaitKeep(benchmark::State& state) {
  if (Skip(state)) return;
  const std::vector<MeasuredWait> waits = Waits(state.range(0) != 0);
  std::vector<WaitChunk> chunks;
  for (auto _ : state) {
    WaitBuilder builder = wait_test::Built(waits);
    builder.Cut();
    chunks = builder.Take();
  }
  CountWaits(state, waits.size(), chunks);
}
BENCHMARK(BM_WaitKeep)->ArgName("made")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void BM_WaitGroups(benchmark::State& state) {
  if (Skip(state)) return;
  const std::vector<MeasuredWait> waits = Waits(state.range(0) != 0);
  const std::vector<WaitChunk> chunks = wait_test::ChunksOf(waits);
  for (auto _ : state) {
    DelayTable table({.kind = true, .cause = true});
    for (const WaitChunk& chunk : chunks) {
      auto view = WaitView::Open(chunk.bytes);
      if (!view || !view->ReadAll()) return state.SkipWithError("a chunk that cannot be read");
      for (size_t i = 0; i < view->waits(); ++i) table.Add(view->WaitAt(i));
    }
    benchmark::DoNotOptimize(table.Finish());
  }
  CountWaits(state, waits.size(), chunks);
}
BENCHMARK(BM_WaitGroups)->ArgName("made")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// keep 0: none, 1: those that a recording keeps, 2: all, also the short ones of user tasks.
void BM_Analyse(benchmark::State& state) {
  if (Skip(state)) return;
  uint64_t events = 0;
  for (auto _ : state) {
    EngineOptions options;
    WaitBuilder builder(state.range(0) == 2 ? 0 : options.latency_threshold_ns);
    if (state.range(0) != 0) options.on_wait = [&](const MeasuredWait& wait) { builder.Add(wait); };
    const auto report = AnalyseTrace(*TheInput().trace, options, {.cores = 1});
    if (!report) return state.SkipWithError(report.error().Text().c_str());
    events = report->events;
  }
  bench::CountEvents(state, events);
}
BENCHMARK(BM_Analyse)->ArgName("keep")->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->MinTime(2);

}  // namespace
}  // namespace wakewatch

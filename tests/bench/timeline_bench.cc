// Why: what the timeline costs: an event that is pushed, on the events of WAKEWATCH_BENCH_INPUT; and an answer, on a
// recording of ten million events that this makes for itself.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "analysis/report/timeline.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::CountEvents;
using bench::Skip;
using bench::TheInput;

void BM_TimelinePush(benchmark::State& state) {
  if (Skip(state)) return;
  size_t bytes = 0, rows = 0;
  for (auto _ : state) {
    TimelineBuilder builder;
    uint64_t end_ns = 0;
    for (const auto& cpu : TheInput().cpus) {
      for (const EventBlock& block : cpu.blocks) {
        for (const Event& event : block.events) builder.Push(event);
        end_ns = std::max(end_ns, block.events.back().ts_ns);
      }
    }
    bytes = rows = 0;
    for (const TimelineRow& row : builder.Flush(end_ns)) {
      bytes += row.bytes.size();
      ++rows;
    }
  }
  CountEvents(state, TheInput().events);
  state.counters["rows"] = static_cast<double>(rows);
  state.counters["bytes_per_event"] = static_cast<double>(bytes) / static_cast<double>(TheInput().events);
}
BENCHMARK(BM_TimelinePush)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

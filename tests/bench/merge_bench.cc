// Why: the steps behind decoding, each on events that are in memory already: the merge of the input's CPUs, the same
// events dealt out to more CPUs, and the engine (states and checks) on top.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/report/engine.h"
#include "analysis/trace/merge.h"
#include "server/live/pipeline.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::CountEvents;
using bench::Skip;
using bench::TheInput;

class MemorySource : public BlockSource {
 public:
  MemorySource(uint32_t cpu, const std::vector<EventBlock>* blocks) : cpu_(cpu), blocks_(blocks) {}
  Result<const EventBlock*> Next() override { return next_ == blocks_->size() ? nullptr : &(*blocks_)[next_++]; }
  uint32_t cpu() const override { return cpu_; }

 private:
  const uint32_t cpu_;
  const std::vector<EventBlock>* const blocks_;
  size_t next_ = 0;
};

template <typename Visit>
void MergeAll(benchmark::State& state, const std::vector<bench::CpuBlocks>& cpus, const Visit& visit) {
  std::vector<MemorySource> sources;
  for (const auto& cpu : cpus) sources.emplace_back(cpu.cpu, &cpu.blocks);
  std::vector<BlockSource*> borrowed;
  for (MemorySource& source : sources) borrowed.push_back(&source);
  Merger merger(borrowed);
  const Status status = merger.Run([&](const Event& event) {
    visit(event);
    return true;
  });
  if (!status) state.SkipWithError(status.error().Text().c_str());
}

// The input's merged events, dealt out to `count` CPUs: one after another to the next, as bad for a merge as it gets.
// Records are shared with the input.
std::vector<bench::CpuBlocks> Deal(benchmark::State& state, size_t count) {
  const size_t block_events = BlockEventsFor(count);
  std::vector<bench::CpuBlocks> cpus(count);
  size_t next = 0;
  MergeAll(state, TheInput().cpus, [&](Event event) {
    bench::CpuBlocks& cpu = cpus[next % count];
    cpu.cpu = static_cast<uint32_t>(next++ % count);
    event.cpu = static_cast<uint16_t>(cpu.cpu);
    if (cpu.blocks.empty() || cpu.blocks.back().events.size() == block_events) {
      cpu.blocks.emplace_back().events.reserve(block_events);
    }
    cpu.blocks.back().events.push_back(event);
  });
  return cpus;
}

void BM_Merge(benchmark::State& state) {
  if (Skip(state)) return;
  uint64_t times = 0;
  for (auto _ : state) MergeAll(state, TheInput().cpus, [&](const Event& event) { times += event.ts_ns; });
  benchmark::DoNotOptimize(times);
  CountEvents(state, TheInput().events);
}
BENCHMARK(BM_Merge)->Unit(benchmark::kMillisecond);

void BM_MergeDealt(benchmark::State& state) {
  if (Skip(state)) return;
  const auto cpus = Deal(state, static_cast<size_t>(state.range(0)));
  uint64_t times = 0;
  for (auto _ : state) MergeAll(state, cpus, [&](const Event& event) { times += event.ts_ns; });
  benchmark::DoNotOptimize(times);
  CountEvents(state, TheInput().events);
}
BENCHMARK(BM_MergeDealt)->Arg(2)->Arg(8)->Arg(64)->Unit(benchmark::kMillisecond);

// One stream: no merging to speak of, states and checks alone.
void BM_Engine(benchmark::State& state) {
  if (Skip(state)) return;
  std::vector<Event> events;
  events.reserve(TheInput().events);
  MergeAll(state, TheInput().cpus, [&](const Event& event) { events.push_back(event); });
  for (auto _ : state) {
    const auto engine = Engine::Create(*TheInput().trace, EngineOptions());
    if (!engine) return state.SkipWithError(engine.error().Text().c_str());
    for (const Event& event : events) (*engine)->Push(event);
    benchmark::DoNotOptimize((*engine)->Finish({}));
  }
  CountEvents(state, events.size());
}
BENCHMARK(BM_Engine)->Unit(benchmark::kMillisecond);

void BM_MergeAndEngine(benchmark::State& state) {
  if (Skip(state)) return;
  for (auto _ : state) {
    const auto engine = Engine::Create(*TheInput().trace, EngineOptions());
    if (!engine) return state.SkipWithError(engine.error().Text().c_str());
    MergeAll(state, TheInput().cpus, [&](const Event& event) { (*engine)->Push(event); });
    benchmark::DoNotOptimize((*engine)->Finish({}));
  }
  CountEvents(state, TheInput().events);
}
BENCHMARK(BM_MergeAndEngine)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

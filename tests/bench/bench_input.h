// Why: all benchmarks measure over the same real events, read in one place. WAKEWATCH_BENCH_INPUT names a trace of any
// format that is read (trace.dat, a raw dump folder, a recording); without it nothing is measured.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "analysis/trace/reader.h"

namespace wakewatch::bench {

// One CPU's events with their records, as long as the input lives; no gaps.
struct CpuBlocks {
  uint32_t cpu = 0;
  std::vector<EventBlock> blocks;
};

struct Input {
  std::unique_ptr<TraceInput> trace;
  std::vector<CpuBlocks> cpus;  // about a million events in all, from each CPU's beginning
  size_t events = 0;
  std::string problem;  // why there is nothing to measure
};

// Read when it is first asked for.
const Input& TheInput();

// True, and the benchmark is marked as skipped, when there is no input.
bool Skip(benchmark::State& state);

// Events a second and ns an event, of the CPU time that was measured.
void CountEvents(benchmark::State& state, size_t events_a_round);

// Reads all that is left, a block at a time.
template <typename Visit>
Status ForEachBlock(CpuReader* reader, size_t block_events, const Visit& visit) {
  EventBlock block;
  while (true) {
    const auto more = reader->Fill(&block, block_events);
    if (!more) return Fail(more.error());
    if (!*more || !visit(block)) return {};
  }
}

}  // namespace wakewatch::bench

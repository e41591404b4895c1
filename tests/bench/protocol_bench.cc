// Why: what the protocol checker costs: states a second without and with reductions, and bytes a state.
#include <benchmark/benchmark.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "analysis/protocol/checker.h"
#include "analysis/protocol/shipped.h"

namespace wakewatch::protocol {
namespace {

CheckHost Threads(size_t count) {
  CheckHost host;
  if (count < 2) return host;
  host.parallel = [count](size_t n, const std::function<void(size_t)>& work) {
    std::atomic<size_t> next{0};
    std::vector<std::jthread> threads;
    for (size_t thread = 0; thread < count; ++thread) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < n; at = next++) work(at);
      });
    }
  };
  return host;
}

// The largest of the shipped protocols. Arguments: reductions or not, hashes instead of states, threads.
void BM_ProtocolSearch(benchmark::State& state) {
  const ShippedProtocol* const shipped = ShippedProtocolNamed("nfsd_threads");
  if (shipped == nullptr) return state.SkipWithError("there is no protocol nfsd_threads");
  CheckOptions options;
  options.memory = Memory::kTso;
  options.partial_order = options.symmetry = state.range(0) != 0;
  options.hash_compaction = state.range(1) != 0;
  const CheckHost host = Threads(static_cast<size_t>(state.range(2)));
  uint64_t states = 0, bytes = 0;
  for (auto _ : state) {
    const auto result = CheckProtocol(shipped->text, std::string(shipped->name), options, host);
    if (!result) return state.SkipWithError(result.error().Text().c_str());
    states = result->states;
    bytes = result->memory_bytes;
  }
  state.counters["states"] = static_cast<double>(states);
  state.counters["states_per_s"] =
      benchmark::Counter(static_cast<double>(states), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes_per_state"] = static_cast<double>(bytes) / static_cast<double>(states);
}
BENCHMARK(BM_ProtocolSearch)
    ->ArgNames({"reduced", "hashes", "threads"})
    ->Args({0, 0, 1})
    ->Args({0, 0, 2})
    ->Args({0, 1, 2})
    ->Args({1, 0, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch::protocol

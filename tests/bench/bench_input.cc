#include "tests/bench/bench_input.h"

#include <cstdlib>
#include <utility>

#include "analysis/chunk/chunk.h"
#include "server/store/recording.h"

namespace wakewatch::bench {
namespace {

constexpr size_t kEventsMax = 1u << 20;

// Copies the block, records included, so that it outlives the reader's.
EventBlock Keep(const EventBlock& block) {
  EventBlock kept;
  size_t bytes = 0;
  for (const Event& event : block.events) bytes += event.type == EventType::kGap ? 0 : event.record_size;
  kept.storage.reserve(bytes);
  for (Event event : block.events) {
    if (event.type == EventType::kGap) continue;
    const uint8_t* record = kept.storage.data() + kept.storage.size();
    kept.storage.insert(kept.storage.end(), event.record, event.record + event.record_size);
    event.record = record;
    kept.events.push_back(event);
  }
  return kept;
}

Status Load(const std::string& path, Input* input) {
  auto trace = OpenTraceOrRecording(path);
  if (!trace) return Fail(trace.error());
  input->trace = *std::move(trace);
  const auto readers = input->trace->OpenCpus();
  if (!readers) return Fail(readers.error());
  for (const auto& reader : *readers) {
    CpuBlocks cpu{reader->cpu(), {}};
    size_t events = 0;
    auto status = ForEachBlock(reader.get(), kChunkEventsTarget, [&](const EventBlock& block) {
      EventBlock kept = Keep(block);
      events += kept.events.size();
      if (!kept.events.empty()) cpu.blocks.push_back(std::move(kept));
      return events < kEventsMax / readers->size();
    });
    if (!status) return status;
    input->events += events;
    if (events > 0) input->cpus.push_back(std::move(cpu));
  }
  if (input->events == 0) return Fail(ErrorCode::kNotFound, path + " has no events");
  return {};
}

}  // namespace

const Input& TheInput() {
  static const Input* input = [] {
    auto* made = new Input();
    const char* path = std::getenv("WAKEWATCH_BENCH_INPUT");
    if (path == nullptr) {
      made->problem = "set WAKEWATCH_BENCH_INPUT to a trace";
    } else if (const Status status = Load(path, made); !status) {
      made->problem = status.error().Text();
    }
    return made;
  }();
  return *input;
}

bool Skip(benchmark::State& state) {
  if (TheInput().problem.empty()) return false;
  state.SkipWithError(TheInput().problem.c_str());
  return true;
}

void CountEvents(benchmark::State& state, size_t events_a_round) {
  const auto events = static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(events_a_round);
  state.SetItemsProcessed(events);
  state.counters["ns_per_event"] =
      benchmark::Counter(static_cast<double>(events) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace wakewatch::bench

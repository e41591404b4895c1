#include "server/live/pipeline.h"

#include <algorithm>
#include <thread>

#include "analysis/trace/merge.h"
#include "server/live/decode_ahead.h"

namespace wakewatch {
namespace {

// How often `stop` and `progress` are looked at: every few milliseconds.
constexpr uint64_t kLookEvery = 1u << 16;

// An event takes 64 bytes in its block, and with its record about 130: 32 MB in all.
constexpr size_t kEventsInFlight = 1u << 18;
constexpr size_t kBlockEventsMin = 256, kBlockEventsMax = 1u << 13;

Status MergeInto(const std::vector<BlockSource*>& sources, const PipelineOptions& pipeline, Engine* engine) {
  uint64_t events = 0;
  const auto go_on = [&] {
    if (pipeline.progress) pipeline.progress(events);
    return pipeline.stop == nullptr || !pipeline.stop->load(std::memory_order_relaxed);
  };
  Merger merger(sources);
  return merger.Run([&](const Event& event) {
    engine->Push(event);
    return ++events % kLookEvery != 0 || go_on();
  });
}

}  // namespace

size_t BlockEventsFor(size_t cpus) {
  return std::clamp(kEventsInFlight / (kBlocksPerCpu * std::max<size_t>(cpus, 1)), kBlockEventsMin, kBlockEventsMax);
}

Status PushAll(std::span<CpuReader* const> readers, const PipelineOptions& pipeline, Engine* engine) {
  const size_t block_events = pipeline.block_events != 0 ? pipeline.block_events : BlockEventsFor(readers.size());
  const unsigned cores = pipeline.cores != 0 ? pipeline.cores : std::thread::hardware_concurrency();
  if (cores != 1) {
    const DecodeAhead ahead(readers, block_events);
    return MergeInto(ahead.sources(), pipeline, engine);
  }
  std::vector<ReaderBlockSource> in_line;
  in_line.reserve(readers.size());
  for (CpuReader* reader : readers) in_line.emplace_back(reader, block_events);
  std::vector<BlockSource*> sources;
  for (ReaderBlockSource& source : in_line) sources.push_back(&source);
  return MergeInto(sources, pipeline, engine);
}

Result<Report> AnalyseTrace(const TraceInput& input, const EngineOptions& options, const PipelineOptions& pipeline) {
  const auto engine = Engine::Create(input, options);
  if (!engine) return Fail(engine.error());
  const auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  std::vector<CpuReader*> borrowed;
  for (const auto& reader : *readers) borrowed.push_back(reader.get());
  if (auto status = PushAll(borrowed, pipeline, engine->get()); !status) return Fail(status.error());
  AnomalyCounts anomalies;
  for (const CpuReader* reader : borrowed) anomalies.Merge(reader->anomalies());
  return (*engine)->Finish(anomalies);
}

}  // namespace wakewatch

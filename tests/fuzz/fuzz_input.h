// Why: chunks, messages and queries are made of real events, and their fuzz targets and seeds need the same ones.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "analysis/chunk/chunk.h"
#include "analysis/trace/formats_list.h"

namespace wakewatch::fuzz {

inline std::unique_ptr<TraceInput> OpenSample() {
  auto input = OpenTrace(WAKEWATCH_SOURCE_DIR "/tests/data/traces/tiny_lost-174-A.dat", {});
  if (!input) std::abort();
  return std::move(*input);
}

// A chunk of each CPU: at most `events` of its first ones, up to its first gap.
inline std::vector<Chunk> SampleChunks(const TraceInput& input, size_t events) {
  std::vector<Chunk> chunks;
  auto readers = input.OpenCpus();
  if (!readers) std::abort();
  for (const auto& reader : *readers) {
    ChunkEncoder encoder(input.formats(), reader->cpu());
    EventBlock block;
    if (!reader->Fill(&block, events).value_or(false)) continue;
    for (const Event& event : block.events) {
      if (event.type == EventType::kGap || encoder.events() == events) break;
      encoder.Add(event);
    }
    if (encoder.events() == 0) continue;
    auto chunk = encoder.Finish();
    if (!chunk) std::abort();
    chunks.push_back(std::move(*chunk));
  }
  return chunks;
}

}  // namespace wakewatch::fuzz

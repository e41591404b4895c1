// Why: what stands between a file and the merge, and the bound it is held against: stepping from record to record
// through ring-buffer pages without reading any of them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "analysis/trace/page_decoder.h"
#include "analysis/trace/record_decoder.h"
#include "server/live/pipeline.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::CountEvents;
using bench::Skip;
using bench::TheInput;

// Source: enum ring_buffer_type and struct ring_buffer_event of the kernel.
constexpr uint32_t kTypeLenMax = 28, kTypeTimeExtend = 30, kTypeBits = 5, kDeltaBits = 27;

constexpr size_t kPageBytes = 4096, kPageHeaderBytes = 16;  // time stamp, commit

// The input's events as pages of the machine's own byte order, laid out as a 64-bit kernel does.
class PageBuilder {
 public:
  void Add(const Event& event) {
    const size_t body = (event.record_size + size_t{3}) / 4 * 4;
    const bool is_long = body > kTypeLenMax * 4;
    const size_t size = body + (is_long ? 8 : 4);
    if (pages_.empty() || at_ + size + 8 > kPageBytes) Begin(event.ts_ns);
    const uint64_t delta = event.ts_ns - last_ns_;
    const bool extend = delta >> kDeltaBits != 0;
    if (extend) {
      Put(kTypeTimeExtend | static_cast<uint32_t>(delta & ((1u << kDeltaBits) - 1)) << kTypeBits);
      Put(static_cast<uint32_t>(delta >> kDeltaBits));
    }
    const uint32_t words = is_long ? 0 : static_cast<uint32_t>(body / 4);
    Put(words | (extend ? 0 : static_cast<uint32_t>(delta) << kTypeBits));
    if (is_long) Put(static_cast<uint32_t>(body + 4));
    std::memcpy(&pages_.back()[at_], event.record, event.record_size);
    at_ += body;
    last_ns_ = event.ts_ns;
    const uint64_t commit = at_ - kPageHeaderBytes;
    std::memcpy(&pages_.back()[8], &commit, sizeof commit);
  }
  const std::vector<std::vector<uint8_t>>& pages() const { return pages_; }

 private:
  void Begin(uint64_t ts_ns) {
    pages_.emplace_back(kPageBytes);
    std::memcpy(pages_.back().data(), &ts_ns, sizeof ts_ns);
    at_ = kPageHeaderBytes;
    last_ns_ = ts_ns;
  }
  void Put(uint32_t word) {
    std::memcpy(&pages_.back()[at_], &word, sizeof word);
    at_ += sizeof word;
  }

  std::vector<std::vector<uint8_t>> pages_;
  size_t at_ = 0;
  uint64_t last_ns_ = 0;
};

struct Pages {
  std::vector<PageBuilder> cpus;
  size_t events = 0;
};

// Longer records than a page here takes are left out.
const Pages& ThePages() {
  static const Pages* pages = [] {
    auto* made = new Pages();
    for (const bench::CpuBlocks& cpu : TheInput().cpus) {
      PageBuilder& builder = made->cpus.emplace_back();
      for (const EventBlock& block : cpu.blocks) {
        for (const Event& event : block.events) {
          if (event.record_size > kPageBytes / 4) continue;
          builder.Add(event);
          ++made->events;
        }
      }
    }
    return made;
  }();
  return *pages;
}

bool SkipPages(benchmark::State& state) {
  if (Skip(state)) return true;
  const FormatTable& formats = TheInput().trace->formats();
  if (formats.machine().order == std::endian::native && formats.page().data_offset == kPageHeaderBytes) return false;
  state.SkipWithError("the input is from another kind of machine");
  return true;
}

uint64_t WalkPage(const std::vector<uint8_t>& page, uint64_t* records) {
  uint64_t time = LoadNative<uint64_t>(page.data());
  const uint8_t* at = page.data() + kPageHeaderBytes;
  const uint8_t* const end = at + LoadNative<uint64_t>(page.data() + 8);
  while (at < end) {
    const auto word = LoadNative<uint32_t>(at);
    const uint32_t type = word & ((1u << kTypeBits) - 1);
    time += word >> kTypeBits;
    if (type == kTypeTimeExtend) {
      time += uint64_t{LoadNative<uint32_t>(at + 4)} << kDeltaBits;
      at += 8;
      continue;
    }
    ++*records;
    at += type == 0 ? 4 + LoadNative<uint32_t>(at + 4) : 4 + type * 4;
  }
  return time;
}

void BM_PageWalk(benchmark::State& state) {
  if (SkipPages(state)) return;
  for (auto _ : state) {
    uint64_t records = 0, times = 0;
    for (const PageBuilder& cpu : ThePages().cpus) {
      for (const auto& page : cpu.pages()) times += WalkPage(page, &records);
    }
    benchmark::DoNotOptimize(times);
    if (records != ThePages().events) return state.SkipWithError("the walk lost its way");
  }
  CountEvents(state, ThePages().events);
}
BENCHMARK(BM_PageWalk)->Unit(benchmark::kMillisecond);

void BM_PageDecode(benchmark::State& state) {
  if (SkipPages(state)) return;
  const RecordDecoder decoder(TheInput().trace->formats());
  EventBlock block;
  AnomalyCounts anomalies;
  for (auto _ : state) {
    size_t events = 0;
    for (size_t cpu = 0; cpu < ThePages().cpus.size(); ++cpu) {
      PageDecoder pages(decoder, static_cast<uint32_t>(cpu));
      for (const auto& page : ThePages().cpus[cpu].pages()) {
        if (block.events.size() >= BlockEventsFor(2)) block.Clear();
        const size_t before = block.events.size();
        pages.Decode(page, &block, &anomalies);
        events += block.events.size() - before;
      }
    }
    if (events != ThePages().events) return state.SkipWithError("not every record was decoded");
  }
  CountEvents(state, ThePages().events);
}
BENCHMARK(BM_PageDecode)->Unit(benchmark::kMillisecond);

// All of the file, as it is read by a report: mapping, decompression and chunks included.
void BM_ReadInput(benchmark::State& state) {
  if (Skip(state)) return;
  size_t events = 0;
  for (auto _ : state) {
    const auto readers = TheInput().trace->OpenCpus();
    if (!readers) return state.SkipWithError(readers.error().Text().c_str());
    events = 0;
    for (const auto& reader : *readers) {
      const auto status = bench::ForEachBlock(reader.get(), BlockEventsFor(readers->size()), [&](const auto& block) {
        events += block.events.size();
        return true;
      });
      if (!status) return state.SkipWithError(status.error().Text().c_str());
    }
  }
  CountEvents(state, events);
}
BENCHMARK(BM_ReadInput)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

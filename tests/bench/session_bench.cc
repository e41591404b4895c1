// Why: a server stores what hundreds of collectors send twice a second. Measured are CPU time and wall time of a
// durable commit of one batch (4 chunks of 250 events, a frontier for each of 4 CPUs), with one session and with 500,
// and the memory that open sessions hold; and what sealing a part takes and saves. Events are those of
// WAKEWATCH_BENCH_INPUT.
#include <benchmark/benchmark.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "analysis/chunk/chunk.h"
#include "server/store/part_rewriter.h"
#include "server/store/session_store.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

constexpr uint32_t kCpus = 4, kChunkEvents = 250;
constexpr uint64_t kBatchNs = 500'000'000;

// A batch of the input's first events on each CPU, with times of its own.
Result<Batch> MakeBatch() {
  Batch batch;
  const bench::Input& input = bench::TheInput();
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    const bench::CpuBlocks& from = input.cpus[cpu % input.cpus.size()];
    ChunkEncoder encoder(input.trace->formats(), cpu);
    for (const EventBlock& block : from.blocks) {
      for (const Event& event : block.events) {
        if (encoder.events() < kChunkEvents) encoder.Add(event);
      }
    }
    auto chunk = encoder.Finish();
    if (!chunk) return Fail(chunk.error());
    chunk->cpu = cpu;
    batch.chunks.push_back(std::move(*chunk));
    batch.frontiers.push_back({cpu, 0});
  }
  return batch;
}

void SetSequence(Batch* batch, uint64_t sequence) {
  batch->sequence = sequence;
  for (Chunk& chunk : batch->chunks) {
    chunk.first_ns = sequence * kBatchNs;
    chunk.last_ns = chunk.first_ns + kBatchNs - 1;
  }
  for (Frontier& frontier : batch->frontiers) frontier.ts_ns = sequence * kBatchNs;
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The sessions of one measurement, in a folder that goes away with them.
struct Sessions {
  std::string folder;
  std::vector<std::unique_ptr<SessionStore>> stores;
  uint64_t bytes_before = 0;
  std::string problem;

  explicit Sessions(size_t count) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    folder = (std::filesystem::temp_directory_path() / ("wakewatch-sessions-" + std::to_string(getpid()))).string();
    bytes_before = ResidentBytes();
    for (size_t i = 0; i < count && problem.empty(); ++i) {
      auto store =
          SessionStore::Open(folder, {"host" + std::to_string(i), "boot", "s", "6.1.0", "mono", "", kCpus}, {});
      if (store) {
        stores.push_back(std::move(*store));
      } else {
        problem = store.error().Text();
      }
    }
  }
  ~Sessions() {
    stores.clear();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};

std::unique_ptr<Sessions> sessions;

// Each thread has its share of the sessions, and commits to them in turn.
void Commit(benchmark::State& state) {
  if (bench::Skip(state)) return;
  if (state.thread_index() == 0) sessions = std::make_unique<Sessions>(static_cast<size_t>(state.range(0)));
  auto batch = MakeBatch();
  size_t next = static_cast<size_t>(state.thread_index());
  for (auto _ : state) {
    if (!batch || !sessions->problem.empty()) {
      state.SkipWithError(batch ? sessions->problem.c_str() : batch.error().Text().c_str());
      break;
    }
    SessionStore& store = *sessions->stores[next % sessions->stores.size()];
    next += static_cast<size_t>(state.threads());
    SetSequence(&*batch, store.committed_sequence() + 1);
    if (const auto status = store.Commit({&*batch, 1}, {}); !status) state.SkipWithError(status.error().Text().c_str());
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    state.counters["MB"] = static_cast<double>(ResidentBytes() - sessions->bytes_before) / 1e6;
    sessions.reset();
  }
}

BENCHMARK(Commit)->Arg(1)->Unit(benchmark::kMicrosecond)->UseRealTime();
BENCHMARK(Commit)->Arg(500)->Unit(benchmark::kMicrosecond)->Threads(4)->UseRealTime();

// The input's events in live chunks, in one part of `folder`; answers its path.
Result<std::string> MakeLivePart(const std::string& folder) {
  auto store = SessionStore::Open(folder, {"host", "boot", "s", "6.1.0", "mono", "", kCpus}, {});
  if (!store) return Fail(store.error());
  const FormatTable& formats = bench::TheInput().trace->formats();
  Batch batch;
  FormatsDelta& delta = batch.formats.emplace();
  delta.hash = formats.Hash();
  delta.long_size = formats.machine().long_size;
  delta.page_size = formats.page().page_size;
  delta.header_page = formats.header_page_text();
  for (const EventFormat& event : formats.events()) delta.events.push_back({event.system, event.text});
  for (const bench::CpuBlocks& from : bench::TheInput().cpus) {
    ChunkEncoder encoder(formats, from.cpu);
    const auto cut = [&]() -> Status {
      auto chunk = encoder.Finish();
      if (!chunk) return Fail(chunk.error());
      batch.chunks.push_back(std::move(*chunk));
      return {};
    };
    for (const EventBlock& block : from.blocks) {
      for (const Event& event : block.events) {
        encoder.Add(event);
        if (encoder.events() < kChunkEvents) continue;
        if (const auto status = cut(); !status) return Fail(status.error());
      }
    }
    if (encoder.events() == 0) continue;
    if (const auto status = cut(); !status) return Fail(status.error());
  }
  batch.sequence = 1;
  auto status = (*store)->Commit({&batch, 1}, {});
  if (status) status = (*store)->Close();
  if (!status) return Fail(status.error());
  return Parts((*store)->folder()).front();
}

void Seal(benchmark::State& state) {
  if (bench::Skip(state)) return;
  const std::string folder =
      (std::filesystem::temp_directory_path() / ("wakewatch-seal-" + std::to_string(getpid()))).string();
  const auto events = static_cast<double>(bench::TheInput().events);
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove_all(folder);
    const auto part = MakeLivePart(folder);
    if (!part) {
      state.SkipWithError(part.error().Text().c_str());
      break;
    }
    state.counters["live_bytes_per_event"] = static_cast<double>(std::filesystem::file_size(*part)) / events;
    state.ResumeTiming();
    if (const auto status = SealPart(*part); !status) state.SkipWithError(status.error().Text().c_str());
    state.counters["sealed_bytes_per_event"] = static_cast<double>(std::filesystem::file_size(*part)) / events;
  }
  bench::CountEvents(state, bench::TheInput().events);
  std::filesystem::remove_all(folder);
}

BENCHMARK(Seal)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

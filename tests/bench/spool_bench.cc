// Why: a spool that is read back more slowly than it is filled is never empty again. Bytes a second in, made durable
// every 4 MiB as in the collector, and out, on the disk of WAKEWATCH_BENCH_FOLDER (default: the temporary folder).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

#include "collector/spool/spool.h"

namespace wakewatch {
namespace {

constexpr size_t kRecordBytes = 128u << 10;
constexpr uint64_t kSyncBytes = 4u << 20;
constexpr int kRecords = 4'096;  // 512 MiB

class NoCut final : public SpoolCut {
 public:
  void Add(const SpoolItem&) override {}
  std::string Body() override { return {}; }
};

class BenchFolder {
 public:
  BenchFolder() {
    const char* const named = std::getenv("WAKEWATCH_BENCH_FOLDER");
    const auto folder = named == nullptr ? std::filesystem::temp_directory_path() : std::filesystem::path(named);
    path_ = (folder / ("wakewatch-spool-bench-" + std::to_string(getpid()))).string();
  }
  ~BenchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  SpoolOptions options() const {
    SpoolOptions options;
    options.folder = path_;
    options.cut = [] { return std::make_unique<NoCut>(); };
    return options;
  }

 private:
  std::string path_;
};

void Fill(Spool* spool, benchmark::State& state) {
  const std::string body(kRecordBytes, 'x');
  for (int i = 0; i < kRecords; ++i) {
    if (!spool->Append(body)) return state.SkipWithError("the disk takes nothing");
    if (spool->unsynced_bytes() >= kSyncBytes && !spool->Sync()) return state.SkipWithError("the disk syncs nothing");
  }
}

void BM_SpoolAppend(benchmark::State& state) {
  for (auto _ : state) {
    const BenchFolder folder;
    RealFiles files;
    Spool spool(&files, folder.options());
    Fill(&spool, state);
  }
  state.SetBytesProcessed(state.iterations() * kRecords * static_cast<int64_t>(kRecordBytes));
}
BENCHMARK(BM_SpoolAppend)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_SpoolDrain(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    const BenchFolder folder;
    RealFiles files;
    Spool spool(&files, folder.options());
    Fill(&spool, state);
    state.ResumeTiming();
    while (auto item = spool.Next()) {
      if (!*item) break;
      spool.Acknowledge((*item)->last, "state");
      if ((*item)->last % 64 == 0) (void)spool.Trim();
    }
    state.PauseTiming();
    if (!spool.caught_up()) state.SkipWithError("not everything was read");
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * kRecords * static_cast<int64_t>(kRecordBytes));
}
BENCHMARK(BM_SpoolDrain)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace wakewatch

// Why: what the timeline costs: an event that is pushed, and an answer at every zoom out of a recording of ten million
// events. Both use the events of WAKEWATCH_BENCH_INPUT; the recording is laps of them, made once in a temporary folder.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "analysis/chunk/chunk.h"
#include "analysis/report/timeline.h"
#include "analysis/report/timeline_build.h"
#include "server/store/recording.h"
#include "server/store/timeline_query.h"
#include "server/store/timeline_rows.h"
#include "tests/bench/bench_input.h"

namespace wakewatch {
namespace {

using bench::CountEvents;
using bench::Skip;
using bench::TheInput;

constexpr size_t kRecordingEvents = 10'000'000;
constexpr int kQuestions = 400;

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

// Two recordings of the same events, one with rows and one without; removed at exit. The laps follow one another, or
// (wide) are those of other CPUs at the same time.
class LongRecording {
 public:
  static const LongRecording& Get(bool wide) {
    static const LongRecording long_recording(false);
    if (!wide) return long_recording;
    static const LongRecording wide_recording(true);
    return wide_recording;
  }
  ~LongRecording() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::string& problem() const { return problem_; }
  std::string path(bool rows) const { return (folder_ / (rows ? "rows.db" : "plain.db")).string(); }
  uint64_t start_ns() const { return start_ns_; }
  uint64_t end_ns() const { return end_ns_; }

 private:
  explicit LongRecording(bool wide) : wide_(wide) {
    const std::string name = std::string(wide ? "wide" : "long") + "-" + std::to_string(getpid());
    folder_ = std::filesystem::temp_directory_path() / ("wakewatch-timeline-" + name);
    std::filesystem::create_directories(folder_);
    if (auto status = Make(); !status) problem_ = status.error().Text();
  }
  Status Make() {
    for (const auto& cpu : TheInput().cpus) {
      start_ns_ = std::min(start_ns_, cpu.blocks.front().events.front().ts_ns);
      end_ns_ = std::max(end_ns_, cpu.blocks.back().events.back().ts_ns);
    }
    const uint64_t lap_ns = end_ns_ - start_ns_ + 1'000;
    auto writer = RecordingWriter::Create(path(false), true);
    if (!writer) return Fail(writer.error());
    const FormatTable& formats = TheInput().trace->formats();
    Batch batch;
    FormatsDelta& delta = batch.formats.emplace();
    delta.hash = formats.Hash();
    delta.long_size = formats.machine().long_size;
    delta.page_size = formats.page().page_size;
    delta.header_page = formats.header_page_text();
    for (const EventFormat& event : formats.events()) delta.events.push_back({event.system, event.text});
    TimelineBuilder builder;
    const size_t laps = (kRecordingEvents + TheInput().events - 1) / TheInput().events;
    for (size_t lap = 0; lap < laps; ++lap) {
      batch.sequence = lap + 1;
      for (const auto& cpu : TheInput().cpus) {
        const auto other = static_cast<uint32_t>(wide_ ? lap * TheInput().cpus.size() : 0);
        if (auto status = AddLap(cpu, cpu.cpu + other, wide_ ? 0 : lap * lap_ns, &builder, &batch); !status) {
          return status;
        }
      }
      if (auto status = (*writer)->Append(std::exchange(batch, {})); !status) return status;
    }
    if (!wide_) end_ns_ += (laps - 1) * lap_ns;
    if (auto status = (*writer)->Close(); !status) return status;
    std::filesystem::copy_file(path(false), path(true));
    return StoreRows(builder.Flush(end_ns_));
  }
  Status AddLap(const bench::CpuBlocks& cpu, uint32_t number, uint64_t later_ns, TimelineBuilder* builder,
                Batch* batch) {
    ChunkEncoder encoder(TheInput().trace->formats(), number);
    const auto finish = [&]() -> Status {
      auto chunk = encoder.Finish();
      if (!chunk) return Fail(chunk.error());
      batch->chunks.push_back(*std::move(chunk));
      return {};
    };
    for (const EventBlock& block : cpu.blocks) {
      for (Event event : block.events) {
        event.ts_ns += later_ns;
        event.cpu = static_cast<uint16_t>(number);
        builder->Push(event);
        encoder.Add(event);
        if (!encoder.full()) continue;
        if (auto status = finish(); !status) return status;
      }
    }
    return encoder.events() > 0 ? finish() : Status();
  }
  Status StoreRows(const std::vector<TimelineRow>& rows) {
    const auto db = Database::Open(path(true), Database::Mode::kWrite);
    if (!db) return Fail(db.error());
    if (auto status = db->Exec("CREATE TABLE IF NOT EXISTS timeline(cpu INTEGER NOT NULL, level INTEGER NOT NULL, "
                               "first_bin INTEGER NOT NULL, bins INTEGER NOT NULL, bytes BLOB NOT NULL, "
                               "PRIMARY KEY(cpu, level, first_bin)) WITHOUT ROWID; BEGIN");
        !status) {
      return status;
    }
    if (auto status = WriteTimelineRows(*db, rows); !status) return status;
    return db->Exec("COMMIT");
  }

  bool wide_;
  std::filesystem::path folder_;
  std::string problem_;
  uint64_t start_ns_ = UINT64_MAX, end_ns_ = 0;
};

// CPU time, which other programs on the machine do not change as much as they change the time of day.
double ThreadMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Answers at random places of the recording. `span`: 10^span ns each; 0: any, as often short as long.
void Ask(benchmark::State& state, bool rows, bool open_each, bool wide = false) {
  if (Skip(state)) return;
  const LongRecording& recording = LongRecording::Get(wide);
  if (!recording.problem().empty()) return state.SkipWithError(recording.problem().c_str());
  const uint64_t all_ns = recording.end_ns() - recording.start_ns();
  std::mt19937_64 random(1);
  std::vector<double> took_ms;
  size_t slices = 0, bins = 0;
  std::unique_ptr<TimelineQuery> query;
  for (auto _ : state) {
    const double digits = state.range(0) != 0 ? static_cast<double>(state.range(0))
                                              : 3 + static_cast<double>(random() % 1000) / 1000 *
                                                        (std::log10(static_cast<double>(all_ns)) - 3);
    const uint64_t span_ns = std::min(all_ns, static_cast<uint64_t>(std::pow(10, digits)));
    const uint64_t start_ns = recording.start_ns() + random() % (all_ns - span_ns + 1);
    const double begun_ms = ThreadMs();
    if (open_each || query == nullptr) query = std::move(*TimelineQuery::Open({{recording.path(rows)}}));
    const auto answer = query->Run({start_ns, start_ns + span_ns, 1024, {}, {}});
    took_ms.push_back(ThreadMs() - begun_ms);
    if (!answer) return state.SkipWithError(answer.error().Text().c_str());
    for (const TimelineLane& lane : answer->lanes) {
      slices += lane.slices.size();
      bins += lane.bins.size();
    }
  }
  std::sort(took_ms.begin(), took_ms.end());
  const auto at = [&](size_t percent) { return took_ms[(took_ms.size() - 1) * percent / 100]; };
  state.counters["p50_ms"] = at(50);
  state.counters["p99_ms"] = at(99);
  state.counters["max_ms"] = took_ms.back();
  state.counters["slices"] = static_cast<double>(slices) / static_cast<double>(took_ms.size());
  state.counters["bins"] = static_cast<double>(bins) / static_cast<double>(took_ms.size());
}

void BM_TimelineQuery(benchmark::State& state) { Ask(state, true, false); }
BENCHMARK(BM_TimelineQuery)
    ->ArgName("digits")
    ->DenseRange(3, 11, 1)
    ->Arg(0)
    ->Iterations(kQuestions)
    ->Unit(benchmark::kMillisecond);

void BM_TimelineOpenAndQuery(benchmark::State& state) { Ask(state, true, true); }
BENCHMARK(BM_TimelineOpenAndQuery)->ArgName("digits")->Arg(0)->Iterations(kQuestions)->Unit(benchmark::kMillisecond);

// With a dozen times as many CPUs.
void BM_TimelineQueryManyCpus(benchmark::State& state) { Ask(state, true, false, true); }
BENCHMARK(BM_TimelineQueryManyCpus)
    ->ArgName("digits")
    ->Arg(5)
    ->Arg(8)
    ->Arg(10)
    ->Arg(0)
    ->Iterations(kQuestions)
    ->Unit(benchmark::kMillisecond);

// Without rows; the first wide view reads all events.
void BM_TimelineQueryWithoutRows(benchmark::State& state) { Ask(state, false, false); }
BENCHMARK(BM_TimelineQueryWithoutRows)
    ->ArgName("digits")
    ->Arg(0)
    ->Iterations(kQuestions)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wakewatch

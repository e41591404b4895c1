// Why: how fast SQL reads a recording: rows a second of the event tables, by what the statement asks for. The input is
// a trace named by WAKEWATCH_BENCH_INPUT, imported once into a temporary recording; without it nothing is measured.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "server/live/import.h"
#include "server/store/query.h"
#include "server/store/recording.h"

namespace wakewatch {
namespace {

Status Import(const TraceInput& input, RecordingWriter* writer) {
  const auto report = ImportTrace(input, *writer, EngineOptions(), PipelineOptions());
  if (!report) return Fail(report.error());
  return writer->Close();
}

// The recording made from WAKEWATCH_BENCH_INPUT; removed at exit.
class BenchRecording {
 public:
  static const BenchRecording& Get() {
    static const BenchRecording recording;
    return recording;
  }
  ~BenchRecording() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }
  const std::string& problem() const { return problem_; }

 private:
  BenchRecording() {
    const char* input = std::getenv("WAKEWATCH_BENCH_INPUT");
    if (input == nullptr) {
      problem_ = "WAKEWATCH_BENCH_INPUT is not set";
      return;
    }
    path_ = (std::filesystem::temp_directory_path() / ("wakewatch-bench-" + std::to_string(getpid()) + ".db")).string();
    auto trace = OpenTrace(input);
    auto writer = RecordingWriter::Create(path_, true);
    auto status = !trace    ? Status(tl::unexpected<Error>(trace.error()))
                  : !writer ? Status(tl::unexpected<Error>(writer.error()))
                            : Import(**trace, writer->get());
    if (!status) problem_ = status.error().Text();
  }

  std::string path_, problem_;
};

// Rows a second over `table`; a statement that answers with one row.
void Query(benchmark::State& state, const std::string& table, const std::string& sql) {
  const BenchRecording& recording = BenchRecording::Get();
  if (!recording.problem().empty()) {
    state.SkipWithError(recording.problem().c_str());
    return;
  }
  auto query = RecordingQuery::Open(recording.path());
  if (!query) {
    state.SkipWithError(query.error().Text().c_str());
    return;
  }
  const auto run = [&](const std::string& statement) -> int64_t {
    int64_t first = -1;
    const auto end = (*query)->Run(
        statement, {}, [](const auto&) {},
        [&](const std::vector<SqlValue>& row) {
          if (const auto* value = std::get_if<int64_t>(&row[0])) first = *value;
          return true;
        });
    if (!end) state.SkipWithError(end.error().Text().c_str());
    return first;
  };
  const int64_t rows = run("SELECT count(*) FROM " + table);
  for (auto _ : state) benchmark::DoNotOptimize(run(sql));
  state.SetItemsProcessed(state.iterations() * rows);
}

#define WAKEWATCH_QUERY_BENCH(name, table, sql) \
  BENCHMARK_CAPTURE(Query, name, table, sql)->Unit(benchmark::kMillisecond)

WAKEWATCH_QUERY_BENCH(count, "sched_switch", "SELECT count(*) FROM sched_switch");
WAKEWATCH_QUERY_BENCH(sum_of_a_field, "sched_switch", "SELECT sum(next_pid) FROM sched_switch");
WAKEWATCH_QUERY_BENCH(span_of_time, "sched_switch", "SELECT max(ts) - min(ts) FROM sched_switch");
WAKEWATCH_QUERY_BENCH(text_of_a_field, "sched_switch",
                      "SELECT count(*) FROM sched_switch WHERE next_comm = 'swapper/0'");
WAKEWATCH_QUERY_BENCH(one_task, "sched_switch", "SELECT count(*) FROM sched_switch WHERE common_pid = 1");
WAKEWATCH_QUERY_BENCH(count_all, "event", "SELECT count(*) FROM event");
WAKEWATCH_QUERY_BENCH(in_time_order, "event", "SELECT sum(ts > 0) FROM event");
WAKEWATCH_QUERY_BENCH(one_type, "event", "SELECT count(*) FROM event WHERE type = 'sched_waking'");

}  // namespace
}  // namespace wakewatch

#include "server/live/import.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "analysis/report/report_text.h"
#include "analysis/report/wait_builder.h"
#include "analysis/trace/bytes_read.h"
#include "server/live/event_storer.h"

namespace wakewatch {
namespace {

constexpr size_t kWaitChunksStored = 64;  // in one transaction, which ends in a sync: a quarter of a million waits

// Passes on what another reader reads, after it has been stored: on the thread that decodes, which has the time.
class StoringReader final : public CpuReader {
 public:
  StoringReader(CpuReader* reader, EventStorer* storer, const std::atomic<bool>* stop,
                std::atomic<uint64_t>* bytes_read)
      : reader_(reader),
        storer_(storer),
        stop_(stop),
        counter_(dynamic_cast<const CountsBytes*>(reader)),
        bytes_read_(bytes_read) {}

  Result<bool> Fill(EventBlock* block, size_t target) override {
    const bool stopped = stop_ != nullptr && stop_->load(std::memory_order_relaxed);
    if (over_ || (stopped && ends_in_gap_)) {
      block->Clear();
      return false;
    }
    if (stopped) {
      over_ = true;
      FillWithGap(block);
    } else {
      const auto more = reader_->Fill(block, target);
      CountBytes();
      if (!more || !*more) {
        over_ = true;
        return more;
      }
      if (!block->events.empty()) Remember(block->events.back());
    }
    if (auto status = storer_->Store(reader_->cpu(), block->events); !status) return Fail(status.error());
    return true;
  }
  uint32_t cpu() const override { return reader_->cpu(); }
  const AnomalyCounts& anomalies() const override { return reader_->anomalies(); }

 private:
  void Remember(const Event& last) {
    last_ns_ = last.ts_ns;
    ends_in_gap_ = last.type == EventType::kGap && last.gap.end_ns == UINT64_MAX;
  }

  void CountBytes() {
    if (bytes_read_ == nullptr || counter_ == nullptr) return;
    const uint64_t before = std::exchange(counted_, counter_->bytes_read());
    bytes_read_->fetch_add(counted_ - before, std::memory_order_relaxed);
  }

  // CPUs are read to different times when the import is stopped. A gap says so, in the report and in the recording:
  // without it, a wait for an event that was not read would look like one that never came.
  void FillWithGap(EventBlock* block) const {
    block->Clear();
    Event gap{};
    gap.type = EventType::kGap;
    gap.cpu = static_cast<uint16_t>(reader_->cpu());
    gap.ts_ns = last_ns_;
    gap.gap = {UINT64_MAX, kLostUnknown, GapCause::kCollector};
    block->events.push_back(gap);
  }

  CpuReader* const reader_;
  EventStorer* const storer_;
  const std::atomic<bool>* const stop_;
  const CountsBytes* const counter_;  // null: it does not tell
  std::atomic<uint64_t>* const bytes_read_;
  uint64_t counted_ = 0;  // of its bytes, in bytes_read_
  uint64_t last_ns_ = 0;  // of its last event or gap
  bool ends_in_gap_ = false, over_ = false;
};

}  // namespace

Result<Report> ImportTrace(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                           const PipelineOptions& pipeline, std::atomic<uint64_t>* bytes_read) {
  const auto readers = input.OpenCpus();
  if (!readers) return Fail(readers.error());
  EventStorer storer(input, readers->size(), &writer);
  WaitBuilder waits(options.latency_threshold_ns);
  EngineOptions keeping = options;
  keeping.on_wait = [&](const MeasuredWait& wait) {
    if (options.on_wait) options.on_wait(wait);
    waits.Add(wait);
    if (waits.HasFinished()) storer.AddWaits(waits.Take());
  };
  const auto engine = Engine::Create(input, keeping);
  if (!engine) return Fail(engine.error());
  std::vector<StoringReader> storing;
  storing.reserve(readers->size());
  for (const auto& reader : *readers) storing.emplace_back(reader.get(), &storer, pipeline.stop, bytes_read);
  std::vector<CpuReader*> borrowed;
  for (StoringReader& reader : storing) borrowed.push_back(&reader);

  PipelineOptions push = pipeline;
  push.stop = nullptr;  // the readers stop by themselves: all that was stored is analysed too
  if (auto status = PushAll(borrowed, push, engine->get()); !status) return Fail(status.error());
  waits.Cut();
  storer.AddWaits(waits.Take());
  if (auto status = storer.Finish(); !status) return Fail(status.error());
  AnomalyCounts anomalies;
  for (const CpuReader* reader : borrowed) anomalies.Merge(reader->anomalies());
  return (*engine)->Finish(anomalies);
}

Result<Report> ImportToFile(const TraceInput& input, const ImportJob& job) {
  const auto writer = RecordingWriter::Create(job.path, job.replace);
  if (!writer) return Fail(writer.error());
  auto report = ImportTrace(input, **writer, job.engine, job.pipeline, job.bytes_read);
  if (report) {
    if (auto status = (*writer)->StoreReport(*report); !status) return Fail(status.error());
    if (auto status = (*writer)->StoreVerdicts(job.verdicts()); !status) return Fail(status.error());
  }
  const auto closed = (*writer)->Close();
  if (report && !closed) return Fail(closed.error());
  return report;
}

std::vector<std::string> ImportWarnings(const Report& report) {
  std::vector<std::string> warnings;
  std::istringstream lines(LossText(report));
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of("! "));
    if (!line.empty()) warnings.push_back(std::move(line));
  }
  return warnings;
}

Result<Report> AnalyseStored(const TraceInput& input, RecordingWriter& writer, const EngineOptions& options,
                             const PipelineOptions& pipeline) {
  WaitBuilder waits(options.latency_threshold_ns);
  std::vector<WaitChunk> finished;
  Status stored;
  const auto store = [&] {
    if (stored) stored = writer.StoreWaits(finished);
    finished.clear();
  };
  EngineOptions keeping = options;
  keeping.on_wait = [&](const MeasuredWait& wait) {
    if (options.on_wait) options.on_wait(wait);
    waits.Add(wait);
    if (!waits.HasFinished()) return;
    for (WaitChunk& chunk : waits.Take()) finished.push_back(std::move(chunk));
    if (finished.size() >= kWaitChunksStored) store();
  };
  auto report = AnalyseTrace(input, keeping, pipeline);
  if (!report) return report;
  waits.Cut();
  for (WaitChunk& chunk : waits.Take()) finished.push_back(std::move(chunk));
  store();
  if (!stored) return Fail(std::move(stored.error()));
  return report;
}

}  // namespace wakewatch

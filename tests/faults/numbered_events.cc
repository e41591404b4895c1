#include "tests/faults/numbered_events.h"

#include <utility>

#include "server/store/recording.h"
#include "server/store/stored_formats.h"
#include "tests/faults/bomb.h"

namespace wakewatch::faults {
namespace {

constexpr size_t kBlockEvents = 4096;
constexpr int64_t kSecondNs = 1'000'000'000;

}  // namespace

Result<NumberedEvents> NumberedEvents::Load(const std::string& path) {
  const auto input = OpenTraceOrRecording(path);
  if (!input) return Fail(input.error());
  const auto readers = (*input)->OpenCpus();
  if (!readers) return Fail(readers.error());
  NumberedEvents numbered;
  numbered.kernel_ = (*input)->metadata().kernel;
  numbered.clock_ = (*input)->metadata().clock;
  for (const auto& reader : *readers) {
    if (auto status = numbered.LoadCpu(reader.get()); !status) return Fail(status.error());
  }
  if (numbered.cpus_.empty()) return Fail(ErrorCode::kInvalidArgument, path + " has no events");
  if (auto status = numbered.UseFormats((*input)->formats()); !status) return Fail(status.error());
  return numbered;
}

Status NumberedEvents::LoadCpu(CpuReader* reader) {
  Cpu cpu;
  cpu.cpu = reader->cpu();
  EventBlock block;
  for (;;) {
    const auto more = reader->Fill(&block, kBlockEvents);
    if (!more) return Fail(more.error());
    if (!*more) break;
    for (Event event : block.events) {
      if (event.type == EventType::kGap) continue;
      const auto& kept = cpu.storage.emplace_back(event.record, event.record + event.record_size);
      event.record = kept.data();
      cpu.events.push_back(event);
    }
  }
  if (!cpu.events.empty()) cpus_.push_back(std::move(cpu));
  return {};
}

// A trace.dat brings every format of its kernel, a collector those of the events that it records.
Status NumberedEvents::UseFormats(const FormatTable& all) {
  auto table = FormatTable::Create(all.machine(), all.header_page_text());
  if (!table) return Fail(table.error());
  formats_ = std::make_unique<FormatTable>(*std::move(table));
  formats_->set_page_size(all.page().page_size);
  std::vector<bool> used(all.events().size());
  for (const Cpu& cpu : cpus_) {
    for (const Event& event : cpu.events) used[event.format] = true;
  }
  std::vector<uint16_t> index_of(used.size());
  for (size_t i = 0; i < used.size(); ++i) {
    const EventFormat& format = all.events()[i];
    if (!used[i]) continue;
    if (auto added = formats_->Add(format.system, format.text); !added) return Fail(added.error());
    index_of[i] = static_cast<uint16_t>(formats_->IndexById(format.id));
  }
  for (Cpu& cpu : cpus_) {
    for (Event& event : cpu.events) event.format = index_of[event.format];
    cpu.encoder = std::make_unique<ChunkEncoder>(*formats_, cpu.cpu);
  }
  return {};
}

void NumberedEvents::Open(const SessionPlan& plan, Batch* batch) const {
  SessionInfo& session = batch->session.emplace();
  session.host = plan.host;
  session.boot_id = plan.boot_id;
  session.session = plan.session;
  session.kernel = kernel_;
  session.clock = clock_;
  session.collector_version = "replay";  // nobody can be asked about these tasks
  session.cpus = static_cast<uint32_t>(cpus_.size());
  session.loss_marked = true;
  batch->formats = DeltaOf(*formats_);
  for (const Cpu& cpu : cpus_) batch->cpus.push_back({.cpu = cpu.cpu, .since_ns = kFirstNs});
}

Result<Batch> NumberedEvents::Make(const SessionPlan& plan, uint64_t sequence) {
  Batch batch;
  batch.sequence = sequence;
  batch.last = sequence == plan.batches;
  if (sequence == 1) Open(plan, &batch);
  const uint64_t middle = plan.batches / 2 + 1;
  const uint64_t first = (sequence - 1) * plan.cpu_events, end = first + plan.cpu_events;
  const uint64_t begin_ns = kFirstNs + first * kStepNs, end_ns = kFirstNs + end * kStepNs - 1;
  const uint64_t back_ns = sequence == middle ? plan.clocks.page_time_back_ns : 0;
  const int64_t jump_s = sequence >= middle ? plan.clocks.wall_jump_s : 0;
  const int64_t wall_ns = (plan.clocks.wall_begin_s + jump_s) * kSecondNs + static_cast<int64_t>(begin_ns);
  batch.clock_pairs.push_back({begin_ns, static_cast<uint64_t>(wall_ns)});
  for (Cpu& cpu : cpus_) {
    for (uint64_t j = first; j < end; ++j) {
      Event event = cpu.events[j % cpu.events.size()];
      event.ts_ns = kFirstNs + j * kStepNs + cpu.cpu - back_ns;
      cpu.encoder->Add(event);
    }
    auto chunk = cpu.encoder->Finish();
    if (!chunk) return Fail(chunk.error());
    if (plan.bomb_bytes != 0 && sequence == middle && batch.chunks.empty()) {
      chunk = BombOf(*chunk, *formats_, plan.bomb_bytes);
      if (!chunk) return Fail(chunk.error());
    }
    batch.chunks.push_back(*std::move(chunk));
    batch.frontiers.push_back({cpu.cpu, end_ns});
  }
  return batch;
}

}  // namespace wakewatch::faults

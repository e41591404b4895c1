// The state of a TimelineBuilder as bytes. They come back from a file that anyone may have written, so whatever the
// builder relies on is checked: that bins and rows follow one another without holes, and that times sum up.
#include <memory>
#include <utility>

#include "analysis/chunk/column_encoder.h"
#include "analysis/report/timeline.h"
#include "analysis/report/timeline_cpu.h"

namespace wakewatch {
namespace {

using chunk::PutVarint;

constexpr uint8_t kStateVersion = 1;

void PutRow(const TimelineRow& row, std::vector<uint8_t>* to) {
  PutVarint(to, row.cpu);
  PutVarint(to, row.level);
  PutVarint(to, row.first_bin);
  PutVarint(to, row.bins);
  PutVarint(to, row.bytes.size());
  to->insert(to->end(), row.bytes.begin(), row.bytes.end());
}

// A number that should fit 32 bits; one that does not becomes one that no check passes.
uint32_t Narrow(uint64_t value) { return value > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(value); }

bool GetRow(ByteCursor* from, TimelineRow* row) {
  row->cpu = Narrow(from->Varint());
  row->level = Narrow(from->Varint());
  row->first_bin = from->Varint();
  row->bins = Narrow(from->Varint());
  const Bytes bytes = from->Span(from->Varint());
  row->bytes.assign(bytes.begin(), bytes.end());
  return from->ok() && TimelineRowReader::Open(*row);
}

bool GetPids(ByteCursor* from, uint64_t task_ns, PidTimes* pids) {
  const uint64_t count = from->Varint();
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t pid = Unzigzag(from->Varint());
    const uint64_t ns = from->Varint();
    if (!from->ok() || ns == 0 || ns > task_ns || pid != static_cast<int32_t>(pid)) return false;
    task_ns -= ns;
    pids->Add(static_cast<int32_t>(pid), ns);
    if (pids->entries().size() != i + 1) return false;
  }
  return true;
}

}  // namespace

void TimelineBuilder::Cpu::Save(std::vector<uint8_t>* to) const {
  PutVarint(to, since_ns);
  PutVarint(to, track.Packed());
  PutVarint(to, task_ns);
  for (unsigned level = 0; level < kTimelineLevels; ++level) {
    for (const uint64_t ns : open[level].bin.ns) PutVarint(to, ns);
    PutVarint(to, open[level].bin.switches);
    PutVarint(to, open[level].pids.entries().size());
    for (const PidTimes::Entry& entry : open[level].pids.entries()) {
      PutVarint(to, Zigzag(entry.pid));
      PutVarint(to, entry.ns);
    }
    rows[level].Save(to);
  }
}

bool TimelineBuilder::Cpu::Restore(ByteCursor* from) {
  track = CpuTrack::Unpacked(from->Varint());
  task_ns = from->Varint();
  uint64_t known_below_ns = since_ns;
  for (unsigned level = 0; level < kTimelineLevels; ++level) {
    TimelineBin& bin = open[level].bin;
    for (uint64_t& ns : bin.ns) {
      ns = from->Varint();
      if (ns > TimelineBinNs(level)) return false;
    }
    bin.switches = Narrow(from->Varint());
    const uint64_t start_ns = since_ns >> TimelineShift(level) << TimelineShift(level);
    if (bin.TotalNs() != known_below_ns - start_ns) return false;
    known_below_ns = start_ns;
    const uint64_t task_max_ns = bin.TaskNs();
    const uint64_t elsewhere_ns = level == 0 ? task_ns : 0;
    if (elsewhere_ns > task_max_ns) return false;
    if (!GetPids(from, task_max_ns - elsewhere_ns, &open[level].pids)) return false;
    if (!rows[level].Restore(from) || rows[level].next_bin() != since_ns >> TimelineShift(level)) return false;
  }
  return from->ok();
}

std::vector<uint8_t> TimelineBuilder::Save() const {
  std::vector<uint8_t> bytes = {kStateVersion};
  PutVarint(&bytes, finished_.size());
  for (const TimelineRow& row : finished_) PutRow(row, &bytes);
  uint64_t cpus = 0;
  for (const auto& cpu : cpus_) cpus += cpu != nullptr ? 1 : 0;
  PutVarint(&bytes, cpus);
  for (size_t number = 0; number < cpus_.size(); ++number) {
    if (cpus_[number] == nullptr) continue;
    PutVarint(&bytes, number);
    cpus_[number]->Save(&bytes);
  }
  return bytes;
}

Result<TimelineBuilder> TimelineBuilder::Restore(Bytes saved) {
  ByteCursor cursor(saved);
  if (cursor.U8() != kStateVersion) {
    return Fail(ErrorCode::kUnsupported, "the saved state of the timeline is of another version");
  }
  const auto bad = [&] {
    return Fail(cursor.ok() ? ErrorCode::kCorrupt : ErrorCode::kTruncated,
                "the saved state of the timeline contradicts itself before byte " + std::to_string(cursor.at()));
  };
  TimelineBuilder builder;
  const uint64_t rows = cursor.Varint();
  for (uint64_t i = 0; i < rows; ++i) {
    if (!GetRow(&cursor, &builder.finished_.emplace_back())) return bad();
  }
  const uint64_t cpus = cursor.Varint();
  for (uint64_t i = 0; i < cpus; ++i) {
    const uint64_t number = cursor.Varint();
    const uint64_t since_ns = cursor.Varint();
    if (!cursor.ok() || number > UINT16_MAX || number < builder.cpus_.size() || since_ns > kTimelineEndNs) return bad();
    if (!builder.Add(static_cast<uint32_t>(number), since_ns)->Restore(&cursor)) return bad();
  }
  if (!cursor.ok() || cursor.left() > 0) return bad();
  return builder;
}

}  // namespace wakewatch

#include "analysis/report/timeline_row.h"

#include <algorithm>
#include <string>
#include <utility>

#include "analysis/chunk/column_encoder.h"

namespace wakewatch {
namespace {

using chunk::PutVarint;

constexpr uint8_t kVersion = 1;
constexpr uint8_t kRepeated = 0x40, kEndsEarly = 0x80;
constexpr size_t kRowBytesMax = 64u << 10;           // twice what the longest bins take
constexpr uint64_t kRunBinsMax = uint64_t{1} << 31;  // TimelineRow::bins has 32 bits
constexpr uint32_t kCpuMax = UINT16_MAX;             // Event::cpu is 16 bits wide

void PutRun(const TimelineBin& bin, uint64_t count, uint64_t bin_ns, int32_t* last_pid, std::vector<uint8_t>* to) {
  uint8_t what = 0;
  for (size_t use = 0; use < kTimelineUses; ++use) what |= static_cast<uint8_t>((bin.ns[use] != 0) << use);
  const bool ends_early = bin.TotalNs() < bin_ns;
  bool left_out = ends_early;
  if (count > 1) what |= kRepeated;
  if (ends_early) what |= kEndsEarly;
  to->push_back(what);
  if (count > 1) PutVarint(to, count - 2);
  for (const uint64_t ns : bin.ns) {
    if (ns == 0) continue;
    if (std::exchange(left_out, true)) PutVarint(to, ns);
  }
  PutVarint(to, bin.switches);
  if (bin.TaskNs() == 0) return;
  PutVarint(to, Zigzag(int64_t{bin.busiest_pid} - *last_pid));
  PutVarint(to, bin.TaskNs() - bin.busiest_ns);
  *last_pid = bin.busiest_pid;
}

tl::unexpected<Error> BadRow(std::string cause) {
  return Fail(ErrorCode::kCorrupt, "a row of the timeline " + std::move(cause));
}

}  // namespace

void TimelineRowWriter::Append(const TimelineBin& bin, uint64_t count, std::vector<TimelineRow>* finished) {
  while (count > 0) {
    if (run_ > 0 && last_ != bin) EndRun(finished);
    if (run_ == 0) last_ = bin;
    // A run that is all there is of its row goes on past the row's usual end.
    const uint64_t end = bytes_.empty() ? (first_ + kRunBinsMax) / kTimelineRowBins * kTimelineRowBins : RowEnd();
    const uint64_t taken = std::min(count, end - next_bin());
    run_ += taken;
    count -= taken;
    if (next_bin() == end) Finish(finished);
  }
}

void TimelineRowWriter::EndRun(std::vector<TimelineRow>* finished) {
  const uint64_t row_end = next_bin() / kTimelineRowBins * kTimelineRowBins;
  if (row_end > first_) {
    const uint64_t behind = next_bin() - row_end;
    run_ -= behind;
    Finish(finished);
    run_ = behind;
  }
  if (run_ == 0) return;
  PutRun(last_, run_, TimelineBinNs(level_), &last_pid_, &bytes_);
  written_ += std::exchange(run_, 0);
}

void TimelineRowWriter::Finish(std::vector<TimelineRow>* finished) {
  finished->push_back(Current({}));
  first_ = next_bin();
  written_ = run_ = 0;
  bytes_.clear();
  last_pid_ = 0;
}

TimelineRow TimelineRowWriter::Current(const TimelineBin& open) const {
  TimelineRow row{cpu_, level_, first_, static_cast<uint32_t>(bins()), {}};
  row.bytes.reserve(bytes_.size() + 32);
  row.bytes.push_back(kVersion);
  row.bytes.insert(row.bytes.end(), bytes_.begin(), bytes_.end());
  int32_t last_pid = last_pid_;
  if (run_ > 0) PutRun(last_, run_, TimelineBinNs(level_), &last_pid, &row.bytes);
  if (open.TotalNs() > 0) {
    PutRun(open, 1, TimelineBinNs(level_), &last_pid, &row.bytes);
    ++row.bins;
  }
  return row;
}

void TimelineRowWriter::Save(std::vector<uint8_t>* to) const {
  const TimelineRow row = Current({});
  PutVarint(to, first_);
  PutVarint(to, row.bins);
  PutVarint(to, row.bytes.size());
  to->insert(to->end(), row.bytes.begin(), row.bytes.end());
}

bool TimelineRowWriter::Restore(ByteCursor* from) {
  TimelineRow row{cpu_, level_, from->Varint(), 0, {}};
  const uint64_t bins = from->Varint();
  const Bytes bytes = from->Span(from->Varint());
  if (!from->ok() || bins > UINT32_MAX) return false;
  *this = TimelineRowWriter(cpu_, level_, row.first_bin);
  if (bins == 0) return true;
  row.bins = static_cast<uint32_t>(bins);
  row.bytes.assign(bytes.begin(), bytes.end());
  auto reader = TimelineRowReader::Open(row);
  if (!reader) return false;
  std::vector<TimelineRow> finished;
  TimelineRowReader::Run run;
  while (true) {
    const auto more = reader->Next(&run);
    if (!more) return false;
    if (!*more) break;
    if (run.bin.TotalNs() != TimelineBinNs(level_)) return false;
    Append(run.bin, run.bins, &finished);
  }
  return finished.empty();
}

TimelineRowReader::TimelineRowReader(const TimelineRow& row, ByteCursor cursor)
    : cursor_(cursor), bin_ns_(TimelineBinNs(row.level)), next_(row.first_bin), end_(row.first_bin + row.bins) {}

Result<TimelineRowReader> TimelineRowReader::Open(const TimelineRow& row) {
  if (row.cpu > kCpuMax || row.level >= kTimelineLevels || row.bins == 0) {
    return BadRow("is of CPU " + std::to_string(row.cpu) + ", level " + std::to_string(row.level) + ", with " +
                  std::to_string(row.bins) + " bins, which cannot be");
  }
  const uint64_t bins_max = (kTimelineEndNs >> TimelineShift(row.level)) + 1;
  if (row.first_bin >= bins_max || row.bins > bins_max - row.first_bin) return BadRow("ends after all time");
  if (row.bytes.size() > kRowBytesMax) {
    return Fail(ErrorCode::kTooLarge, "a row of the timeline has " + std::to_string(row.bytes.size()) + " bytes");
  }
  ByteCursor cursor(row.bytes);
  const uint8_t version = cursor.U8();
  if (!cursor.ok()) return BadRow("is empty");
  if (version != kVersion) {
    return Fail(Error{ErrorCode::kUnsupported,
                      "a row of the timeline is of version " + std::to_string(version) + ", this build reads " +
                          std::to_string(kVersion),
                      {},
                      {},
                      "upgrade wakewatch"});
  }
  return TimelineRowReader(row, cursor);
}

Result<bool> TimelineRowReader::Next(Run* run) {
  if (cursor_.left() == 0) {
    if (next_ != end_) return BadRow("has fewer bins than it says");
    return false;
  }
  if (ended_early_) return BadRow("has bins behind one that ends early");
  const uint8_t what = cursor_.U8();
  ended_early_ = (what & kEndsEarly) != 0;
  run->bins = (what & kRepeated) == 0 ? 1 : cursor_.Varint();
  if ((what & kRepeated) != 0) run->bins = run->bins > UINT32_MAX ? UINT64_MAX : run->bins + 2;
  run->first_bin = next_;
  run->bin = {};
  size_t rest_use = kTimelineUses;
  uint64_t left_ns = bin_ns_;
  for (size_t use = 0; use < kTimelineUses; ++use) {
    if ((what >> use & 1) == 0) continue;
    if (!ended_early_ && rest_use == kTimelineUses) {
      rest_use = use;
      continue;
    }
    const uint64_t ns = cursor_.Varint();
    if (ns > left_ns) return BadRow("has a bin that is longer than its time");
    run->bin.ns[use] = ns;
    left_ns -= ns;
  }
  if (rest_use < kTimelineUses) run->bin.ns[rest_use] = left_ns;
  const uint64_t switches = cursor_.Varint();
  run->bin.switches = static_cast<uint32_t>(std::min<uint64_t>(switches, UINT32_MAX));
  if (const uint64_t task_ns = run->bin.TaskNs(); task_ns > 0) {
    last_pid_ =
        static_cast<int32_t>(static_cast<uint32_t>(last_pid_) + static_cast<uint32_t>(Unzigzag(cursor_.Varint())));
    const uint64_t others_ns = cursor_.Varint();
    if (others_ns > task_ns) return BadRow("has a task that ran for longer than all tasks");
    run->bin.busiest_pid = last_pid_;
    run->bin.busiest_ns = task_ns - others_ns;
  }
  if (!cursor_.ok()) return BadRow("is cut short");
  const bool no_time = !ended_early_ && rest_use == kTimelineUses;
  if (no_time || (ended_early_ && run->bins > 1)) return BadRow("has bins without time");
  if (run->bins > end_ - next_) return BadRow("has more bins than it says");
  next_ += run->bins;
  return true;
}

}  // namespace wakewatch

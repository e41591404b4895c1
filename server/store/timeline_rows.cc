#include "server/store/timeline_rows.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "analysis/report/timeline_row.h"

namespace wakewatch {
namespace {

constexpr uint64_t DivideUp(uint64_t value, uint64_t by) { return value / by + (value % by != 0 ? 1 : 0); }

TimelineGrid GridOf(uint64_t start_ns, uint64_t end_ns, uint64_t bin_ns, unsigned level) {
  TimelineGrid grid;
  grid.start_ns = start_ns / bin_ns * bin_ns;
  grid.bin_ns = bin_ns;
  grid.bins = DivideUp(end_ns - grid.start_ns, bin_ns);
  grid.level = level;
  return grid;
}

}  // namespace

Status WriteTimelineRows(const Database& db, std::span<const TimelineRow> rows) {
  if (rows.empty()) return {};
  auto insert =
      db.Prepare("INSERT OR REPLACE INTO timeline(cpu, level, first_bin, bins, bytes) VALUES(?1, ?2, ?3, ?4, ?5)");
  if (!insert) return tl::unexpected<Error>(std::move(insert.error()));
  for (const TimelineRow& row : rows) {
    STORE_TRY(insert->Run(row.cpu, row.level, row.first_bin, row.bins, Bytes(row.bytes)));
  }
  return {};
}

TimelineGrid TimelineGrid::Over(uint64_t start_ns, uint64_t end_ns, uint64_t bins_max, bool fine) {
  const uint64_t wanted_ns = DivideUp(end_ns - start_ns, bins_max);
  if (fine && wanted_ns < TimelineBinNs(0)) {
    // Powers of two, so that the grid stays where it is when the view moves, and halves when it zooms.
    TimelineGrid grid = GridOf(start_ns, end_ns, std::bit_ceil(wanted_ns), 0);
    if (grid.bins > bins_max) grid = GridOf(start_ns, end_ns, grid.bin_ns * 2, 0);
    return grid;
  }
  unsigned level = 0;
  while (level + 1 < kTimelineLevels && TimelineBinNs(level + 1) <= wanted_ns) ++level;
  // One more bin than the span has may be needed where it does not begin with one.
  uint64_t times = DivideUp(wanted_ns, TimelineBinNs(level));
  TimelineGrid grid = GridOf(start_ns, end_ns, times * TimelineBinNs(level), level);
  while (grid.bins > bins_max) grid = GridOf(start_ns, end_ns, ++times * TimelineBinNs(level), level);
  while (grid.level + 1 < kTimelineLevels && grid.bin_ns % TimelineBinNs(grid.level + 1) == 0) ++grid.level;
  return grid;
}

Status TimelineBins::Add(std::vector<TimelineRow> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TimelineRow& a, const TimelineRow& b) { return a.first_bin < b.first_bin; });
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint64_t end_bin = i + 1 < rows.size() ? rows[i + 1].first_bin : UINT64_MAX;
    if (end_bin != rows[i].first_bin) STORE_TRY(AddRow(rows[i], end_bin));
  }
  return {};
}

Status TimelineBins::AddRow(const TimelineRow& row, uint64_t end_bin) {
  auto reader = TimelineRowReader::Open(row);
  if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
  const uint64_t times = grid_.bin_ns >> TimelineShift(grid_.level);
  const uint64_t first = grid_.start_ns >> TimelineShift(grid_.level);
  end_bin = std::min(end_bin, first + grid_.bins * times);
  TimelineRowReader::Run run;
  while (true) {
    const auto more = reader->Next(&run);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more || run.first_bin >= end_bin) return {};
    uint64_t at = std::max(run.first_bin, first);
    const uint64_t end = std::min(run.first_bin + run.bins, end_bin);
    while (at < end) {
      const uint64_t to = (at - first) / times;
      const uint64_t count = std::min(end, first + (to + 1) * times) - at;
      TurnTo(to);
      TimelineBin& bin = bins_[to];
      for (size_t use = 0; use < kTimelineUses; ++use) bin.ns[use] += run.bin.ns[use] * count;
      bin.switches += run.bin.switches * static_cast<uint32_t>(count);
      pids_.Add(run.bin.busiest_pid, run.bin.busiest_ns * count);
      at += count;
    }
  }
}

void TimelineBins::Add(uint64_t from_ns, uint64_t to_ns, TimelineUse use, int32_t pid) {
  from_ns = std::max(from_ns, grid_.start_ns);
  to_ns = std::min(to_ns, grid_.end_ns());
  while (from_ns < to_ns) {
    const uint64_t bin = (from_ns - grid_.start_ns) / grid_.bin_ns;
    const uint64_t ns = std::min(to_ns, grid_.start_ns + (bin + 1) * grid_.bin_ns) - from_ns;
    TurnTo(bin);
    bins_[bin].Of(use) += ns;
    if (use == TimelineUse::kFair || use == TimelineUse::kRealTime) pids_.Add(pid, ns);
    from_ns += ns;
  }
}

void TimelineBins::AddSwitch(uint64_t ts_ns) {
  if (ts_ns >= grid_.start_ns && ts_ns < grid_.end_ns()) ++bins_[(ts_ns - grid_.start_ns) / grid_.bin_ns].switches;
}

void TimelineBins::TurnTo(uint64_t bin) {
  if (bin == at_) return;
  const PidTimes::Entry busiest = pids_.Busiest();
  bins_[at_].busiest_pid = busiest.pid;
  bins_[at_].busiest_ns = busiest.ns;
  pids_.Clear();
  at_ = bin;
}

std::vector<TimelineBin> TimelineBins::Finish() {
  if (bins_.empty()) return {};
  TurnTo(bins_.size());
  for (TimelineBin& bin : bins_) {
    const uint64_t known_ns = bin.TotalNs();
    if (known_ns < grid_.bin_ns) bin.Of(TimelineUse::kUnknown) += grid_.bin_ns - known_ns;
  }
  return std::move(bins_);
}

}  // namespace wakewatch

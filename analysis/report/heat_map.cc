#include "analysis/report/heat_map.h"

#include <algorithm>
#include <bit>

namespace wakewatch {

size_t HeatMapRowOf(uint64_t ns) {
  return std::min<size_t>(static_cast<size_t>(std::bit_width(ns / 1000)), kHeatMapRows - 1);
}

HeatMap::HeatMap(uint64_t start_ns, uint64_t end_ns, uint32_t columns_max)
    : start_ns_(start_ns), end_ns_(std::max(end_ns, start_ns + 1)) {
  const uint64_t wanted = columns_max == 0 ? kHeatMapColumnsDefault : std::min(columns_max, kHeatMapColumnsMax);
  column_ns_ = (end_ns_ - start_ns_ - 1) / wanted + 1;
  columns_.resize(static_cast<size_t>((end_ns_ - start_ns_ - 1) / column_ns_ + 1));
}

void HeatMap::Add(uint64_t end_ns, uint64_t length_ns) {
  if (end_ns < start_ns_ || end_ns >= end_ns_) return;
  Column& column = columns_[static_cast<size_t>((end_ns - start_ns_) / column_ns_)];
  ++waits_;
  ++column.waits;
  ++column.counts[HeatMapRowOf(length_ns)];
  column.max_ns = std::max(column.max_ns, length_ns);
}

}  // namespace wakewatch

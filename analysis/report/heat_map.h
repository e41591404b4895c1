// Why: how long waits were, over time, at one look: a table of counts, columns of time by rows of length. It is filled
// wait by wait in whatever order, and its size does not depend on how many there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wakewatch {

inline constexpr uint32_t kHeatMapColumnsDefault = 256, kHeatMapColumnsMax = 1024;
// Row 0 is below 1 us, row r of the others [2^(r-1), 2^r) us; the last, from 67 s on, has no end.
inline constexpr size_t kHeatMapRows = 28;
constexpr uint64_t HeatMapRowLowNs(size_t row) { return row == 0 ? 0 : uint64_t{1000} << (row - 1); }
size_t HeatMapRowOf(uint64_t ns);

class HeatMap {
 public:
  struct Column {
    uint64_t waits = 0, max_ns = 0;
    std::array<uint64_t, kHeatMapRows> counts{};
  };
  // At most `columns_max` columns over [start_ns, end_ns), which is not empty; 0: kHeatMapColumnsDefault, more than
  // kHeatMapColumnsMax: that.
  HeatMap(uint64_t start_ns, uint64_t end_ns, uint32_t columns_max);

  // A wait that ended at `end_ns`; outside of the span it is left out.
  void Add(uint64_t end_ns, uint64_t length_ns);

  uint64_t start_ns() const { return start_ns_; }
  uint64_t column_ns() const { return column_ns_; }
  const std::vector<Column>& columns() const { return columns_; }
  uint64_t waits() const { return waits_; }

 private:
  uint64_t start_ns_, end_ns_, column_ns_;
  uint64_t waits_ = 0;
  std::vector<Column> columns_;
};

}  // namespace wakewatch

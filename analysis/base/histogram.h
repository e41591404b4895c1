// Why: latency quantiles over millions of waits in a few kilobytes. A log-linear histogram: each power of two is cut
// into 64 equal buckets, so a quantile is within 1/128 (0.8 %) of the sample it stands for; values below 64 are exact.
// A trace has many short-lived tasks with a handful of waits each, so the first few samples are kept as they are and
// buckets exist only for the powers of two that occur. A live run copies thousands of histograms for each snapshot, so
// buckets count in 16 bits; what does not fit, seldom enough, is kept apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "analysis/base/archive.h"

namespace wakewatch {

class Histogram {
 public:
  void Add(uint64_t value) {
    ++n_;
    if (value > max_) max_ = value;
    sum_ += value;
    if (group_of_.empty()) {
      AddToFew(value);
    } else {
      AddToGroups(value, 1);
    }
  }
  // The same value `times` times.
  void AddTimes(uint64_t value, uint64_t times);
  void Merge(const Histogram& other);

  uint64_t n() const { return n_; }
  uint64_t max() const { return max_; }  // exact; 0 when empty
  uint64_t sum() const { return sum_; }
  // The smallest recorded value that at least `q` (0..1] of the samples do not exceed, as the middle of its bucket and
  // never above max(). 0 when empty.
  uint64_t Quantile(double q) const;

  struct Bucket {
    uint64_t low, high, count;  // low <= value <= high
  };
  std::vector<Bucket> Buckets() const;  // non-empty ones, from low to high

  static void Fields(auto& self, auto& archive) {
    archive(self.n_, self.max_, self.sum_, self.few_);
    if constexpr (std::remove_cvref_t<decltype(archive)>::kReads) {
      self.ReadCounts(archive);
    } else {
      self.WriteCounts(archive);
    }
  }

 private:
  static constexpr uint32_t kSubBits = 6;
  static constexpr uint32_t kGroupSize = 1u << kSubBits;
  static constexpr uint32_t kGroups = 64 - kSubBits + 1;
  static constexpr size_t kFewMax = 24;
  using Group = std::array<uint16_t, kGroupSize>;

  static uint32_t IndexOf(uint64_t value) {
    if (value < kGroupSize) return static_cast<uint32_t>(value);
    const uint32_t exponent = 63 - static_cast<uint32_t>(__builtin_clzll(value));
    const uint32_t shift = exponent - kSubBits;
    return ((shift + 1) << kSubBits) + static_cast<uint32_t>((value >> shift) & (kGroupSize - 1));
  }
  static uint64_t LowOf(uint32_t index);
  static uint64_t WidthOf(uint32_t index);

  void AddToFew(uint64_t value);
  void AddToGroups(uint64_t value, uint64_t count) { AddAt(IndexOf(value), count); }
  void AddAt(uint32_t index, uint64_t count) {
    uint8_t& group = group_of_[index >> kSubBits];
    if (group == 0) group = NewGroup();
    uint16_t& bucket = groups_[group - 1u][index & (kGroupSize - 1)];
    const uint64_t total = bucket + count;
    bucket = static_cast<uint16_t>(total);
    if (total > UINT16_MAX) [[unlikely]]
      Carry(index, total >> 16);
  }
  void Carry(uint32_t index, uint64_t carried);
  uint8_t NewGroup();
  void SpreadFew();
  void WriteCounts(ArchiveWriter& archive) const;
  void ReadCounts(ArchiveReader& archive);
  // (bucket, samples), from low to high.
  std::vector<std::pair<uint32_t, uint64_t>> Counts() const;

  std::vector<uint64_t> few_;      // the samples, while there are at most kFewMax
  std::vector<uint8_t> group_of_;  // by index >> kSubBits: place in groups_ plus one; 0: none. Empty while few_ is used
  std::vector<Group> groups_;
  std::vector<std::pair<uint32_t, uint64_t>> carried_;  // (bucket, times 65,536 samples), by bucket
  uint64_t n_ = 0, max_ = 0, sum_ = 0;
};

}  // namespace wakewatch

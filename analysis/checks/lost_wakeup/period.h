// Why: deadlines follow what a thread, a work function or an object was seen to do, not one number for all. A Period
// learns durations in constant memory and answers with a quantile that a few outliers do not move.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace wakewatch {

// Four buckets to a power of two, from 1 us on: a quantile is the upper end of its bucket, at most 25 % too long. Old
// durations fade: when a bucket is full, all are halved.
class Period {
 public:
  void Add(uint64_t ns) {
    uint16_t& bucket = buckets_[BucketOf(ns)];
    if (bucket == UINT16_MAX) {
      for (uint16_t& each : buckets_) each /= 2;
      n_ = 0;
      for (const uint16_t each : buckets_) n_ += each;
    }
    ++bucket;
    ++n_;
  }
  uint32_t n() const { return n_; }
  // At least a share of `q` (0..1] of what was learnt took no longer. 0 when nothing was learnt.
  uint64_t Quantile(double q) const {
    const auto wanted = static_cast<uint64_t>(q * n_ + 0.999999);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= wanted && seen > 0) return EndOf(i);
    }
    return 0;
  }
  static void Fields(auto& self, auto& archive) { archive(self.n_, self.buckets_); }

 private:
  static constexpr size_t kBuckets = 96;  // up to 1 us * 2^24, some 17 s; all longer ones share the last
  static size_t BucketOf(uint64_t ns) {
    const uint64_t us = ns / 1000;
    if (us < 4) return static_cast<size_t>(us);
    const auto power = static_cast<size_t>(std::bit_width(us) - 1);
    return std::min((power - 1) * 4 + (us >> (power - 2) & 3), kBuckets - 1);
  }
  static uint64_t EndOf(size_t bucket) {
    if (bucket < 4) return (bucket + 1) * 1000;
    const size_t power = bucket / 4 + 1;
    return ((4 + bucket % 4 + 1) << (power - 2)) * 1000;
  }

  uint32_t n_ = 0;
  std::array<uint16_t, kBuckets> buckets_{};
};

// A deadline for what usually takes as long as `period` says: four times what nine in ten took, and never below
// `floor_ns`. With less than `kLearnedMin` durations it is a guess, and whoever asks says what it is worth.
inline constexpr uint32_t kLearnedMin = 3;
inline bool Learned(const Period& period) { return period.n() >= kLearnedMin; }
inline uint64_t DeadlineOf(const Period& period, uint64_t floor_ns) {
  return std::max(floor_ns, 4 * period.Quantile(0.9));
}

}  // namespace wakewatch

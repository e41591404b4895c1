#include "analysis/base/histogram.h"

#include <algorithm>
#include <cmath>

namespace wakewatch {

uint64_t Histogram::LowOf(uint32_t index) {
  if (index < kGroupSize) return index;
  const uint32_t shift = (index >> kSubBits) - 1;
  return (uint64_t{kGroupSize} + (index & (kGroupSize - 1))) << shift;
}

uint64_t Histogram::WidthOf(uint32_t index) {
  return index < kGroupSize ? 1 : uint64_t{1} << ((index >> kSubBits) - 1);
}

void Histogram::AddToFew(uint64_t value) {
  if (few_.size() < kFewMax) {
    few_.push_back(value);
    return;
  }
  SpreadFew();
  AddToGroups(value, 1);
}

void Histogram::SpreadFew() {
  group_of_.assign(kGroups, 0);
  for (const uint64_t value : few_) AddToGroups(value, 1);
  few_ = {};
}

uint8_t Histogram::NewGroup() {
  groups_.emplace_back();
  groups_.back().fill(0);
  return static_cast<uint8_t>(groups_.size());
}

void Histogram::Carry(uint32_t index, uint64_t carried) {
  const auto place = std::lower_bound(carried_.begin(), carried_.end(), index,
                                      [](const auto& at, uint32_t to) { return at.first < to; });
  if (place != carried_.end() && place->first == index) {
    place->second += carried;
  } else {
    carried_.insert(place, {index, carried});
  }
}

void Histogram::WriteCounts(ArchiveWriter& archive) const {
  const bool grouped = !group_of_.empty();
  archive(grouped);
  if (!grouped) return;
  const auto counts = Counts();
  archive(counts.size());
  for (const auto& [index, count] : counts) archive(index, count);
}

void Histogram::ReadCounts(ArchiveReader& archive) {
  group_of_.clear();
  groups_.clear();
  carried_.clear();
  bool grouped = false;
  archive(grouped);
  if (few_.size() > kFewMax || (grouped && !few_.empty())) archive.Spoil();
  if (!grouped || !archive.ok()) return;
  group_of_.assign(kGroups, 0);
  size_t left = 0;
  for (archive(left); left > 0 && archive.ok(); --left) {
    uint32_t index = 0;
    uint64_t count = 0;
    archive(index, count);
    if (index >= kGroups * kGroupSize || count > n_) archive.Spoil();
    if (archive.ok()) AddAt(index, count);
  }
}

void Histogram::AddTimes(uint64_t value, uint64_t times) {
  if (times == 0) return;
  if (group_of_.empty() && n_ + times > kFewMax) SpreadFew();
  n_ += times;
  sum_ += value * times;
  max_ = std::max(max_, value);
  if (group_of_.empty()) {
    few_.insert(few_.end(), times, value);
  } else {
    AddToGroups(value, times);
  }
}

void Histogram::Merge(const Histogram& other) {
  if (group_of_.empty() && n_ + other.n_ > kFewMax) SpreadFew();
  n_ += other.n_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  if (group_of_.empty()) {
    few_.insert(few_.end(), other.few_.begin(), other.few_.end());
    return;
  }
  for (const auto& [index, count] : other.Counts()) AddToGroups(LowOf(index), count);
}

std::vector<std::pair<uint32_t, uint64_t>> Histogram::Counts() const {
  std::vector<std::pair<uint32_t, uint64_t>> counts;
  if (group_of_.empty()) {
    std::vector<uint32_t> indexes;
    for (const uint64_t value : few_) indexes.push_back(IndexOf(value));
    std::sort(indexes.begin(), indexes.end());
    for (const uint32_t index : indexes) {
      if (counts.empty() || counts.back().first != index) counts.emplace_back(index, 0);
      ++counts.back().second;
    }
    return counts;
  }
  auto carried = carried_.begin();
  for (uint32_t group = 0; group < kGroups; ++group) {
    if (group_of_[group] == 0) continue;
    const Group& buckets = groups_[group_of_[group] - 1u];
    for (uint32_t i = 0; i < kGroupSize; ++i) {
      const uint32_t index = (group << kSubBits) + i;
      uint64_t count = buckets[i];
      if (carried != carried_.end() && carried->first == index) count += carried++->second << 16;
      if (count != 0) counts.emplace_back(index, count);
    }
  }
  return counts;
}

uint64_t Histogram::Quantile(double q) const {
  if (n_ == 0) return 0;
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(q * static_cast<double>(n_))), 1, n_);
  uint64_t seen = 0;
  for (const auto& [index, count] : Counts()) {
    seen += count;
    if (seen >= rank) return std::min(LowOf(index) + (WidthOf(index) - 1) / 2, max_);
  }
  return max_;
}

std::vector<Histogram::Bucket> Histogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (const auto& [index, count] : Counts()) {
    buckets.push_back({LowOf(index), LowOf(index) + WidthOf(index) - 1, count});
  }
  return buckets;
}

}  // namespace wakewatch

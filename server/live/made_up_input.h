// Why: the pipeline's tests need readers that hand out what they are told to, in blocks of odd sizes, and that fail
// when they are told to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "analysis/trace/reader.h"

namespace wakewatch::live_test {

// Hands out copies of `events`, records included, so that a record that is read after its block has gone shows.
class MadeUpReader : public CpuReader {
 public:
  // `before_block`: called with the number of the block that is about to be filled; what it answers or throws is what
  // Fill does.
  using Hook = std::function<Status(size_t block)>;
  MadeUpReader(uint32_t cpu, std::vector<Event> events, Hook before_block = {})
      : cpu_(cpu), events_(std::move(events)), before_block_(std::move(before_block)), random_(cpu + 1) {}

  Result<bool> Fill(EventBlock* block, size_t target) override {
    // Whoever still reads the block sees other bytes from here on.
    std::fill(block->storage.begin(), block->storage.end(), uint8_t{0xee});
    block->Clear();
    if (before_block_) {
      if (auto status = before_block_(blocks_); !status) return Fail(status.error());
    }
    ++blocks_;
    if (at_ == events_.size()) {
      anomalies_.Add(Anomaly::kUnknownEventId);
      return false;
    }
    const size_t size = std::min<size_t>(1 + random_() % (2 * target), events_.size() - at_);
    size_t bytes = 0;
    for (size_t i = 0; i < size; ++i) bytes += events_[at_ + i].record_size;
    block->storage.resize(bytes);
    uint8_t* to = block->storage.data();
    for (size_t i = 0; i < size; ++i) {
      Event event = events_[at_ + i];
      std::copy_n(event.record, event.record_size, to);
      event.record = to;
      to += event.record_size;
      block->events.push_back(event);
    }
    at_ += size;
    return true;
  }
  uint32_t cpu() const override { return cpu_; }
  const AnomalyCounts& anomalies() const override { return anomalies_; }

 private:
  const uint32_t cpu_;
  const std::vector<Event> events_;
  const Hook before_block_;
  std::mt19937 random_;
  size_t at_ = 0, blocks_ = 0;
  AnomalyCounts anomalies_;
};

inline Event MakeGap(uint32_t cpu, uint64_t ts_ns, uint64_t end_ns, uint64_t lost) {
  Event gap{};
  gap.type = EventType::kGap;
  gap.cpu = static_cast<uint16_t>(cpu);
  gap.ts_ns = ts_ns;
  gap.gap = {end_ns, lost, GapCause::kOverrun};
  return gap;
}

}  // namespace wakewatch::live_test

// Why: one stream in time order out of many CPUs' streams. Order within a CPU is kept as it is; across CPUs it is by
// timestamp, and by CPU number where timestamps are equal, so that the same trace always merges the same way.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/base/result.h"
#include "analysis/trace/reader.h"

namespace wakewatch {

// Gives one CPU's events out block by block; a CpuReader with its block, or a queue fed by another thread.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // The next non-empty block, valid until the next call; nullptr at the end.
  virtual Result<const EventBlock*> Next() = 0;
  virtual uint32_t cpu() const = 0;
};

class ReaderBlockSource : public BlockSource {
 public:
  ReaderBlockSource(CpuReader* reader, size_t target) : reader_(reader), target_(target) {}
  Result<const EventBlock*> Next() override;
  uint32_t cpu() const override { return reader_->cpu(); }

 private:
  CpuReader* reader_;
  size_t target_;  // events
  EventBlock block_;
};

class Merger {
 public:
  // `sources` are borrowed. Two of the same CPU are merged too; where their times are equal, the one given first wins.
  explicit Merger(std::vector<BlockSource*> sources);

  // Calls visit(const Event&) for every event in merged order. `visit` returns false to stop early. O(log CPUs) where
  // CPUs alternate, O(1) while one CPU's events run ahead of all others.
  template <typename Visit>
  Status Run(Visit&& visit) {
    if (auto status = Start(); !status) return status;
    while (!heap_.empty()) {
      Head& head = heap_.front();
      if (!VisitUntil(RunnerUp(), &head, visit)) return {};
      if (head.at != head.end) {
        head.ts_ns = head.at->ts_ns;
      } else if (auto status = Refill(); !status) {
        return status;
      }
      SiftDown();
    }
    return {};
  }

 private:
  // The next event of a source, with what it is compared by beside it: a look at the heap need not touch the events.
  struct Head {
    uint64_t ts_ns;
    uint32_t rank;  // place among the sources, which are in CPU order
    const Event* at;
    const Event* end;
  };
  static bool Before(const Head& a, const Head& b) { return a.ts_ns != b.ts_ns ? a.ts_ns < b.ts_ns : a.rank < b.rank; }
  // Visits the front's events as long as they come before the runner-up; at least one, since the front's first does.
  // False: the visitor wants no more.
  template <typename Visit>
  static bool VisitUntil(const Head* runner_up, Head* head, Visit& visit) {
    const Event* at = head->at;
    const Event* const end = head->end;
    if (runner_up == nullptr) {
      for (; at != end; ++at) {
        if (!visit(*at)) return false;
      }
    } else {
      const uint64_t limit_ns = runner_up->ts_ns;
      const bool wins_ties = head->rank < runner_up->rank;
      do {
        if (!visit(*at)) return false;
        ++at;
      } while (at != end && (at->ts_ns < limit_ns || (at->ts_ns == limit_ns && wins_ties)));
    }
    head->at = at;
    return true;
  }
  // The second of all heads: the lesser of the front's two children. Null when there is only one.
  const Head* RunnerUp() const {
    if (heap_.size() < 2) return nullptr;
    return heap_.size() > 2 && Before(heap_[2], heap_[1]) ? &heap_[2] : &heap_[1];
  }
  // Puts the front where it belongs.
  void SiftDown() {
    const size_t size = heap_.size();
    if (size < 2) return;
    const Head moving = heap_[0];
    size_t hole = 0;
    for (size_t child = 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size && Before(heap_[child + 1], heap_[child])) ++child;
      if (!Before(heap_[child], moving)) break;
      heap_[hole] = heap_[child];
      hole = child;
    }
    heap_[hole] = moving;
  }
  Status Start();
  // Loads the next block of a source into its head; false at the source's end.
  Result<bool> Load(Head* head);
  Status Refill();  // the front's next block, or its removal

  std::vector<BlockSource*> sources_;
  std::vector<Head> heap_;  // the least in front
};

}  // namespace wakewatch

#include "analysis/trace/merge.h"

#include <algorithm>
#include <utility>

namespace wakewatch {

Result<const EventBlock*> ReaderBlockSource::Next() {
  const auto more = reader_->Fill(&block_, target_);
  if (!more) return Fail(more.error());
  return *more ? &block_ : nullptr;
}

Merger::Merger(std::vector<BlockSource*> sources) : sources_(std::move(sources)) {
  std::stable_sort(sources_.begin(), sources_.end(),
                   [](const BlockSource* a, const BlockSource* b) { return a->cpu() < b->cpu(); });
}

Result<bool> Merger::Load(Head* head) {
  for (;;) {
    const auto block = sources_[head->rank]->Next();
    if (!block) return Fail(block.error());
    if (*block == nullptr) return false;
    if ((*block)->events.empty()) continue;
    head->at = (*block)->events.data();
    head->end = head->at + (*block)->events.size();
    head->ts_ns = head->at->ts_ns;
    return true;
  }
}

Status Merger::Start() {
  heap_.clear();
  for (uint32_t rank = 0; rank < sources_.size(); ++rank) {
    Head head{0, rank, nullptr, nullptr};
    const auto more = Load(&head);
    if (!more) return Fail(more.error());
    if (*more) heap_.push_back(head);
  }
  // A sorted array is a heap.
  std::sort(heap_.begin(), heap_.end(), Before);
  return {};
}

Status Merger::Refill() {
  const auto more = Load(&heap_.front());
  if (!more) return Fail(more.error());
  if (*more) return {};
  heap_.front() = heap_.back();
  heap_.pop_back();
  return {};
}

}  // namespace wakewatch

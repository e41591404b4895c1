#include "collector/agent/batch_queue.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
size_t BytesOf(const Batch& batch) {
  size_t bytes = sizeof batch + sizeof(GapRecord) * batch.gaps.size() + sizeof(Frontier) * batch.frontiers.size() +
                 sizeof(CpuStats) * batch.stats.size() + sizeof(CpuInfo) * batch.cpus.size() +
                 sizeof(ClockPair) * batch.clock_pairs.size();
  for (const Chunk& chunk : batch.chunks) bytes += sizeof chunk + chunk.bytes.size();
  for (const Symbol& symbol : batch.symbols) bytes += sizeof symbol + symbol.name.size();
  for (const ThreadInfo& task : batch.threads) bytes += sizeof task + task.affinity.size();
  for (const ProfileChange& change : batch.profiles) {
    bytes += sizeof change + change.reason.size();
    for (const std::string& event : change.events) bytes += sizeof event + event.size();
  }
  if (batch.formats) {
    bytes += batch.formats->header_page.size();
    for (const FormatDelta& event : batch.formats->events) bytes += sizeof event + event.text.size();
  }
  return bytes;
}

uint64_t BatchQueue::Push(Batch batch) {
  Entry& entry = entries_.emplace_back();
  entry.batch = std::move(batch);
  Measure(&entry);
  uint64_t dropped = 0;
  while (Full() && DropOldest(&dropped)) {
  }
  return dropped;
}

void BatchQueue::MarkSent(TimePoint now) {
  if (sent_ == entries_.size()) return;
  entries_[sent_++].sent_at = now;
}

bool BatchQueue::DropOldest(uint64_t* events) {
  if (sent_ == entries_.size()) return false;
  if (sent_ + 1 == entries_.size()) {
    const uint64_t dropped = DropEventsOfNext();
    *events += dropped;
    return dropped > 0;
  }
  const LastEvents before = BeforeNext();
  Entry oldest = std::move(entries_[sent_]);
  bytes_ -= oldest.bytes;
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(sent_));
  *events += DropInto(before, std::move(oldest.batch), &entries_[sent_].batch);
  Measure(&entries_[sent_]);
  return true;
}

uint64_t BatchQueue::DropEventsOfNext() {
  if (sent_ == entries_.size()) return 0;
  const uint64_t dropped = DropEvents(BeforeNext(), &entries_[sent_].batch);
  Measure(&entries_[sent_]);
  return dropped;
}

uint64_t BatchQueue::ForgetNext() { return sent_ == entries_.size() ? 0 : Remove(sent_).events; }

void BatchQueue::RepeatOpening(const SessionInfo& session, const FormatsDelta& formats) {
  if (sent_ == entries_.size()) return;
  Entry& next = entries_[sent_];
  if (!next.batch.session) next.batch.session = session;
  if (!next.batch.formats) next.batch.formats = formats;
  Measure(&next);
}

void BatchQueue::Begin(LastEvents before) { removed_ = std::move(before); }

Batch BatchQueue::TakeSent() {
  Batch batch = std::move(entries_.front().batch);
  SeeEvents(batch, &removed_);
  bytes_ -= entries_.front().bytes;
  entries_.pop_front();
  --sent_;
  return batch;
}

std::vector<BatchQueue::Delivered> BatchQueue::Acknowledge(uint64_t sequence) {
  std::vector<Delivered> delivered;
  while (sent_ > 0 && entries_.front().batch.sequence <= sequence) delivered.push_back(Remove(0));
  return delivered;
}

std::optional<BatchQueue::Delivered> BatchQueue::Refuse(uint64_t sequence) {
  for (size_t i = 0; i < sent_; ++i) {
    if (entries_[i].batch.sequence == sequence) return Remove(i);
  }
  return std::nullopt;
}

std::vector<BatchQueue::Delivered> BatchQueue::Resume(uint64_t committed) {
  auto delivered = Acknowledge(committed);
  sent_ = 0;
  return delivered;
}

uint64_t BatchQueue::events() const {
  uint64_t events = 0;
  for (const Entry& entry : entries_) events += EventsOf(entry.batch);
  return events;
}

LastEvents BatchQueue::BeforeNext() const {
  LastEvents last = removed_;
  for (size_t i = 0; i < sent_; ++i) SeeEvents(entries_[i].batch, &last);
  return last;
}

void BatchQueue::Measure(Entry* entry) {
  const size_t bytes = BytesOf(entry->batch);
  bytes_ += bytes - entry->bytes;
  entry->bytes = bytes;
}

BatchQueue::Delivered BatchQueue::Remove(size_t index) {
  Entry& entry = entries_[index];
  SeeEvents(entry.batch, &removed_);
  const Delivered removed{entry.batch.sequence, EventsOf(entry.batch), entry.sent_at};
  bytes_ -= entry.bytes;
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(index));
  if (index < sent_) --sent_;
  return removed;
}

}  // namespace wakewatch

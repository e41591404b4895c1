#include "server/live/host_queue.h"

#include <algorithm>
#include <utility>

#include "analysis/chunk/chunk.h"

namespace wakewatch {
namespace {

// A batch has a place in a transaction and rows of its own, and each of its other entries is a row.
constexpr uint64_t kBatchEvents = 1000, kEntryEvents = 20;

// Hosts share a disk: what is written for one delays the syncs of all. An event has some eight bytes in a message.
constexpr uint64_t kEventBytes = 16;

}  // namespace

uint64_t EventsWorth(const Batch& batch) {
  uint64_t events = kBatchEvents;
  for (const Chunk& chunk : batch.chunks) events += std::min(chunk.events, kChunkEventsMax);
  const size_t entries = batch.symbols.size() + batch.cpus.size() + batch.threads.size() + batch.clock_pairs.size() +
                         batch.stats.size() + batch.profiles.size() + batch.gaps.size() + batch.chunks.size() +
                         batch.frontiers.size() + (batch.formats ? batch.formats->events.size() : 0);
  return events + kEntryEvents * entries;
}

bool HostQueue::Push(Batch batch, size_t bytes) {
  bytes_ += bytes;
  items_.push_back({std::move(batch), bytes, std::nullopt});
  return HasRoom();
}

bool HostQueue::PushUnreadable(uint64_t sequence, Error error) {
  Item& item = items_.emplace_back();
  item.batch.sequence = sequence;
  item.unreadable = std::move(error);
  return HasRoom();
}

std::vector<HostQueue::Item> HostQueue::Take(Time now, bool paced) {
  std::vector<Item> taken;
  ready_at_ = Time::min();
  uint64_t group_events = 0;
  while (!items_.empty() && taken.size() < kGroupItemsMax) {
    if (paced && pace_.free_at() > now) {
      ready_at_ = pace_.free_at();
      break;
    }
    Item& item = items_.front();
    const uint64_t events = std::max<uint64_t>(EventsWorth(item.batch), item.bytes / kEventBytes);
    if (!taken.empty() && group_events + events > kGroupEventsMax) break;
    if (paced) pace_.Take(events, now);
    group_events += events;
    bytes_ -= item.bytes;
    taken.push_back(std::move(item));
    items_.pop_front();
  }
  if (paced_since_) paced_ += now - *paced_since_;
  paced_since_ = ready_at_ > now ? std::optional(now) : std::nullopt;
  return taken;
}

void HostQueue::Clear() {
  items_.clear();
  bytes_ = 0;
  paced_since_.reset();
}

}  // namespace wakewatch

#include "collector/agent/drop_events.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

// What is kept of lists that grow with time: hours of an outage must not fill the memory.
constexpr size_t kThreadsMax = 16384, kCpusMax = 4096, kProfilesMax = 256, kClockPairsMax = 256;

uint64_t AddLost(uint64_t a, uint64_t b) { return a == kLostUnknown || b == kLostUnknown ? kLostUnknown : a + b; }

// What is missing of one CPU: the events and the gaps of a batch as one gap.
struct Missing {
  GapRecord gap;
  uint64_t last_ns = 0;   // of the last event that was dropped; 0: there were only gaps
  bool had_gaps = false;  // gap.start_ns is set
};

void Take(const GapRecord& gap, Missing* missing) {
  GapRecord& all = missing->gap;
  if (!missing->had_gaps) {
    all.start_ns = gap.start_ns;
    all.end_ns = gap.end_ns;
    all.cause = gap.cause;
  } else {
    all.start_ns = std::min(all.start_ns, gap.start_ns);
    all.end_ns = std::max(all.end_ns, gap.end_ns);
    if (all.cause != gap.cause) all.cause = GapCause::kUnknown;
  }
  all.lost = AddLost(all.lost, gap.lost);
  missing->had_gaps = true;
}

std::map<uint32_t, Missing> MissingOf(const LastEvents& before, const Batch& batch) {
  std::map<uint32_t, Missing> all;
  for (const GapRecord& gap : batch.gaps) {
    const auto [at, first] = all.try_emplace(gap.cpu);
    if (first) at->second.gap = {gap.cpu, 0, 0, 0, gap.cause};
    Take(gap, &at->second);
  }
  for (const Chunk& chunk : batch.chunks) {
    const auto [at, first] = all.try_emplace(chunk.cpu);
    Missing& missing = at->second;
    if (first) missing.gap = {chunk.cpu, 0, 0, 0, GapCause::kCollector};
    if (missing.last_ns == 0) {
      const auto last = before.find(chunk.cpu);
      const uint64_t before_ns = last == before.end() ? 0 : last->second;
      missing.gap.start_ns = missing.had_gaps ? std::min(missing.gap.start_ns, before_ns) : before_ns;
    }
    // Whatever else happened in it, the span is missing because we dropped it.
    missing.gap.cause = GapCause::kCollector;
    missing.gap.lost = AddLost(missing.gap.lost, chunk.events);
    missing.last_ns = std::max(missing.last_ns, chunk.last_ns);
  }
  return all;
}

// Where the gap of a CPU without a later event ends: what follows up to a frontier is known to be nothing.
uint64_t EndWithoutEvent(const Missing& missing, const Batch& batch) {
  const bool open = missing.had_gaps && missing.gap.end_ns == UINT64_MAX;
  if (missing.last_ns == 0 || open) return missing.gap.end_ns;
  uint64_t end_ns = std::max(missing.last_ns, missing.gap.end_ns);
  for (const Frontier& frontier : batch.frontiers) {
    if (frontier.cpu == missing.gap.cpu) end_ns = std::max(end_ns, frontier.ts_ns);
  }
  return end_ns;
}

const Chunk* FirstChunk(const Batch& batch, uint32_t cpu) {
  const auto at = std::find_if(batch.chunks.begin(), batch.chunks.end(), [&](const Chunk& c) { return c.cpu == cpu; });
  return at == batch.chunks.end() ? nullptr : &*at;
}

// The gap of `cpu` that stands in front of its first event, if there is one.
GapRecord* LeadingGap(Batch* batch, uint32_t cpu) {
  GapRecord* first = nullptr;
  for (GapRecord& gap : batch->gaps) {
    if (gap.cpu == cpu && (first == nullptr || gap.start_ns < first->start_ns)) first = &gap;
  }
  const Chunk* const chunk = FirstChunk(*batch, cpu);
  return first == nullptr || chunk == nullptr || first->end_ns <= chunk->first_ns ? first : nullptr;
}

// Puts the gap where it belongs in *next.
void Place(const Missing& missing, Batch* next) {
  GapRecord gap = missing.gap;
  if (GapRecord* const leading = LeadingGap(next, gap.cpu)) {
    leading->start_ns = std::min(leading->start_ns, gap.start_ns);
    leading->lost = AddLost(leading->lost, gap.lost);
    if (missing.last_ns != 0) {
      leading->cause = GapCause::kCollector;
    } else if (leading->cause != gap.cause) {
      leading->cause = GapCause::kUnknown;
    }
    return;
  }
  const Chunk* const chunk = FirstChunk(*next, gap.cpu);
  if (chunk != nullptr && (missing.last_ns != 0 || gap.end_ns == UINT64_MAX)) {
    gap.end_ns = chunk->first_ns;
  } else {
    gap.end_ns = EndWithoutEvent(missing, *next);
  }
  next->gaps.insert(next->gaps.begin(), gap);
}

template <typename T>
void PutInFront(std::vector<T>&& front, std::vector<T>* list) {
  if (front.empty()) return;
  front.insert(front.end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
  *list = std::move(front);
}

// Keeps the last entry of each key, in the order they stand in.
template <typename T, typename KeyOf>
void KeepLastOfEach(std::vector<T>* list, KeyOf&& key_of) {
  std::map<decltype(key_of(list->front())), size_t> last;
  for (size_t i = 0; i < list->size(); ++i) last[key_of((*list)[i])] = i;
  size_t kept = 0;
  for (size_t i = 0; i < list->size(); ++i) {
    if (last.at(key_of((*list)[i])) != i) continue;
    if (kept != i) (*list)[kept] = std::move((*list)[i]);
    ++kept;
  }
  list->resize(kept);
}

template <typename T>
void KeepNewest(size_t entries_max, std::vector<T>* list) {
  if (list->size() > entries_max) list->erase(list->begin(), list->end() - static_cast<ptrdiff_t>(entries_max));
}

void Thin(Batch* batch) {
  // Counts since the buffer was made: the last ones say it all.
  KeepLastOfEach(&batch->stats, [](const CpuStats& stats) { return stats.cpu; });
  if (batch->threads.size() > kThreadsMax) {
    KeepLastOfEach(&batch->threads, [](const ThreadInfo& task) { return std::pair(task.pid, task.start_ticks); });
    KeepNewest(kThreadsMax / 4 * 3, &batch->threads);  // less, so that it is not done again at once
  }
  if (batch->cpus.size() > kCpusMax) {
    KeepLastOfEach(&batch->cpus, [](const CpuInfo& cpu) { return cpu.cpu; });
  }
  KeepNewest(kProfilesMax, &batch->profiles);
  auto& pairs = batch->clock_pairs;
  if (pairs.size() > kClockPairsMax) {  // every second one still places any time between its neighbours
    size_t kept = 0;
    for (size_t i = (pairs.size() - 1) % 2; i < pairs.size(); i += 2) pairs[kept++] = pairs[i];
    pairs.resize(kept);
  }
}

}  // namespace

uint64_t EventsOf(const Batch& batch) {
  uint64_t events = 0;
  for (const Chunk& chunk : batch.chunks) events += chunk.events;
  return events;
}

// A gap that has ended counts like an event: a later one must not reach back into it.
void SeeEvents(const Batch& batch, LastEvents* last) {
  const auto see = [last](uint32_t cpu, uint64_t ns) {
    uint64_t& last_ns = (*last)[cpu];
    last_ns = std::max(last_ns, ns);
  };
  for (const Chunk& chunk : batch.chunks) see(chunk.cpu, chunk.last_ns);
  for (const GapRecord& gap : batch.gaps) {
    if (gap.end_ns != UINT64_MAX) see(gap.cpu, gap.end_ns);
  }
}

uint64_t DropEvents(const LastEvents& before, Batch* batch) {
  const uint64_t events = EventsOf(*batch);
  if (events == 0) return 0;
  std::vector<GapRecord> gaps;
  for (auto& [cpu, missing] : MissingOf(before, *batch)) {
    if (missing.last_ns == 0) continue;
    missing.gap.end_ns = EndWithoutEvent(missing, *batch);
    gaps.push_back(missing.gap);
  }
  for (const GapRecord& gap : batch->gaps) {
    if (FirstChunk(*batch, gap.cpu) == nullptr) gaps.push_back(gap);
  }
  batch->gaps = std::move(gaps);
  batch->chunks = {};
  return events;
}

uint64_t DropInto(const LastEvents& before, Batch dropped, Batch* next) {
  for (const auto& [cpu, missing] : MissingOf(before, dropped)) Place(missing, next);
  if (dropped.session && !next->session) next->session = std::move(dropped.session);
  if (dropped.formats && !next->formats) next->formats = std::move(dropped.formats);
  PutInFront(std::move(dropped.symbols), &next->symbols);
  PutInFront(std::move(dropped.cpus), &next->cpus);
  PutInFront(std::move(dropped.threads), &next->threads);
  PutInFront(std::move(dropped.clock_pairs), &next->clock_pairs);
  PutInFront(std::move(dropped.stats), &next->stats);
  PutInFront(std::move(dropped.profiles), &next->profiles);
  if (next->frontiers.empty()) next->frontiers = std::move(dropped.frontiers);
  Thin(next);
  return EventsOf(dropped);
}

}  // namespace wakewatch

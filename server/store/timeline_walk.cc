#include "server/store/timeline_walk.h"

#include <algorithm>
#include <utility>

namespace wakewatch {
namespace {

// As RecordingReader has it: a gap's place is between two chunks.
bool GapComesFirst(const TimelineGap& gap, const ChunkRow& chunk) {
  if (gap.start_ns != chunk.first_ns) return gap.start_ns < chunk.first_ns;
  return chunk.first_event_no >= gap.event_no;
}

// Which of the changes is the last switch up to `ns`; nothing: none is.
std::optional<size_t> LastSwitchUntil(std::span<const TimelineChange> changes, uint64_t ns) {
  const auto behind = std::upper_bound(changes.begin(), changes.end(), ns,
                                       [](uint64_t at, const TimelineChange& change) { return at < change.ts_ns; });
  for (auto i = static_cast<size_t>(behind - changes.begin()); i-- > 0;) {
    if (changes[i].type == EventType::kSchedSwitch) return i;
  }
  return std::nullopt;
}

}  // namespace

Status CheckDeadline(const TimelineDeadline& deadline) {
  if (!deadline || std::chrono::steady_clock::now() < *deadline) return {};
  return Fail(Error{ErrorCode::kDeadline,
                    "the timeline was not ready by the deadline",
                    {},
                    {},
                    "ask for a shorter span, fewer CPUs or fewer bins"});
}

Result<TimelineWalk> TimelineWalk::Plan(std::span<TimelineFile* const> files, uint32_t cpu, uint64_t start_ns,
                                        uint64_t end_ns, uint64_t known_end_ns, int64_t* events_left) {
  TimelineWalk walk;
  walk.start_ns_ = start_ns;
  walk.end_ns_ = end_ns;
  walk.known_end_ns_ = known_end_ns;
  STORE_TRY(walk.Choose(files, cpu, events_left));
  return walk;
}

Status TimelineWalk::Choose(std::span<TimelineFile* const> files, uint32_t cpu, int64_t* events_left) {
  std::vector<std::vector<ChunkRow>> before(files.size());
  size_t wanted = kChunksBackMax;
  for (size_t i = files.size(); i-- > 0 && wanted > 0;) {
    auto chunks = files[i]->ChunksBefore(cpu, start_ns_, wanted);
    if (!chunks) return tl::unexpected<Error>(std::move(chunks.error()));
    // The others are read only if they have to be, and they are few.
    if (wanted == kChunksBackMax && !chunks->empty()) *events_left -= TimelineFile::Cost(chunks->front());
    wanted -= chunks->size();
    std::reverse(chunks->begin(), chunks->end());
    before[i] = std::move(*chunks);
  }
  for (size_t i = 0; i < files.size() && *events_left >= 0; ++i) {
    STORE_TRY(ChooseFrom(files[i], cpu, std::move(before[i]), events_left));
  }
  return {};
}

Status TimelineWalk::ChooseFrom(TimelineFile* file, uint32_t cpu, std::vector<ChunkRow> chunks, int64_t* events_left) {
  const uint64_t gaps_from_ns = chunks.empty() ? start_ns_ : chunks.front().first_ns;
  const auto inside = file->ChunksBetween(cpu, start_ns_, end_ns_, events_left);
  if (!inside) return tl::unexpected<Error>(inside.error());
  chunks.insert(chunks.end(), inside->begin(), inside->end());
  size_t next = 0;
  const auto add_chunks_before = [&](const TimelineGap* gap) {
    for (; next < chunks.size() && (gap == nullptr || !GapComesFirst(*gap, chunks[next])); ++next) {
      items_.push_back({file, false, chunks[next], 0, 0});
    }
  };
  const auto gaps = file->GapsBetween(cpu, gaps_from_ns, end_ns_, events_left);
  if (!gaps) return tl::unexpected<Error>(gaps.error());
  for (const TimelineGap& gap : *gaps) {
    add_chunks_before(&gap);
    items_.push_back({file, true, {}, gap.start_ns, gap.end_ns});
  }
  add_chunks_before(nullptr);
  return {};
}

// The item to begin with: the one with the last switch up to the span's start, or where nothing in front is known.
Result<size_t> TimelineWalk::First(const TimelineDeadline& deadline) const {
  size_t first = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (!items_[i].is_gap && items_[i].chunk.first_ns <= start_ns_) first = i;
  }
  for (; first > 0 && !items_[first - 1].is_gap; --first) {
    STORE_TRY(CheckDeadline(deadline));
    const auto chunk = items_[first].file->Chunk(items_[first].chunk);
    if (!chunk) return tl::unexpected<Error>(chunk.error());
    if (*chunk == nullptr || LastSwitchUntil((*chunk)->changes(), start_ns_)) break;
  }
  return first;
}

Result<bool> TimelineWalk::Run(const TimelineDeadline& deadline, TimelineSink* sink) const {
  const auto first = First(deadline);
  if (!first) return tl::unexpected<Error>(first.error());
  CpuTrack track;
  uint64_t since_ns = 0, last_ns = 0;  // since the last change, since the last event
  const auto stay = [&](uint64_t until_ns) {
    until_ns = std::min(until_ns, end_ns_);
    if (until_ns > since_ns) sink->Stay(since_ns, until_ns, track);
    since_ns = std::max(since_ns, until_ns);
  };
  const auto lose = [&](uint64_t ts_ns) {
    stay(ts_ns);
    if (track.known()) sink->Lose(since_ns);
    track.Lose();
  };
  for (size_t i = *first; i < items_.size(); ++i) {
    STORE_TRY(CheckDeadline(deadline));
    const Item& item = items_[i];
    if (item.is_gap) {
      last_ns = std::max(last_ns, item.gap_ns);
      lose(last_ns);
      continue;
    }
    const auto read = item.file->Chunk(item.chunk);
    if (!read) return tl::unexpected<Error>(read.error());
    const TimelineChunk* const chunk = *read;
    if (chunk == nullptr) {
      lose(last_ns);
      continue;
    }
    std::span<const TimelineChange> changes = chunk->changes();
    last_ns = std::max(last_ns, chunk->row().first_ns);
    if (!track.known() && last_ns < end_ns_) {
      // A switch leaves nothing of what was before it.
      const auto last_switch = LastSwitchUntil(changes, start_ns_);
      if (last_switch) changes = changes.subspan(*last_switch);
      if (last_switch) last_ns = std::max(last_ns, changes.front().ts_ns);
      stay(last_ns);
      track.Begin(chunk->first_pid());
    }
    for (const TimelineChange& change : changes) {
      last_ns = std::max(last_ns, change.ts_ns);
      if (last_ns >= end_ns_) break;
      stay(last_ns);
      if (change.type != EventType::kSchedSwitch) {
        track.Context(change.type);
        continue;
      }
      if (!sink->Switch(last_ns, *chunk, change)) return false;
      track.Switch(change.next_pid, change.next_prio);
    }
    last_ns = std::max(last_ns, chunk->row().last_ns);
  }
  lose(std::max(known_end_ns_, last_ns));
  return true;
}

void SliceSink::Stay(uint64_t from_ns, uint64_t, const CpuTrack& track) {
  if (track.known() && !open_) open_ = TimelineSlice{from_ns, 0, track.pid(), {}, {}};
}

bool SliceSink::Switch(uint64_t ts_ns, const TimelineChunk& chunk, const TimelineChange& change) {
  if (ts_ns >= end_ns_) {
    Close(ts_ns);
    return true;
  }
  if (ts_ns >= start_ns_ && open_ && change.prev_pid == open_->pid) {
    open_->state_after = chunk.PrevState(change);
    if (open_->comm.empty()) open_->comm = chunk.Comm(change.prev_comm);
  }
  Close(ts_ns);
  open_ = TimelineSlice{ts_ns, 0, change.next_pid, chunk.Comm(change.next_comm), {}};
  return slices_.size() <= slices_max_;
}

void SliceSink::Lose(uint64_t ts_ns) { Close(ts_ns); }

void SliceSink::Close(uint64_t ts_ns) {
  if (!open_) return;
  open_->end_ns = std::min(ts_ns, end_ns_);
  const bool inside = open_->end_ns > start_ns_ || open_->start_ns >= start_ns_;
  if (inside && open_->start_ns < end_ns_) slices_.push_back(std::move(*open_));
  open_.reset();
}

}  // namespace wakewatch

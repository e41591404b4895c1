#include "server/store/timeline_detail_read.h"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "analysis/trace/symbols.h"

namespace wakewatch {
namespace {

// All that happens so shortly in front of the span is read: no interrupt and no delivery of a wake takes longer.
constexpr uint64_t kWarmUpNs = 10'000'000;
// What may be read beyond that to learn the states of tasks, in events.
constexpr int64_t kLookBackEvents = 1 << 20;
// Of the chunks in front of the span so many are kept until they are read again: a machine may have hundreds of CPUs,
// and one that is unpacked takes some megabytes.
constexpr size_t kChunksKept = 16;

using Item = TimelineWalk::Item;

// A gap, and a chunk that cannot be read, ends with the CPU's next event.
uint64_t EndOfGap(std::span<const Item> items, size_t gap) {
  for (size_t i = gap + 1; i < items.size(); ++i) {
    if (!items[i].is_gap) return items[i].chunk.first_ns;
  }
  return items[gap].is_gap ? items[gap].gap_end_ns : UINT64_MAX;
}

}  // namespace

uint64_t TimelineDetailReader::Back::Cover() const {
  return first == SIZE_MAX || at_beginning ? 0 : walk->items()[first].chunk.first_ns;
}

// One CPU's events and gaps, one after the other.
class TimelineDetailReader::Stream {
 public:
  Stream(TimelineDetailReader* reader, uint32_t cpu, const Back& back)
      : reader_(reader), cpu_(static_cast<uint16_t>(cpu)), walk_(*back.walk) {
    next_item_ = back.first == SIZE_MAX ? 0 : back.first;
    // Gaps in front of the first chunk may reach into what is read.
    while (next_item_ > 0 && walk_.items()[next_item_ - 1].is_gap) --next_item_;
  }
  Status Start() { return Refill(); }
  bool at_end() const { return at_ == events_.size(); }
  const DetailEvent& event() const { return events_[at_]; }
  uint16_t cpu() const { return cpu_; }
  Status Advance() { return ++at_ < events_.size() ? Status() : Refill(); }

 private:
  Status Refill();
  Status ReadChunk(const Item& item, size_t index);
  void OwnNames();
  void AddGap(uint64_t ts_ns, uint64_t end_ns);

  TimelineDetailReader* const reader_;
  const uint16_t cpu_;
  const TimelineWalk& walk_;
  size_t next_item_ = 0;
  bool ended_ = false;
  uint64_t last_ns_ = 0;  // time does not go back behind it
  std::vector<DetailEvent> events_;
  std::deque<std::string> names_;  // of events_: what they were read from is not kept
  size_t at_ = 0;
};

void TimelineDetailReader::Stream::AddGap(uint64_t ts_ns, uint64_t end_ns) {
  ts_ns = std::max({ts_ns, last_ns_, reader_->from_ns_});
  if (end_ns <= ts_ns || ts_ns >= reader_->request_.end_ns) return;
  last_ns_ = ts_ns;
  DetailEvent gap;
  gap.ts_ns = ts_ns;
  gap.type = EventType::kGap;
  gap.cpu = cpu_;
  gap.object = end_ns;
  events_.push_back(gap);
}

Status TimelineDetailReader::Stream::ReadChunk(const Item& item, size_t index) {
  STORE_TRY(CheckDeadline(reader_->deadline_));
  std::unique_ptr<LoadedChunk> chunk;
  if (const auto kept = reader_->loaded_.find(&item); kept != reader_->loaded_.end()) {
    chunk = std::move(kept->second);
  } else {
    chunk = std::make_unique<LoadedChunk>();
    const auto read = item.file->Load(item.chunk, chunk.get());
    if (!read) return tl::unexpected<Error>(read.error());
    if (!*read) chunk.reset();
  }
  const DetailRange range{reader_->from_ns_, reader_->request_.end_ns, reader_->whole_from_ns_, reader_->pids_};
  Status status = chunk == nullptr ? Fail(ErrorCode::kCorrupt, "") : ReadDetailEvents(*chunk, range, &events_);
  if (!status) {
    if (!ChunkLoader::ConcernsOneChunk(status.error())) return status;
    events_.clear();
    AddGap(item.chunk.first_ns, EndOfGap(walk_.items(), index));
    return {};
  }
  OwnNames();
  for (DetailEvent& event : events_) {
    event.ts_ns = std::max(event.ts_ns, last_ns_);
    last_ns_ = event.ts_ns;
  }
  last_ns_ = std::max(last_ns_, std::min(item.chunk.last_ns, reader_->request_.end_ns));
  return {};
}

// Names of a chunk are in its dictionary: each is copied once.
void TimelineDetailReader::Stream::OwnNames() {
  std::unordered_map<const char*, std::string_view> owned;
  for (DetailEvent& event : events_) {
    if (event.name.empty()) continue;
    std::string_view& own = owned[event.name.data()];
    if (own.empty()) own = names_.emplace_back(event.name);
    event.name = own;
  }
}

Status TimelineDetailReader::Stream::Refill() {
  events_.clear();
  names_.clear();
  at_ = 0;
  const auto& items = walk_.items();
  while (events_.empty() && next_item_ < items.size()) {
    const size_t index = next_item_++;
    const Item& item = items[index];
    if (item.is_gap) {
      AddGap(item.gap_ns, EndOfGap(items, index));
    } else {
      STORE_TRY(ReadChunk(item, index));
    }
  }
  if (!events_.empty() || ended_) return {};
  // Behind all that is stored of it nothing is known.
  ended_ = true;
  if (walk_.known_end_ns() < kTimelineEndNs) AddGap(std::max(walk_.known_end_ns(), last_ns_) + 1, UINT64_MAX);
  return {};
}

TimelineDetailReader::TimelineDetailReader(const TimelineDetailRequest& request, const DetailFiles& files,
                                           std::span<const uint32_t> cpus, std::span<const TimelineWalk> walks,
                                           TimelineDeadline deadline)
    : request_(request),
      files_(files),
      cpus_(cpus),
      deadline_(deadline),
      pids_(request.pids),
      events_left_(kLookBackEvents),
      switch_ns_(request.pids.size()),
      running_(request.pids.size()) {
  std::sort(pids_.begin(), pids_.end());
  pids_.erase(std::unique(pids_.begin(), pids_.end()), pids_.end());
  for (const TimelineWalk& walk : walks) {
    Back& back = backs_.emplace_back();
    back.walk = &walk;
  }
}
TimelineDetailReader::~TimelineDetailReader() = default;

Result<const LoadedChunk*> TimelineDetailReader::Load(const Item& item) {
  const auto [kept, fresh] = loaded_.try_emplace(&item);
  if (!fresh) return kept->second.get();
  STORE_TRY(CheckDeadline(deadline_));
  auto chunk = std::make_unique<LoadedChunk>();
  const auto read = item.file->Load(item.chunk, chunk.get());
  if (!read) return tl::unexpected<Error>(read.error());
  if (*read) kept->second = std::move(chunk);
  return kept->second.get();
}

// One chunk farther back. False: there is none that could be read.
Result<bool> TimelineDetailReader::Extend(Back* back) {
  const auto& items = back->walk->items();
  const bool begins = back->first == SIZE_MAX;
  size_t next = SIZE_MAX, chunks_before = 0;
  for (size_t i = 0; i < items.size() && (begins || i < back->first); ++i) {
    if (items[i].is_gap || items[i].chunk.first_ns > request_.start_ns) continue;
    next = i;
    ++chunks_before;
  }
  if (next == SIZE_MAX) {
    // With fewer of them than were looked for, it has no more.
    size_t behind = 0;
    for (const Item& item : items) behind += !item.is_gap && item.chunk.first_ns <= request_.start_ns ? 1 : 0;
    back->at_beginning = files_.from_first && behind < TimelineWalk::kChunksBackMax;
    return back->at_beginning && !begins;
  }
  if (!begins) events_left_ -= TimelineFile::Cost(items[next].chunk);
  back->first = next;
  const auto chunk = Load(items[next]);
  if (!chunk) return tl::unexpected<Error>(chunk.error());
  std::optional<DetailGlance> glance;
  if (*chunk != nullptr) {
    auto read = GlanceAtDetail(**chunk, request_.start_ns, pids_);
    if (loaded_.size() > kChunksKept) loaded_.erase(&items[next]);
    if (read) {
      glance = std::move(*read);
    } else if (!ChunkLoader::ConcernsOneChunk(read.error())) {
      return tl::unexpected<Error>(std::move(read.error()));
    }
  }
  if (!glance) {
    // As good as a gap.
    loaded_[&items[next]] = nullptr;
    gap_ns_ = std::max(gap_ns_, items[next].chunk.last_ns);
    return true;
  }
  has_waking_ = has_waking_ || glance->has_waking;
  has_wakeup_ = has_wakeup_ || glance->has_wakeup;
  for (size_t i = 0; i < pids_.size(); ++i) {
    switch_ns_[i] = std::max(switch_ns_[i], glance->switch_ns[i]);
    if (begins && glance->on_cpu == pids_[i]) running_[i] = true;
  }
  return true;
}

bool TimelineDetailReader::Resolved(size_t pid) const {
  return running_[pid] || (switch_ns_[pid] != 0 && switch_ns_[pid] >= from_ns_);
}

// Goes back until what was going on at the span's start is known, or that is too much to read.
Status TimelineDetailReader::LookBack() {
  const uint64_t warm_ns = request_.start_ns - std::min(request_.start_ns, kWarmUpNs);
  for (Back& back : backs_) {
    const auto begun = Extend(&back);
    if (!begun) return tl::unexpected<Error>(begun.error());
    for (const Item& item : back.walk->items()) {
      if (item.is_gap && item.gap_ns < request_.start_ns) gap_ns_ = std::max(gap_ns_, item.gap_ns);
    }
  }
  while (!backs_.empty()) {
    const auto last = std::max_element(backs_.begin(), backs_.end(),
                                       [](const Back& a, const Back& b) { return a.Cover() < b.Cover(); });
    from_ns_ = last->Cover();
    bool resolved = true;
    for (size_t i = 0; i < pids_.size(); ++i) resolved = resolved && Resolved(i);
    const bool enough = from_ns_ <= warm_ns && (resolved || from_ns_ <= gap_ns_);
    if (enough || from_ns_ == 0 || events_left_ < 0) break;
    const auto extended = Extend(&*last);
    if (!extended) return tl::unexpected<Error>(extended.error());
    if (!*extended) break;
  }
  // All CPUs begin at one time. Nobody asks what was long before.
  if (pids_.empty()) from_ns_ = std::max(from_ns_, warm_ns);
  whole_from_ns_ = std::max(from_ns_, warm_ns);
  LimitByGaps();
  return {};
}

// In what is not read whole there must be no gap: it begins behind the last one, or is whole from there on.
void TimelineDetailReader::LimitByGaps() {
  uint64_t ended_ns = 0, open_ns = UINT64_MAX;
  for (const Back& back : backs_) {
    const auto& items = back.walk->items();
    for (size_t i = 0; i < items.size(); ++i) {
      const bool unread = !items[i].is_gap && loaded_.contains(&items[i]) && loaded_[&items[i]] == nullptr;
      if (!items[i].is_gap && !unread) continue;
      const uint64_t start_ns = items[i].is_gap ? items[i].gap_ns : items[i].chunk.first_ns;
      const uint64_t end_ns = EndOfGap(items, i);
      if (start_ns >= whole_from_ns_ || end_ns <= from_ns_) continue;
      if (end_ns <= whole_from_ns_) {
        ended_ns = std::max(ended_ns, end_ns);
      } else {
        open_ns = std::min(open_ns, start_ns);
      }
    }
  }
  from_ns_ = std::max(from_ns_, ended_ns);
  if (open_ns == UINT64_MAX) return;
  from_ns_ = std::max(from_ns_, open_ns);
  whole_from_ns_ = from_ns_;
}

Status TimelineDetailReader::Feed(TimelineDetailBuilder* builder) {
  std::vector<std::unique_ptr<Stream>> streams;
  const auto later = [](const Stream* a, const Stream* b) {
    const uint64_t a_ns = a->event().ts_ns, b_ns = b->event().ts_ns;
    return a_ns != b_ns ? a_ns > b_ns : a->cpu() > b->cpu();
  };
  std::vector<Stream*> heap;
  for (size_t i = 0; i < cpus_.size(); ++i) {
    auto& stream = streams.emplace_back(std::make_unique<Stream>(this, cpus_[i], backs_[i]));
    STORE_TRY(stream->Start());
    if (!stream->at_end()) heap.push_back(stream.get());
  }
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    Stream* const stream = heap.back();
    // While it is in front of all others there is nothing to compare.
    do {
      builder->Push(stream->event());
      STORE_TRY(stream->Advance());
    } while (!stream->at_end() && (heap.size() == 1 || !later(stream, heap.front())));
    if (stream->at_end()) {
      heap.pop_back();
    } else {
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  return {};
}

Result<TimelineDetail> TimelineDetailReader::Run() {
  STORE_TRY(LookBack());
  DetailSource source;
  source.cpus.assign(cpus_.begin(), cpus_.end());
  source.has_waking = has_waking_;
  source.has_wakeup = has_wakeup_;
  source.whole_from_ns = whole_from_ns_;
  TimelineDetailBuilder builder(request_, std::move(source));
  STORE_TRY(Feed(&builder));
  TimelineDetail detail = builder.Finish();
  STORE_TRY(Name(&detail));
  return detail;
}

// What no event named, out of what is known of the recording.
Status TimelineDetailReader::Name(TimelineDetail* detail) {
  std::map<int32_t, std::string> comms;
  std::map<uint64_t, std::string> functions;
  const auto look_up = [&](const auto& of_file, std::string* name) -> Status {
    for (size_t i = files_.files.size(); i-- > 0 && name->empty();) {
      auto found = of_file(files_.files[i]);
      if (!found) return tl::unexpected<Error>(std::move(found.error()));
      *name = std::move(*found);
    }
    return {};
  };
  const auto comm = [&](int32_t pid, std::string* name) -> Status {
    if (!name->empty() || pid <= 0) return {};
    const auto [known, fresh] = comms.try_emplace(pid);
    if (fresh) STORE_TRY(look_up([&](TimelineFile* file) { return file->CommOf(pid); }, &known->second));
    *name = known->second;
    return {};
  };
  for (TimelineActivity& activity : detail->activities) {
    if (activity.function == 0) continue;
    const auto [known, fresh] = functions.try_emplace(activity.function);
    if (fresh) {
      STORE_TRY(look_up([&](TimelineFile* file) { return file->SymbolOf(activity.function); }, &known->second));
      if (known->second.empty()) known->second = SymbolTable().Name(activity.function);
    }
    activity.name = known->second;
  }
  for (TimelineWakeup& wakeup : detail->wakeups) {
    STORE_TRY(comm(wakeup.pid, &wakeup.comm));
    if (wakeup.waker_pid == 0) wakeup.waker_comm = "swapper/" + std::to_string(wakeup.waker_cpu);
    STORE_TRY(comm(wakeup.waker_pid, &wakeup.waker_comm));
  }
  for (TaskLane& lane : detail->lanes) STORE_TRY(comm(lane.pid, &lane.comm));
  return {};
}

}  // namespace wakewatch

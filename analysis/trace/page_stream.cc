#include "analysis/trace/page_stream.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace wakewatch {
namespace {

constexpr uint64_t kReleaseBytes = 256 << 10;
constexpr uint64_t kOpenEnd = std::numeric_limits<uint64_t>::max();

class PlainReader final : public PageStreamReader {
 public:
  using PageStreamReader::PageStreamReader;

 private:
  bool FillSome(EventBlock* block, size_t target) override {
    if (at_ == data().size()) return false;
    block->storage.clear();
    do {
      const uint64_t size = std::min<uint64_t>(data().size() - at_, page_size());
      DecodePages(data().subspan(at_, size), block);
      at_ += size;
    } while (block->events.size() < target && at_ < data().size());
    return true;
  }

  uint64_t at_ = 0;
};

}  // namespace

uint64_t CycleScale::ToNs(uint64_t cycles) const {
  const unsigned __int128 ns = static_cast<unsigned __int128>(cycles) * mult >> shift;
  // Wrapping around would put a CPU's events out of order.
  return ns > std::numeric_limits<uint64_t>::max() ? std::numeric_limits<uint64_t>::max() : static_cast<uint64_t>(ns);
}

PageStreamReader::PageStreamReader(const FileView& view, const RecordDecoder& decoder, const PageRun& run)
    : view_(view),
      run_(run),
      data_(view.bytes().subspan(run.size == 0 ? 0 : run.offset, run.size)),
      layout_(decoder.formats().page()),
      order_(decoder.formats().machine().order),
      cut_(run.truncated),
      pages_(decoder, run.cpu) {}

Result<bool> PageStreamReader::Fill(EventBlock* block, size_t target) {
  TakeBack(*block);
  block->events.clear();  // storage keeps its memory: it is about to be filled again
  Release();
  while (block->events.empty() && FillSome(block, target)) {
  }
  if (block->events.empty()) {
    block->Clear();
    // A file that ends before the stream does: so do its events.
    if (std::exchange(cut_, false)) OpenGap({kOpenEnd, kLostUnknown, GapCause::kCorrupt});
    if (open_gap_) block->events.push_back(GapUntil(kOpenEnd));
    open_gap_.reset();
  }
  return !block->events.empty();
}

void PageStreamReader::DecodePages(Bytes pages, EventBlock* block) {
  while (pages.size() >= run_.page_size) {
    DecodePage(pages.first(run_.page_size), block);
    pages = pages.subspan(run_.page_size);
  }
  if (pages.empty()) return;
  if (HoldsItsData(pages)) return DecodePage(pages, block);
  if (!run_.truncated) anomalies_.Add(Anomaly::kTruncatedInput);  // else counted when the file was opened
  OpenGap({kOpenEnd, kLostUnknown, GapCause::kCorrupt});
}

void PageStreamReader::Skip(Anomaly why) {
  anomalies_.Add(why);
  OpenGap({kOpenEnd, kLostUnknown, GapCause::kCorrupt});
}

void PageStreamReader::DecodePage(Bytes page, EventBlock* block) {
  std::vector<Event>& events = block->events;
  const size_t first = events.size();
  pages_.Decode(page, block, &anomalies_);
  // A gap that the page leaves open ends in a later page, or never.
  std::optional<Event::Gap> left_open;
  if (events.size() > first && events.back().type == EventType::kGap) {
    left_open = events.back().gap;
    events.pop_back();
  }
  if (events.size() > first) {
    if (run_.cycles.mult != 0) ToNs(block, first);
    if (open_gap_) CloseGap(block, first);
    last_ns_ = events.back().ts_ns;
  }
  if (left_open) OpenGap(*left_open);
}

// No event stands between a gap that is open and the one that joins it, so they are one.
void PageStreamReader::OpenGap(const Event::Gap& gap) {
  if (!open_gap_) {
    open_gap_ = gap;
    return;
  }
  const bool counted = open_gap_->lost != kLostUnknown && gap.lost != kLostUnknown;
  open_gap_->lost = counted ? open_gap_->lost + gap.lost : kLostUnknown;
  if (gap.cause != open_gap_->cause) open_gap_->cause = GapCause::kCorrupt;
}

// What is open ends where the event at `first` begins. A gap that the page itself begins with takes it in.
void PageStreamReader::CloseGap(EventBlock* block, size_t first) {
  std::vector<Event>& events = block->events;
  if (events[first].type == EventType::kGap) {
    const uint64_t end_ns = events[first].gap.end_ns;
    OpenGap(events[first].gap);
    events[first] = GapUntil(end_ns);
  } else {
    events.insert(events.begin() + static_cast<ptrdiff_t>(first), GapUntil(events[first].ts_ns));
  }
  open_gap_.reset();
}

Event PageStreamReader::GapUntil(uint64_t end_ns) const {
  Event gap{};
  gap.type = EventType::kGap;
  gap.cpu = static_cast<uint16_t>(run_.cpu);
  gap.ts_ns = last_ns_;
  gap.gap = {end_ns, open_gap_->lost, open_gap_->cause};
  return gap;
}

void PageStreamReader::ToNs(EventBlock* block, size_t first) const {
  for (size_t i = first; i < block->events.size(); ++i) {
    Event& event = block->events[i];
    event.ts_ns = run_.cycles.ToNs(event.ts_ns);
    if (event.type == EventType::kGap) event.gap.end_ns = run_.cycles.ToNs(event.gap.end_ns);
  }
}

// True when a page that was cut still has all the data that it announces.
bool PageStreamReader::HoldsItsData(Bytes page) const {
  if (page.size() < layout_.data_offset || page.size() < layout_.commit_offset + sizeof(uint32_t)) return false;
  constexpr uint32_t kCommitMask = (1u << 27) - 1;  // above are the flags for missed events
  const bool high_word_first = order_ == std::endian::big && layout_.commit_size == 8;
  const size_t at = layout_.commit_offset + (high_word_first ? 4u : 0u);
  if (page.size() < at + sizeof(uint32_t)) return false;
  const uint32_t commit = Load<uint32_t>(&page[at], order_) & kCommitMask;
  return commit <= page.size() - layout_.data_offset;
}

// Records of plain pages lie in the file. Blocks come back in the order in which they were filled, perhaps several
// later: what this one and those before it pointed into is not read again. Given back any sooner it would be mapped
// anew for whoever reads the block, and stay.
void PageStreamReader::TakeBack(const EventBlock& block) {
  const auto last = std::find_if(block.events.rbegin(), block.events.rend(),
                                 [](const Event& event) { return event.record != nullptr; });
  if (last == block.events.rend() || data_.empty()) return;
  const auto begin = reinterpret_cast<uintptr_t>(data_.data()), at = reinterpret_cast<uintptr_t>(last->record);
  if (at >= begin && at - begin < data_.size()) consumed_ = std::max<uint64_t>(consumed_, at - begin);
}

void PageStreamReader::Release() {
  if (consumed_ - released_ < kReleaseBytes) return;
  // The page that the last release ended in was read again since, and the kernel maps what lies around a page with it.
  const uint64_t from = released_ - std::min(released_, kReleaseBytes);
  view_.Release(run_.offset + from, consumed_ - from);
  released_ = consumed_;
}

std::unique_ptr<CpuReader> OpenPlainPages(const FileView& view, const RecordDecoder& decoder, const PageRun& run) {
  return std::make_unique<PlainReader>(view, decoder, run);
}

}  // namespace wakewatch

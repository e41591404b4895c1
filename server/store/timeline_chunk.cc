#include "server/store/timeline_chunk.h"

#include <utility>

namespace wakewatch {
namespace {

bool Changes(EventType type) {
  switch (type) {
    case EventType::kSchedSwitch:
    case EventType::kIrqEntry:
    case EventType::kIrqExit:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: return true;
    default: return false;
  }
}

// An integer column, or nothing where this kernel's event has no such field.
Result<std::span<const uint64_t>> Column(const ChunkView& view, const EventFormat& format, uint16_t index,
                                         std::string_view name) {
  const FieldSpec* field = format.Find(name);
  if (field == nullptr || (field->kind != FieldKind::kSigned && field->kind != FieldKind::kUnsigned)) {
    return std::span<const uint64_t>();
  }
  return view.Integers(index, static_cast<size_t>(field - format.fields.data()));
}

}  // namespace

Result<TimelineChunk> TimelineChunk::Read(LoadedChunk loaded) {
  TimelineChunk chunk(std::move(loaded));
  STORE_TRY(chunk.ReadChanges());
  return chunk;
}

Status TimelineChunk::ReadChanges() {
  const ChunkView& view = *loaded_.view;
  if (view.header().events == 0) return Fail(ErrorCode::kCorrupt, "it has no events");
  const std::vector<EventFormat>& formats = loaded_.formats->table->events();
  struct Source {
    EventType type = EventType::kGeneric;  // kGeneric: of no interest
    uint32_t row = 0, rows = 0;
    std::span<const uint64_t> next_pid, next_prio;
  };
  std::vector<Source> sources(formats.size());
  size_t count = 0;
  for (uint16_t index = 0; index < formats.size(); ++index) {
    if (!Changes(formats[index].type) || view.Count(index) == 0) continue;
    Source& source = sources[index];
    source.type = formats[index].type;
    source.rows = view.Count(index);
    count += source.rows;
    if (source.type != EventType::kSchedSwitch) continue;
    const auto pids = Column(view, formats[index], index, "next_pid");
    if (!pids) return tl::unexpected<Error>(pids.error());
    const auto prios = Column(view, formats[index], index, "next_prio");
    if (!prios) return tl::unexpected<Error>(prios.error());
    source.next_pid = *pids;
    source.next_prio = *prios;
  }
  if (count == 0) return {};
  const auto times = view.Times();
  if (!times) return tl::unexpected<Error>(times.error());
  const auto indexes = view.FormatIndexes();
  if (!indexes) return tl::unexpected<Error>(indexes.error());
  changes_.reserve(count);
  for (size_t i = 0; i < indexes->size(); ++i) {
    const uint16_t index = (*indexes)[i];
    Source& source = sources[index];
    if (source.type == EventType::kGeneric) continue;
    if (source.row == source.rows) return Fail(ErrorCode::kCorrupt, "its events and their counts differ");
    TimelineChange& change = changes_.emplace_back();
    change.ts_ns = (*times)[i];
    change.format = index;
    change.type = source.type;
    change.row = source.row++;
    if (source.type != EventType::kSchedSwitch) continue;
    if (!source.next_pid.empty()) change.next_pid = static_cast<int32_t>(source.next_pid[change.row]);
    if (!source.next_prio.empty()) change.next_prio = static_cast<int16_t>(source.next_prio[change.row]);
  }
  return {};
}

Result<int32_t> TimelineChunk::FirstPid() const {
  const auto pids = loaded_.view->Pids();
  if (!pids) return tl::unexpected<Error>(pids.error());
  return pids->front();
}

Result<std::string_view> TimelineChunk::Text(const TimelineChange& change, std::string_view name) const {
  const EventFormat& format = loaded_.formats->table->events()[change.format];
  const FieldSpec* field = format.Find(name);
  if (field == nullptr || (field->kind != FieldKind::kText && field->kind != FieldKind::kLocText)) {
    return std::string_view();
  }
  const auto texts = loaded_.view->Texts(change.format, static_cast<size_t>(field - format.fields.data()));
  if (!texts) return tl::unexpected<Error>(texts.error());
  const std::string_view text = (*texts)->dictionary[(*texts)->codes[change.row]];
  return text.substr(0, text.find('\0'));
}

Result<int32_t> TimelineChunk::PrevPid(const TimelineChange& change) const {
  const EventFormat& format = loaded_.formats->table->events()[change.format];
  const auto pids = Column(*loaded_.view, format, change.format, "prev_pid");
  if (!pids) return tl::unexpected<Error>(pids.error());
  return pids->empty() ? -1 : static_cast<int32_t>((*pids)[change.row]);
}

Result<std::string> TimelineChunk::PrevState(const TimelineChange& change) const {
  const FormatTable& table = *loaded_.formats->table;
  const auto states = Column(*loaded_.view, table.events()[change.format], change.format, "prev_state");
  if (!states) return tl::unexpected<Error>(states.error());
  const auto raw = states->empty() ? 0u : static_cast<uint32_t>((*states)[change.row]);
  if (table.prev_states().PreemptedInKernel(raw)) return std::string("R+");
  return std::string(1, table.prev_states().Letter(raw));
}

}  // namespace wakewatch

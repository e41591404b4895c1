#include "server/store/timeline_chunk.h"

#include <string_view>
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
Result<std::span<const uint64_t>> Integers(const ChunkView& view, const EventFormat& format, uint16_t index,
                                           std::string_view name) {
  const FieldSpec* field = format.Find(name);
  if (field == nullptr || (field->kind != FieldKind::kSigned && field->kind != FieldKind::kUnsigned)) {
    return std::span<const uint64_t>();
  }
  return view.Integers(index, static_cast<size_t>(field - format.fields.data()));
}

}  // namespace

// Of one event format.
struct TimelineChunk::Columns {
  EventType type = EventType::kGeneric;  // kGeneric: of no interest
  uint32_t row = 0, rows = 0;            // the next, and how many there are
  std::span<const uint64_t> prev_pid, next_pid, next_prio, prev_state;
  std::span<const uint32_t> prev_comm, next_comm;  // codes
  uint32_t prev_base = 0, next_base = 0;           // of these codes in comms_

  void Fill(TimelineChange* change) {
    const uint32_t at = row++;
    if (type != EventType::kSchedSwitch) return;
    if (!prev_pid.empty()) change->prev_pid = static_cast<int32_t>(prev_pid[at]);
    if (!next_pid.empty()) change->next_pid = static_cast<int32_t>(next_pid[at]);
    if (!next_prio.empty()) change->next_prio = static_cast<int16_t>(next_prio[at]);
    if (!prev_state.empty()) change->prev_state = static_cast<uint32_t>(prev_state[at]);
    if (!prev_comm.empty()) change->prev_comm = prev_base + prev_comm[at];
    if (!next_comm.empty()) change->next_comm = next_base + next_comm[at];
  }
};

Result<TimelineChunk> TimelineChunk::Read(const LoadedChunk& loaded) {
  TimelineChunk chunk;
  chunk.row_ = loaded.row;
  chunk.states_ = &loaded.formats->table->prev_states();
  chunk.comms_.emplace_back();
  STORE_TRY(chunk.ReadChanges(*loaded.view, loaded.formats->table->events()));
  return chunk;
}

Result<TimelineChunk::Columns> TimelineChunk::ReadColumns(const ChunkView& view, const EventFormat& format,
                                                          uint16_t index) {
  Columns columns;
  columns.type = format.type;
  columns.rows = view.Count(index);
  if (format.type != EventType::kSchedSwitch) return columns;
  const std::pair<std::span<const uint64_t>*, std::string_view> integers[] = {{&columns.prev_pid, "prev_pid"},
                                                                              {&columns.next_pid, "next_pid"},
                                                                              {&columns.next_prio, "next_prio"},
                                                                              {&columns.prev_state, "prev_state"}};
  for (const auto& [to, name] : integers) {
    const auto column = Integers(view, format, index, name);
    if (!column) return tl::unexpected<Error>(column.error());
    *to = *column;
  }
  const auto texts = [&](std::string_view name, std::span<const uint32_t>* codes, uint32_t* base) -> Status {
    const FieldSpec* field = format.Find(name);
    if (field == nullptr || (field->kind != FieldKind::kText && field->kind != FieldKind::kLocText)) return {};
    const auto column = view.Texts(index, static_cast<size_t>(field - format.fields.data()));
    if (!column) return tl::unexpected<Error>(column.error());
    *codes = (*column)->codes;
    *base = static_cast<uint32_t>(comms_.size());
    for (const std::string_view text : (*column)->dictionary) comms_.emplace_back(text.substr(0, text.find('\0')));
    return {};
  };
  STORE_TRY(texts("prev_comm", &columns.prev_comm, &columns.prev_base));
  STORE_TRY(texts("next_comm", &columns.next_comm, &columns.next_base));
  return columns;
}

Status TimelineChunk::ReadChanges(const ChunkView& view, const std::vector<EventFormat>& formats) {
  std::vector<Columns> columns(formats.size());
  size_t count = 0;
  for (uint16_t index = 0; index < formats.size(); ++index) {
    if (!Changes(formats[index].type) || view.Count(index) == 0) continue;
    auto read = ReadColumns(view, formats[index], index);
    if (!read) return tl::unexpected<Error>(std::move(read.error()));
    columns[index] = *read;
    count += read->rows;
  }
  const auto pids = view.Pids();
  if (!pids) return tl::unexpected<Error>(pids.error());
  const auto times = view.Times();
  if (!times) return tl::unexpected<Error>(times.error());
  const auto indexes = view.FormatIndexes();
  if (!indexes) return tl::unexpected<Error>(indexes.error());
  if (indexes->empty()) return Fail(ErrorCode::kCorrupt, "it has no events");
  first_pid_ = pids->front();
  changes_.reserve(count);
  for (size_t i = 0; i < indexes->size(); ++i) {
    Columns& own = columns[(*indexes)[i]];
    if (own.type == EventType::kGeneric) continue;
    if (own.row == own.rows) return Fail(ErrorCode::kCorrupt, "its events and their counts differ");
    TimelineChange& change = changes_.emplace_back();
    change.ts_ns = (*times)[i];
    change.type = own.type;
    own.Fill(&change);
  }
  return {};
}

std::string TimelineChunk::PrevState(const TimelineChange& change) const {
  if (states_->PreemptedInKernel(change.prev_state)) return "R+";
  return std::string(1, states_->Letter(change.prev_state));
}

}  // namespace wakewatch

#include "server/store/detail_chunk.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace wakewatch {
namespace {

// Where in an event's format the parts of a DetailEvent are.
struct FieldNames {
  std::string_view pid = {}, task = {}, target_cpu = {}, prev_state = {}, object = {}, function = {}, name = {};
};

FieldNames NamesOf(EventType type) {
  switch (type) {
    case EventType::kSchedSwitch:
      return {.pid = "prev_pid", .task = "next_pid", .prev_state = "prev_state", .name = "next_comm"};
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew: return {.task = "pid", .target_cpu = "target_cpu", .name = "comm"};
    case EventType::kIrqEntry:
    case EventType::kIrqExit: return {.object = "irq", .name = "name"};
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: return {.object = "vec"};
    case EventType::kWorkStart:
    case EventType::kWorkEnd: return {.object = "work", .function = "function"};
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit: return {.object = "timer", .function = "function"};
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit: return {.object = "hrtimer", .function = "function"};
    default: return {};
  }
}

template <typename T>
tl::unexpected<Error> Pass(Result<T>& failed) {
  return tl::unexpected<Error>(std::move(failed.error()));
}

// An integer column; nothing where this kernel's event has no such field.
Status Integers(const ChunkView& view, const EventFormat& format, uint16_t index, std::string_view name,
                std::span<const uint64_t>* column) {
  const FieldSpec* field = name.empty() ? nullptr : format.Find(name);
  if (field == nullptr || (field->kind != FieldKind::kSigned && field->kind != FieldKind::kUnsigned)) return {};
  auto read = view.Integers(index, static_cast<size_t>(field - format.fields.data()));
  if (!read) return Pass(read);
  *column = *read;
  return {};
}

// The columns of one event format, and the row that comes next.
class FormatColumns {
 public:
  EventType type = EventType::kGeneric;  // kGeneric: of no interest
  uint32_t row = 0, rows = 0;

  Status Read(const ChunkView& view, const EventFormat& format, uint16_t index, const PrevStates& states) {
    type = format.type;
    rows = view.Count(index);
    states_ = &states;
    const FieldNames names = NamesOf(type);
    STORE_TRY(Integers(view, format, index, names.pid, &pid_));
    STORE_TRY(Integers(view, format, index, names.task, &task_));
    STORE_TRY(Integers(view, format, index, names.target_cpu, &target_cpu_));
    STORE_TRY(Integers(view, format, index, names.prev_state, &prev_state_));
    STORE_TRY(Integers(view, format, index, names.object, &object_));
    STORE_TRY(Integers(view, format, index, names.function, &function_));
    const FieldSpec* name = names.name.empty() ? nullptr : format.Find(names.name);
    if (name == nullptr || (name->kind != FieldKind::kText && name->kind != FieldKind::kLocText)) return {};
    auto texts = view.Texts(index, static_cast<size_t>(name - format.fields.data()));
    if (!texts) return Pass(texts);
    names_ = *texts;
    return {};
  }
  int32_t TaskAt(uint32_t at) const { return task_.empty() ? -1 : static_cast<int32_t>(task_[at]); }
  int32_t PidAt(uint32_t at, int32_t otherwise) const {
    return pid_.empty() ? otherwise : static_cast<int32_t>(pid_[at]);
  }
  void Fill(uint32_t at, DetailEvent* event) const {
    event->type = type;
    event->pid = PidAt(at, event->pid);
    event->task = TaskAt(at);
    if (!target_cpu_.empty()) event->target_cpu = static_cast<int32_t>(target_cpu_[at]);
    if (!prev_state_.empty()) event->prev_state = states_->Letter(static_cast<uint32_t>(prev_state_[at]));
    const bool narrow = type == EventType::kIrqEntry || type == EventType::kIrqExit ||
                        type == EventType::kSoftirqEntry || type == EventType::kSoftirqExit;
    if (!object_.empty()) event->object = narrow ? static_cast<uint32_t>(object_[at]) : object_[at];
    if (!function_.empty()) event->function = function_[at];
    if (names_ == nullptr) return;
    const std::string_view text = names_->dictionary[names_->codes[at]];
    event->name = text.substr(0, text.find('\0'));
  }

 private:
  const PrevStates* states_ = nullptr;
  std::span<const uint64_t> pid_, task_, target_cpu_, prev_state_, object_, function_;
  const ChunkView::TextColumn* names_ = nullptr;
};

// All that is read of a chunk.
struct Columns {
  std::span<const uint64_t> times;
  std::span<const uint16_t> indexes;
  std::span<const int32_t> pids;
  std::vector<FormatColumns> formats;  // by index

  template <typename Wants>
  static Result<Columns> Read(const LoadedChunk& loaded, const Wants& wants) {
    const ChunkView& view = *loaded.view;
    const FormatTable& table = *loaded.formats->table;
    Columns columns;
    columns.formats.resize(table.events().size());
    for (uint16_t index = 0; index < table.events().size(); ++index) {
      const EventFormat& format = table.events()[index];
      if (!wants(format.type) || view.Count(index) == 0) continue;
      STORE_TRY(columns.formats[index].Read(view, format, index, table.prev_states()));
    }
    auto times = view.Times();
    if (!times) return Pass(times);
    auto indexes = view.FormatIndexes();
    if (!indexes) return Pass(indexes);
    auto pids = view.Pids();
    if (!pids) return Pass(pids);
    columns.times = *times;
    columns.indexes = *indexes;
    columns.pids = *pids;
    if (indexes->empty()) return Fail(ErrorCode::kCorrupt, "it has no events");
    return columns;
  }
  // The row of event i among those of its format; false: there is none.
  bool Next(size_t i, FormatColumns** own, uint32_t* row) {
    *own = &formats[indexes[i]];
    *row = (*own)->row++;
    return (*own)->type == EventType::kGeneric || *row < (*own)->rows;
  }
};

bool Asked(std::span<const int32_t> pids, int32_t pid) { return std::binary_search(pids.begin(), pids.end(), pid); }

bool Wanted(const DetailEvent& event, const DetailRange& range) {
  if (event.ts_ns >= range.whole_from_ns) return true;
  switch (event.type) {
    case EventType::kWorkStart:
    case EventType::kWorkEnd: return true;
    case EventType::kSchedSwitch: return Asked(range.pids, event.pid) || Asked(range.pids, event.task);
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew: return Asked(range.pids, event.task);
    default: return false;
  }
}

tl::unexpected<Error> CountsDiffer() { return Fail(ErrorCode::kCorrupt, "its events and their counts differ"); }

}  // namespace

Status ReadDetailEvents(const LoadedChunk& loaded, const DetailRange& range, std::vector<DetailEvent>* events) {
  auto columns = Columns::Read(loaded, TellsDetail);
  if (!columns) return Pass(columns);
  const auto flags = loaded.view->Flags();
  if (!flags) return tl::unexpected<Error>(flags.error());
  const size_t size = columns->times.size();
  std::optional<DetailEvent> before;  // the last event in front of the range, as what is known when it begins
  for (size_t i = 0; i < size && columns->times[i] < range.to_ns; ++i) {
    FormatColumns* own = nullptr;
    uint32_t row = 0;
    if (!columns->Next(i, &own, &row)) return CountsDiffer();
    DetailEvent event;
    event.ts_ns = columns->times[i];
    event.cpu = static_cast<uint16_t>(loaded.row.cpu);
    event.flags = (*flags)[i];
    event.pid = columns->pids[i];
    if (event.ts_ns < range.from_ns) {
      if (own->type == EventType::kSchedSwitch) event.pid = own->TaskAt(row);
      event.ts_ns = range.from_ns;
      before = event;
      continue;
    }
    if (before) events->push_back(*std::exchange(before, std::nullopt));
    // The first event of all tells who is there; later ones do so only if they tell more.
    if (own->type == EventType::kGeneric) {
      if (i == 0) events->push_back(event);
      continue;
    }
    own->Fill(row, &event);
    if (Wanted(event, range)) {
      events->push_back(event);
    } else if (i == 0) {
      DetailEvent seen = event;
      seen.type = EventType::kGeneric;
      if (event.type == EventType::kSchedSwitch) seen.pid = event.task;
      events->push_back(seen);
    }
  }
  if (before) events->push_back(*before);
  return {};
}

Result<DetailGlance> GlanceAtDetail(const LoadedChunk& loaded, uint64_t before_ns, std::span<const int32_t> pids) {
  auto columns = Columns::Read(loaded, [](EventType type) { return type == EventType::kSchedSwitch; });
  if (!columns) return Pass(columns);
  DetailGlance glance;
  const auto& formats = loaded.formats->table->events();
  for (uint16_t index = 0; index < formats.size(); ++index) {
    if (loaded.view->Count(index) == 0) continue;
    const EventType type = formats[index].type;
    glance.has_waking = glance.has_waking || type == EventType::kSchedWaking;
    glance.has_wakeup = glance.has_wakeup || type == EventType::kSchedWakeup;
  }
  glance.switch_ns.resize(pids.size());
  const auto note = [&](int32_t pid, uint64_t ts_ns) {
    const auto at = std::lower_bound(pids.begin(), pids.end(), pid);
    if (at != pids.end() && *at == pid) glance.switch_ns[static_cast<size_t>(at - pids.begin())] = ts_ns;
  };
  for (size_t i = 0; i < columns->times.size() && columns->times[i] < before_ns; ++i) {
    FormatColumns* own = nullptr;
    uint32_t row = 0;
    if (!columns->Next(i, &own, &row)) return CountsDiffer();
    glance.on_cpu = columns->pids[i];
    if (own->type != EventType::kSchedSwitch) continue;
    note(own->PidAt(row, columns->pids[i]), columns->times[i]);
    note(own->TaskAt(row), columns->times[i]);
    glance.on_cpu = own->TaskAt(row);
  }
  return glance;
}

}  // namespace wakewatch

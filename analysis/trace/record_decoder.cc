#include "analysis/trace/record_decoder.h"

#include <algorithm>
#include <array>

namespace wakewatch {
namespace {

// How one event's fields are read, whatever their width on this kernel.
template <std::endian kOrder, typename Number>
inline uint64_t LoadNumber(const uint8_t* record, const Number& number) {
  uint64_t bytes = Load<uint64_t>(record + number.offset, kOrder);
  // The wanted ones are the last in memory: the highest of a little-endian word, the lowest of a big-endian one.
  if constexpr (kOrder == std::endian::big) bytes <<= number.shift;
  const auto value = static_cast<uint64_t>(static_cast<int64_t>(bytes) >> number.shift);
  return (value & number.mask) | static_cast<uint64_t>(int64_t{number.absent});
}

template <std::endian kOrder, typename Text>
inline TextRef FindText(const Event& event, const Text& text, AnomalyCounts* anomalies) {
  if (!text.located) return {text.offset, text.size};
  const uint32_t word = Load<uint32_t>(event.record + text.offset, kOrder);
  const uint32_t offset = (word & 0xffff) + text.base, size = word >> 16;
  if (offset + size > event.record_size) {
    anomalies->Add(Anomaly::kBadDataLoc);
    return {0, 0};
  }
  return {static_cast<uint16_t>(offset), static_cast<uint16_t>(size)};
}

bool IsInteger(const FieldSpec& field) {
  return field.kind == FieldKind::kSigned || field.kind == FieldKind::kUnsigned;
}

}  // namespace

struct RecordDecoder::Binding {
  Shape shape = Shape::kNone;
  std::array<std::string_view, 5> numbers = {};
  std::array<std::string_view, 2> texts = {};
};

// Source: include/trace/events/{sched,irq,workqueue,timer,ipi,csd}.h.
const RecordDecoder::Binding& RecordDecoder::BindingOf(EventType type) {
  static constexpr Binding kNone = {};
  static constexpr Binding kSwitch = {
      Shape::kSwitch, {"prev_pid", "next_pid", "prev_prio", "next_prio", "prev_state"}, {"prev_comm", "next_comm"}};
  static constexpr Binding kWake = {Shape::kWake, {"pid", "prio", "target_cpu"}, {"comm"}};
  static constexpr Binding kMigrate = {Shape::kMigrate, {"pid", "prio", "orig_cpu", "dest_cpu"}, {"comm"}};
  static constexpr Binding kFork = {Shape::kFork, {"parent_pid", "child_pid"}, {"parent_comm", "child_comm"}};
  static constexpr Binding kTask = {Shape::kTask, {"pid", "prio"}, {"comm"}};
  static constexpr Binding kExec = {Shape::kTask, {"pid", "prio", "old_pid"}};
  static constexpr Binding kSetprio = {Shape::kTask, {"pid", "oldprio", "newprio"}, {"comm"}};
  static constexpr Binding kRuntime = {Shape::kTask, {"pid", "prio", "runtime"}, {"comm"}};
  static constexpr Binding kStopRet = {Shape::kStopRet, {"ret"}};
  static constexpr Binding kKthreadWork = {Shape::kKthreadWork, {"work", "function", "worker"}};
  static constexpr Binding kIrq = {Shape::kIrq, {"irq", "ret"}, {"name"}};
  static constexpr Binding kSoftirq = {Shape::kSoftirq, {"vec"}};
  static constexpr Binding kTasklet = {Shape::kTasklet, {"tasklet", "func"}};
  static constexpr Binding kWork = {Shape::kWork, {"work", "function", "req_cpu", "cpu"}, {"workqueue"}};
  static constexpr Binding kTimer = {Shape::kTimer, {"timer", "function", "expires", "now"}};
  static constexpr Binding kHrtimer = {Shape::kTimer, {"hrtimer", "function", "expires", "now"}};
  static constexpr Binding kIpi = {Shape::kIpi, {"cpu", "callback"}};
  static constexpr Binding kCsd = {Shape::kIpi, {"cpu", "func"}};
  switch (type) {
    case EventType::kSchedSwitch: return kSwitch;
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew: return kWake;
    case EventType::kSchedMigrateTask: return kMigrate;
    case EventType::kSchedProcessFork: return kFork;
    case EventType::kSchedProcessExec: return kExec;
    case EventType::kSchedProcessExit:
    case EventType::kSchedProcessFree:
    case EventType::kSchedKthreadStop: return kTask;
    case EventType::kSchedPiSetprio: return kSetprio;
    case EventType::kSchedStatRuntime: return kRuntime;
    case EventType::kSchedKthreadStopRet: return kStopRet;
    case EventType::kKthreadWorkQueue:
    case EventType::kKthreadWorkStart:
    case EventType::kKthreadWorkEnd: return kKthreadWork;
    case EventType::kIrqEntry:
    case EventType::kIrqExit: return kIrq;
    case EventType::kSoftirqRaise:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: return kSoftirq;
    case EventType::kTaskletEntry:
    case EventType::kTaskletExit: return kTasklet;
    case EventType::kWorkQueue:
    case EventType::kWorkActivate:
    case EventType::kWorkStart:
    case EventType::kWorkEnd: return kWork;
    case EventType::kTimerInit:
    case EventType::kTimerStart:
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit:
    case EventType::kTimerCancel: return kTimer;
    case EventType::kHrtimerInit:
    case EventType::kHrtimerStart:
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit:
    case EventType::kHrtimerCancel: return kHrtimer;
    case EventType::kWakeIdleWithoutIpi:
    case EventType::kIpiSendCpu: return kIpi;
    case EventType::kCsdQueueCpu:
    case EventType::kCsdFunctionEntry:
    case EventType::kCsdFunctionExit: return kCsd;
    case EventType::kGeneric:
    case EventType::kTickStop:
    case EventType::kGap: return kNone;
    default: return BindingOfProbe(type);
  }
}

// The fields are those of the probes' definitions.
const RecordDecoder::Binding& RecordDecoder::BindingOfProbe(EventType type) {
  static constexpr Binding kNone = {};
  static constexpr Binding kTtwu = {Shape::kProbeTask, {"pid", "st", "mode", "oncpu"}};
  static constexpr Binding kTtwuRet = {Shape::kProbeObject, {"", "", "ret"}};
  static constexpr Binding kWakeUp = {Shape::kProbeObject, {"wq", "head", "nr", "", "mode"}};
  static constexpr Binding kWaitQueue = {Shape::kProbeObject, {"wq", "", "", "state"}};
  static constexpr Binding kCompletion = {Shape::kProbeObject, {"x", "head", "done"}};
  switch (type) {
    case EventType::kProbeTtwu: return kTtwu;
    case EventType::kProbeTtwuRet: return kTtwuRet;
    case EventType::kProbeWakeUp: return kWakeUp;
    case EventType::kProbeComplete:
    case EventType::kProbeCompleteAll:
    case EventType::kProbeCompletionWait: return kCompletion;
    case EventType::kProbePrepareToWait:
    case EventType::kProbePrepareExclusive:
    case EventType::kProbeAddWaitQueue:
    case EventType::kProbeAddExclusive:
    case EventType::kProbeFinishWait: return kWaitQueue;
    default: return kNone;
  }
}

RecordDecoder::Number RecordDecoder::BindNumber(const EventFormat& format, std::string_view name) {
  Number number;
  if (name.ends_with("pid") || name.ends_with("cpu")) number.absent = -1;
  if (name.ends_with("prio")) number.absent = kPrioUnknown;
  const FieldSpec* field = format.Find(name);
  if (field == nullptr || !IsInteger(*field) || field->offset + field->size < 8) return number;
  number.absent = 0;
  number.offset = static_cast<uint16_t>(field->offset + field->size - 8);
  number.shift = static_cast<uint8_t>(64 - 8 * field->size);
  number.mask = field->kind == FieldKind::kSigned ? UINT64_MAX : UINT64_MAX >> number.shift;
  return number;
}

RecordDecoder::Text RecordDecoder::BindText(const EventFormat& format, std::string_view name) {
  const FieldSpec* field = format.Find(name);
  if (field == nullptr) return {};
  if (field->kind == FieldKind::kText) return {field->offset, field->size, false, 0};
  if (field->kind != FieldKind::kLocText) return {};
  const auto base = static_cast<uint16_t>(field->relative ? field->offset + field->size : 0);
  return {field->offset, field->size, true, base};
}

RecordDecoder::RecordDecoder(const FormatTable& formats)
    : formats_(&formats),
      order_(formats.machine().order),
      type_(formats.common().type.offset),
      flags_(formats.common().flags.offset),
      preempt_count_(formats.common().preempt_count.offset),
      pid_(formats.common().pid.offset),
      common_size_(formats.common().size) {
  plans_.reserve(formats.events().size());
  for (const EventFormat& format : formats.events()) {
    const Binding& binding = BindingOf(format.type);
    Plan& plan = plans_.emplace_back();
    plan.type = format.type;
    plan.shape = binding.shape;
    plan.fixed_size = format.fixed_size;
    for (size_t i = 0; i < binding.numbers.size(); ++i) {
      if (!binding.numbers[i].empty()) plan.number[i] = BindNumber(format, binding.numbers[i]);
    }
    for (size_t i = 0; i < binding.texts.size(); ++i) {
      if (!binding.texts[i].empty()) plan.text[i] = BindText(format, binding.texts[i]);
    }
  }
}

template <std::endian kOrder>
void RecordDecoder::FillSched(const Plan& plan, Event* event, AnomalyCounts* anomalies) {
  const auto number = [&](int i) { return LoadNumber<kOrder>(event->record, plan.number[i]); };
  const auto integer = [&](int i) { return static_cast<int32_t>(number(i)); };
  const auto text = [&](int i) { return FindText<kOrder>(*event, plan.text[i], anomalies); };
  switch (plan.shape) {
    case Shape::kSwitch:
      event->sw = {integer(0),
                   integer(1),
                   static_cast<int16_t>(number(2)),
                   static_cast<int16_t>(number(3)),
                   static_cast<uint32_t>(number(4)),
                   text(0),
                   text(1)};
      return;
    case Shape::kWake: event->wake = {integer(0), integer(1), integer(2), text(0)}; return;
    case Shape::kMigrate: event->migrate = {integer(0), integer(1), integer(2), integer(3), text(0)}; return;
    case Shape::kFork: event->fork = {integer(0), integer(1), text(0), text(1)}; return;
    case Shape::kTask: event->task = {integer(0), integer(1), number(2), text(0)}; return;
    default: return;
  }
}

template <std::endian kOrder>
void RecordDecoder::FillOther(const Plan& plan, Event* event, AnomalyCounts* anomalies) {
  const auto number = [&](int i) { return LoadNumber<kOrder>(event->record, plan.number[i]); };
  const auto integer = [&](int i) { return static_cast<int32_t>(number(i)); };
  const auto bits = [&](int i) { return static_cast<uint32_t>(number(i)); };
  const auto text = [&](int i) { return FindText<kOrder>(*event, plan.text[i], anomalies); };
  switch (plan.shape) {
    case Shape::kStopRet: event->stop_ret = {integer(0)}; return;
    case Shape::kSoftirq: event->softirq = {static_cast<uint32_t>(number(0))}; return;
    case Shape::kIrq: event->irq = {integer(0), integer(1), text(0)}; return;
    case Shape::kTasklet: event->tasklet = {number(0), number(1)}; return;
    case Shape::kWork: event->work = {number(0), number(1), integer(2), integer(3), text(0)}; return;
    case Shape::kKthreadWork: event->kwork = {number(0), number(1), number(2)}; return;
    case Shape::kTimer: event->timer = {number(0), number(1), number(2), number(3)}; return;
    case Shape::kIpi: event->ipi = {integer(0), number(1)}; return;
    case Shape::kProbeTask: event->probe = {0, 0, integer(0), bits(1), bits(2), bits(3)}; return;
    case Shape::kProbeObject: event->probe = {number(0), number(1), 0, bits(3), bits(4), bits(2)}; return;
    default: return;
  }
}

template <std::endian kOrder>
bool RecordDecoder::DecodeAs(const uint8_t* record, uint32_t size, Event* event, AnomalyCounts* anomalies) const {
  if (size < common_size_) {
    anomalies->Add(Anomaly::kShortRecord);
    return false;
  }
  const int index = formats_->IndexById(Load<uint16_t>(record + type_, kOrder));
  if (index < 0) {
    anomalies->Add(Anomaly::kUnknownEventId);
    return false;
  }
  const Plan& plan = plans_[static_cast<size_t>(index)];
  if (size < plan.fixed_size) {
    anomalies->Add(Anomaly::kShortRecord);
    return false;
  }
  event->record = record;
  event->record_size = static_cast<uint16_t>(std::min<uint32_t>(size, UINT16_MAX));
  event->format = static_cast<uint16_t>(index);
  event->type = plan.type;
  event->flags = record[flags_];
  event->preempt_count = record[preempt_count_];
  event->pid = static_cast<int32_t>(Load<uint32_t>(record + pid_, kOrder));
  if (plan.shape <= Shape::kTask) {
    FillSched<kOrder>(plan, event, anomalies);
  } else {
    FillOther<kOrder>(plan, event, anomalies);
  }
  return true;
}

template bool RecordDecoder::DecodeAs<std::endian::little>(const uint8_t*, uint32_t, Event*, AnomalyCounts*) const;
template bool RecordDecoder::DecodeAs<std::endian::big>(const uint8_t*, uint32_t, Event*, AnomalyCounts*) const;

}  // namespace wakewatch

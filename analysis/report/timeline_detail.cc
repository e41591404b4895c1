#include "analysis/report/timeline_detail.h"

#include <string>
#include <utility>

#include "analysis/report/timeline_activities.h"
#include "analysis/report/timeline_detail_cpus.h"
#include "analysis/report/timeline_lanes.h"
#include "analysis/report/timeline_wakeups.h"

namespace wakewatch {

Status CheckDetailRequest(const TimelineDetailRequest& request) {
  const auto invalid = [](std::string cause, std::string remedy) {
    return Fail(Error{.code = ErrorCode::kInvalidArgument, .cause = std::move(cause), .remedy = std::move(remedy)});
  };
  if (request.pids.size() > kDetailPidsMax) {
    return invalid(std::to_string(request.pids.size()) + " tasks were asked for",
                   "ask for at most " + std::to_string(kDetailPidsMax) + " at once");
  }
  for (const int32_t pid : request.pids) {
    if (pid <= 0)
      return invalid("no task has pid " + std::to_string(pid), "pids are above 0; 0 is the idle tasks of all CPUs");
  }
  if (request.items_max == 0 || request.items_max > kDetailItemsMax) {
    return invalid("as many as " + std::to_string(request.items_max) + " items were asked for",
                   "ask for 1 to " + std::to_string(kDetailItemsMax));
  }
  return {};
}

TimelineDetail TooMuchDetail(const TimelineDetailRequest& request) {
  TimelineDetail detail;
  detail.start_ns = request.start_ns;
  detail.end_ns = request.end_ns;
  for (const int32_t pid : request.pids) detail.lanes.push_back({pid, {}, {}});
  detail.activities_too_many = detail.wakeups_too_many = true;
  detail.spans_too_many = !request.pids.empty();
  return detail;
}

bool TellsDetail(EventType type) {
  switch (type) {
    case EventType::kSchedSwitch:
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
    case EventType::kIrqEntry:
    case EventType::kIrqExit:
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit:
    case EventType::kWorkStart:
    case EventType::kWorkEnd:
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit:
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit:
    case EventType::kGap: return true;
    default: return false;
  }
}

DetailEvent DetailEventOf(const Event& event, const PrevStates& states) {
  DetailEvent detail;
  detail.ts_ns = event.ts_ns;
  detail.type = event.type;
  detail.flags = event.flags;
  detail.cpu = event.cpu;
  detail.pid = event.pid;
  switch (event.type) {
    case EventType::kSchedSwitch:
      detail.pid = event.sw.prev_pid;
      detail.task = event.sw.next_pid;
      detail.prev_state = states.Letter(event.sw.prev_state);
      detail.name = event.Text(event.sw.next_comm);
      break;
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      detail.task = event.wake.pid;
      detail.target_cpu = event.wake.target_cpu;
      detail.name = event.Text(event.wake.comm);
      break;
    case EventType::kIrqEntry:
    case EventType::kIrqExit:
      detail.object = static_cast<uint32_t>(event.irq.irq);
      detail.name = event.Text(event.irq.name);
      break;
    case EventType::kSoftirqEntry:
    case EventType::kSoftirqExit: detail.object = event.softirq.vec; break;
    case EventType::kWorkStart:
    case EventType::kWorkEnd:
      detail.object = event.work.work;
      detail.function = event.work.function;
      break;
    case EventType::kTimerExpireEntry:
    case EventType::kTimerExpireExit:
    case EventType::kHrtimerExpireEntry:
    case EventType::kHrtimerExpireExit:
      detail.object = event.timer.timer;
      detail.function = event.timer.function;
      break;
    case EventType::kGap: detail.object = event.gap.end_ns; break;
    default: detail.type = EventType::kGeneric; break;
  }
  return detail;
}

struct TimelineDetailBuilder::State {
  State(TimelineDetailRequest asked, DetailSource from)
      : request(std::move(asked)),
        source(std::move(from)),
        cpus(source.cpus),
        activities(request, source, cpus),
        wakeups(request, source),
        lanes(request, source, cpus) {}

  void Gap(const DetailEvent& event) {
    cpus.Lose(event.cpu, event.object);
    activities.Gap(event.cpu, event.ts_ns, event.object);
    wakeups.Gap();
    lanes.Gap(event.ts_ns);
  }

  const TimelineDetailRequest request;
  const DetailSource source;
  DetailCpus cpus;
  ActivityTracker activities;
  WakeupTracker wakeups;
  LaneTracker lanes;
};

TimelineDetailBuilder::TimelineDetailBuilder(TimelineDetailRequest request, DetailSource source)
    : state_(std::make_unique<State>(std::move(request), std::move(source))) {}
TimelineDetailBuilder::~TimelineDetailBuilder() = default;

void TimelineDetailBuilder::Push(const DetailEvent& event) {
  State& state = *state_;
  if (event.type == EventType::kGap) return state.Gap(event);
  DetailCpus::Cpu& cpu = state.cpus.At(event.cpu);
  if (!cpu.known || cpu.pid != event.pid) {
    if (cpu.known) state.lanes.Lose(cpu.pid, event.cpu, event.ts_ns);
    cpu = {true, event.pid, {}};
    state.lanes.Seen(event.pid, event.cpu, event.ts_ns);
  }
  state.activities.Push(event);
  switch (event.type) {
    case EventType::kSchedSwitch:
      cpu.pid = event.task;
      cpu.comm = event.name;
      state.wakeups.SwitchOut(event.pid);
      state.lanes.Switch(event);
      break;
    case EventType::kSchedWaking:
    case EventType::kSchedWakeup:
    case EventType::kSchedWakeupNew:
      state.wakeups.Wake(event, cpu);
      state.lanes.Wake(event);
      break;
    default: break;
  }
}

TimelineDetail TimelineDetailBuilder::Finish() {
  TimelineDetail detail;
  detail.start_ns = state_->request.start_ns;
  detail.end_ns = state_->request.end_ns;
  state_->activities.Finish(&detail);
  state_->wakeups.Finish(&detail);
  state_->lanes.Finish(&detail);
  return detail;
}

}  // namespace wakewatch

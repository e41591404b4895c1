#include "server/rpc/timeline_messages.h"

#include <algorithm>
#include <string>

#include "server/rpc/report_messages.h"

namespace wakewatch {
namespace {

v1::TimelineWork Of(TimelineWork work) {
  switch (work) {
    case TimelineWork::kHardirq: return v1::TIMELINE_WORK_HARDIRQ;
    case TimelineWork::kSoftirq: return v1::TIMELINE_WORK_SOFTIRQ;
    case TimelineWork::kWork: return v1::TIMELINE_WORK_WORK;
    case TimelineWork::kTimer: return v1::TIMELINE_WORK_TIMER;
  }
  return v1::TIMELINE_WORK_UNSPECIFIED;
}

v1::TaskState Of(LaneState state) {
  switch (state) {
    case LaneState::kUnknown: return v1::TASK_STATE_UNSPECIFIED;
    case LaneState::kRunning: return v1::TASK_STATE_RUNNING;
    case LaneState::kRunnable: return v1::TASK_STATE_RUNNABLE;
    case LaneState::kPreempted: return v1::TASK_STATE_PREEMPTED;
    case LaneState::kSleeping: return v1::TASK_STATE_SLEEPING;
    case LaneState::kBlocked: return v1::TASK_STATE_BLOCKED;
    case LaneState::kEnded: return v1::TASK_STATE_ENDED;
    case LaneState::kOther: return v1::TASK_STATE_OTHER;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

void ToMessage(const TimelineActivity& activity, v1::TimelineActivity* message) {
  message->set_work(Of(activity.work));
  message->set_cpu(activity.cpu);
  message->set_start_ns(activity.start_ns);
  message->set_end_ns(activity.end_ns);
  message->set_start_seen(activity.start_seen);
  message->set_end_seen(activity.end_seen);
  message->set_name(Utf8(activity.name));
  message->set_pid(activity.pid);
}

void ToMessage(const TimelineWakeup& wakeup, v1::TimelineWakeup* message) {
  message->set_waking_ns(wakeup.waking_ns);
  message->set_wakeup_ns(wakeup.wakeup_ns);
  message->set_pid(wakeup.pid);
  message->set_comm(Utf8(wakeup.comm));
  message->set_target_cpu(wakeup.target_cpu);
  message->set_waker_pid(wakeup.waker_pid);
  message->set_waker_comm(Utf8(wakeup.waker_comm));
  message->set_waker_cpu(wakeup.waker_cpu);
  if (wakeup.context != WakeContext::kUnknown) message->set_waker_context(std::string(Name(wakeup.context)));
}

void ToMessage(const TaskLane& lane, v1::TaskLane* message) {
  message->set_pid(lane.pid);
  message->set_comm(Utf8(lane.comm));
  for (const LaneSpan& span : lane.spans) {
    v1::TaskSpan* const out = message->add_spans();
    out->set_start_ns(span.start_ns);
    out->set_end_ns(span.end_ns);
    out->set_state(Of(span.state));
    out->set_cpu(span.cpu);
  }
}

}  // namespace

TimelineDetailQuestion FromMessage(const v1::GetTimelineDetailRequest& message) {
  TimelineDetailQuestion question;
  question.start_ns = message.start_ns();
  question.end_ns = message.end_ns();
  question.cpus.assign(message.cpus().begin(), message.cpus().end());
  question.pids.assign(message.pids().begin(), message.pids().end());
  if (message.items_max() != 0) question.items_max = std::min<size_t>(message.items_max(), kDetailItemsMax);
  return question;
}

void ToMessage(const TimelineDetail& detail, v1::GetTimelineDetailResponse* message) {
  message->set_start_ns(detail.start_ns);
  message->set_end_ns(detail.end_ns);
  for (const TimelineActivity& activity : detail.activities) ToMessage(activity, message->add_activities());
  for (const TimelineWakeup& wakeup : detail.wakeups) ToMessage(wakeup, message->add_wakeups());
  for (const TaskLane& lane : detail.lanes) ToMessage(lane, message->add_lanes());
  message->set_activities_too_many(detail.activities_too_many);
  message->set_wakeups_too_many(detail.wakeups_too_many);
  message->set_spans_too_many(detail.spans_too_many);
}

void ToMessage(const HeatMap& map, v1::GetHeatMapResponse* message) {
  message->set_start_ns(map.start_ns());
  message->set_column_ns(map.column_ns());
  message->set_waits(map.waits());
  for (size_t row = 0; row < kHeatMapRows; ++row) message->add_row_low_ns(HeatMapRowLowNs(row));
  for (const HeatMap::Column& column : map.columns()) {
    v1::HeatMapColumn* const out = message->add_columns();
    out->set_waits(column.waits);
    out->set_max_ns(column.max_ns);
    size_t rows = kHeatMapRows;
    while (rows > 0 && column.counts[rows - 1] == 0) --rows;
    for (size_t row = 0; row < rows; ++row) out->add_counts(column.counts[row]);
  }
}

}  // namespace wakewatch

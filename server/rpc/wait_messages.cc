#include "server/rpc/wait_messages.h"

#include <string>

#include "analysis/report/wait_chunk.h"
#include "server/rpc/report_messages.h"

namespace wakewatch {

Result<WaitFilter> FromMessage(const v1::WaitFilter& message) {
  WaitFilter filter;
  for (const std::string& name : message.kinds()) {
    const auto kind = ThreadKindNamed(name);
    if (!kind) {
      return Fail(Error{.code = ErrorCode::kInvalidArgument,
                        .cause = "there is no kind of thread named " + name,
                        .remedy = "`wakewatch list kinds` names them"});
    }
    filter.kinds.push_back(*kind);
  }
  for (const std::string& name : message.waits()) {
    const auto kind = WaitKindNamed(name);
    if (!kind) {
      return Fail(Error{.code = ErrorCode::kInvalidArgument,
                        .cause = "there is no kind of wait named " + name,
                        .remedy = "they are wake, new and preempted"});
    }
    filter.waits.push_back(*kind);
  }
  filter.pids.assign(message.pids().begin(), message.pids().end());
  filter.tasks.assign(message.tasks().begin(), message.tasks().end());
  return filter;
}

Result<DelayKeys> KeysOf(const v1::GetDelaysRequest& request) {
  DelayKeys keys;
  for (const int key : request.group_by()) {
    switch (key) {
      case v1::DELAY_KEY_THREAD: keys.thread = true; break;
      case v1::DELAY_KEY_KIND: keys.kind = true; break;
      case v1::DELAY_KEY_CAUSE: keys.cause = true; break;
      case v1::DELAY_KEY_CPU: keys.cpu = true; break;
      case v1::DELAY_KEY_WAIT: keys.wait = true; break;
      case v1::DELAY_KEY_HOST: break;  // a recording is of one
      default: return Fail(ErrorCode::kInvalidArgument, "waits cannot be grouped by key " + std::to_string(key));
    }
  }
  return keys;
}

void ToMessage(const DelayBuckets& buckets, v1::DelayBuckets* message) {
  message->set_delivery_ns(buckets.Of(Bucket::kDelivery));
  message->set_idle_exit_ns(buckets.Of(Bucket::kIdleExit));
  message->set_hardirq_ns(buckets.Of(Bucket::kHardirq));
  message->set_softirq_ns(buckets.Of(Bucket::kSoftirq));
  message->set_higher_ns(buckets.Of(Bucket::kHigher));
  message->set_equal_ns(buckets.Of(Bucket::kEqual));
  message->set_lower_ns(buckets.Of(Bucket::kLower));
  message->set_migration_ns(buckets.Of(Bucket::kMigration));
  message->set_off_ns(buckets.Of(Bucket::kOff));
  message->set_unexplained_ns(buckets.Of(Bucket::kUnexplained));
}

void ToMessage(const DelayGroup& group, const DelayKeys& keys, v1::DelayRow* message) {
  if (keys.thread) {
    message->set_pid(group.pid);
    message->set_comm(Utf8(group.comm));
  }
  if (keys.thread || keys.kind) message->set_kind(std::string(Info(group.kind).name));
  if (keys.cause) message->set_cause(Utf8(group.cause));
  if (keys.cpu) message->set_cpu(group.cpu);
  if (keys.wait) message->set_wait(std::string(Name(group.wait)));
  ToMessage(group.latency_ns, message->mutable_latency());
  message->set_latency_sum_ns(group.latency_ns.sum());
  ToMessage(group.excess_ns, message->mutable_excess());
  message->set_excess_sum_ns(group.excess_ns.sum());
  message->set_assumed_affinity(group.assumed_affinity);
  message->set_without_waking(group.without_waking);
  ToMessage(group.buckets, message->mutable_buckets());
}

void ToMessage(const MeasuredWait& wait, v1::Wait* message) {
  message->set_start_ns(wait.start_ns);
  message->set_wakeup_ns(wait.wakeup_ns);
  message->set_end_ns(wait.in_ns);
  message->set_pid(wait.pid);
  message->set_comm(Utf8(wait.comm));
  message->set_kind(std::string(Info(wait.thread).name));
  message->set_prio(wait.prio);
  message->set_cpu(wait.cpu);
  message->set_wait(std::string(Name(wait.kind)));
  message->set_waker_pid(wait.waker_pid);
  message->set_waker_comm(Utf8(wait.waker_comm));
  message->set_waker_context(std::string(Name(wait.context)));
  message->set_cause(Utf8(wait.cause));
  message->set_latency_ns(wait.latency_ns());
  message->set_excess_ns(wait.excess_ns);
  message->set_affinity_known(wait.affinity_known);
  message->set_slice_bound_ns(wait.slice_bound_ns);
  message->set_has_waking(wait.has_waking);
  ToMessage(wait.buckets, message->mutable_buckets());
}

}  // namespace wakewatch

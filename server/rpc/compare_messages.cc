#include "server/rpc/compare_messages.h"

#include <string>

#include "analysis/report/delay_table.h"
#include "server/rpc/report_messages.h"

namespace wakewatch {
namespace {

void ToMessage(const TimesSide& side, v1::Quantiles* message) {
  message->set_n(side.n);
  message->set_p50_ns(side.p50_ns);
  message->set_p90_ns(side.p90_ns);
  message->set_p99_ns(side.p99_ns);
  message->set_max_ns(side.max_ns);
}
TimesSide FromMessage(const v1::Quantiles& message) {
  return {message.n(), message.p50_ns(), message.p90_ns(), message.p99_ns(), message.max_ns()};
}

void ToMessage(const ComparedTimes& times, v1::ComparedTimes* message) {
  ToMessage(times.before, message->mutable_before());
  ToMessage(times.after, message->mutable_after());
  message->set_longer(times.longer);
  if (times.p_value) message->set_p_value(*times.p_value);
  if (times.p_adjusted) message->set_p_adjusted(*times.p_adjusted);
}
ComparedTimes FromMessage(const v1::ComparedTimes& message) {
  ComparedTimes times{FromMessage(message.before()), FromMessage(message.after()), message.longer(), {}, {}};
  if (message.has_p_value()) times.p_value = message.p_value();
  if (message.has_p_adjusted()) times.p_adjusted = message.p_adjusted();
  return times;
}

void ToMessage(const ComparedSide& side, v1::ComparedSide* message) {
  message->set_host(Utf8(side.host));
  message->set_recording(Utf8(side.recording));
  message->set_kernel(Utf8(side.kernel));
  message->set_start_ns(side.start_ns);
  message->set_end_ns(side.end_ns);
  message->set_events(side.events);
  message->set_lost_events(side.lost_events);
  message->set_lost_unknown(side.lost_unknown);
  message->set_gaps(side.gaps);
}
ComparedSide FromMessage(const v1::ComparedSide& message) {
  return {message.host(),   message.recording(),   message.kernel(),       message.start_ns(), message.end_ns(),
          message.events(), message.lost_events(), message.lost_unknown(), message.gaps()};
}

void ToMessage(const ComparedThread& row, v1::ComparedThread* message) {
  message->set_name(Utf8(row.name));
  message->set_kind(std::string(Info(row.kind).name));
  message->set_threads_before(row.threads_before);
  message->set_threads_after(row.threads_after);
  ToMessage(row.latency, message->mutable_latency());
  ToMessage(row.excess, message->mutable_excess());
  message->set_wakeups_per_s_before(row.wakeups_per_s_before);
  message->set_wakeups_per_s_after(row.wakeups_per_s_after);
}
ComparedThread FromMessage(const v1::ComparedThread& message) {
  return {.name = message.name(),
          .kind = ThreadKindNamed(message.kind()).value_or(ThreadKind::kKthread),
          .threads_before = message.threads_before(),
          .threads_after = message.threads_after(),
          .latency = FromMessage(message.latency()),
          .excess = FromMessage(message.excess()),
          .wakeups_per_s_before = message.wakeups_per_s_before(),
          .wakeups_per_s_after = message.wakeups_per_s_after()};
}

void ToMessage(const ComparedWork& row, v1::ComparedWork* message) {
  message->set_function(Utf8(row.function));
  ToMessage(row.queue_to_start, message->mutable_queue_to_start());
  ToMessage(row.run, message->mutable_run());
}
ComparedWork FromMessage(const v1::ComparedWork& message) {
  return {message.function(), FromMessage(message.queue_to_start()), FromMessage(message.run())};
}

void ToMessage(const ComparedSoftirq& row, v1::ComparedSoftirq* message) {
  message->set_vector(Utf8(row.vector));
  ToMessage(row.raise_to_entry, message->mutable_raise_to_entry());
  message->set_in_ksoftirqd_before(row.in_ksoftirqd_before);
  message->set_in_ksoftirqd_after(row.in_ksoftirqd_after);
}
ComparedSoftirq FromMessage(const v1::ComparedSoftirq& message) {
  return {message.vector(), FromMessage(message.raise_to_entry()), message.in_ksoftirqd_before(),
          message.in_ksoftirqd_after()};
}

}  // namespace

void ToMessage(const Comparison& comparison, v1::CompareResponse* message) {
  ToMessage(comparison.before, message->mutable_before());
  ToMessage(comparison.after, message->mutable_after());
  for (const ComparedThread& row : comparison.threads) ToMessage(row, message->add_threads());
  for (const ComparedWork& row : comparison.work) ToMessage(row, message->add_work());
  for (const ComparedSoftirq& row : comparison.softirqs) ToMessage(row, message->add_softirqs());
}

Comparison FromMessage(const v1::CompareResponse& message) {
  Comparison comparison{.before = FromMessage(message.before()), .after = FromMessage(message.after())};
  for (const v1::ComparedThread& row : message.threads()) comparison.threads.push_back(FromMessage(row));
  for (const v1::ComparedWork& row : message.work()) comparison.work.push_back(FromMessage(row));
  for (const v1::ComparedSoftirq& row : message.softirqs()) comparison.softirqs.push_back(FromMessage(row));
  return comparison;
}

}  // namespace wakewatch

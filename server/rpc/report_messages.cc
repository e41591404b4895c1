#include "server/rpc/report_messages.h"

#include <cstddef>
#include <cstdint>

#include "analysis/report/protocol_of_finding.h"
#include "server/rpc/chain_messages.h"
#include "server/rpc/wait_messages.h"

namespace wakewatch {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`; 0: there is none. Source: RFC 3629, section 4.
size_t SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                      : (first & 0xf0) == 0xe0         ? 3
                      : first >= 0xf0 && first <= 0xf4 ? 4
                                                       : 0;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  if (first == 0xe0 && second < 0xa0) return 0;  // overlong
  if (first == 0xed && second > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;  // overlong
  if (first == 0xf4 && second > 0x8f) return 0;  // past U+10FFFF
  return size;
}

void Buckets(const Histogram& histogram, google::protobuf::RepeatedPtrField<v1::HistogramBucket>* buckets) {
  for (const Histogram::Bucket& bucket : histogram.Buckets()) {
    v1::HistogramBucket* const out = buckets->Add();
    out->set_low_ns(bucket.low);
    out->set_high_ns(bucket.high);
    out->set_count(bucket.count);
  }
}

v1::HostStatus ToMessage(HostStatus status) {
  switch (status) {
    case HostStatus::kStreaming: return v1::HOST_STATUS_STREAMING;
    case HostStatus::kDisconnected: return v1::HOST_STATUS_DISCONNECTED;
    case HostStatus::kEnded: return v1::HOST_STATUS_ENDED;
  }
  return v1::HOST_STATUS_UNSPECIFIED;
}

}  // namespace

std::string Utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = text.front() == '\0' ? 0 : SequenceBytes(text);
    if (bytes == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

v1::Confidence ToMessage(Confidence confidence) {
  switch (confidence) {
    case Confidence::kSuspicious: return v1::CONFIDENCE_SUSPICIOUS;
    case Confidence::kStrong: return v1::CONFIDENCE_STRONG;
    case Confidence::kProven: return v1::CONFIDENCE_PROVEN;
  }
  return v1::CONFIDENCE_UNSPECIFIED;
}

void ToMessage(const Histogram& histogram, v1::Quantiles* message) {
  message->set_n(histogram.n());
  message->set_p50_ns(histogram.Quantile(0.5));
  message->set_p90_ns(histogram.Quantile(0.9));
  message->set_p99_ns(histogram.Quantile(0.99));
  message->set_max_ns(histogram.max());
}

void ToMessage(const ThreadSummary& thread, v1::ThreadSummary* message) {
  message->set_pid(thread.pid);
  message->set_comm(Utf8(thread.comm));
  message->set_kind(std::string(Info(thread.kind).name));
  message->set_kind_source(std::string(Name(thread.kind_source)));
  message->set_wakeups(thread.wakeups);
  ToMessage(thread.wakeup_latency_ns, message->mutable_wakeup_latency());
  ToMessage(thread.delivery_ns, message->mutable_delivery());
  ToMessage(thread.runqueue_ns, message->mutable_runqueue());
  ToMessage(thread.preempted_ns, message->mutable_preempted());
  message->set_on_cpu_ns(thread.on_cpu_ns);
  message->set_censored(thread.censored);
  message->set_voided(thread.voided);
  message->set_first_seen_ns(thread.first_seen_ns);
  ToMessage(thread.excess_latency_ns, message->mutable_excess_latency());
  message->set_assumed_affinity(thread.assumed_affinity);
  ToMessage(thread.buckets, message->mutable_buckets());
  ToMessage(thread.preempted_buckets, message->mutable_preempted_buckets());
  message->set_wakeup_latency_sum_ns(thread.wakeup_latency_ns.sum());
  message->set_excess_latency_sum_ns(thread.excess_latency_ns.sum());
}

void ToMessage(const WorstWait& wait, v1::WorstWait* message) {
  message->set_waking_ns(wait.start_ns);
  message->set_wakeup_ns(wait.wakeup_ns);
  message->set_in_ns(wait.in_ns);
  message->set_cpu(wait.cpu);
  message->set_waker_pid(wait.waker_pid);
  message->set_waker_comm(Utf8(wait.waker_comm));
  message->set_waker_context(std::string(Name(wait.context)));
  ToMessage(wait.buckets, message->mutable_buckets());
  message->set_cause(wait.cause);
  message->set_excess_ns(wait.excess_ns);
  message->set_affinity_known(wait.affinity_known);
  for (const Competitor& competitor : wait.competitors) {
    v1::Competitor* const out = message->add_competitors();
    out->set_pid(competitor.pid < 0 ? -1 : competitor.pid);
    out->set_comm(Utf8(competitor.comm));
    out->set_bucket(std::string(Name(competitor.bucket)));
    out->set_ns(competitor.ns);
  }
  message->set_competitors_of_ns(wait.competitors_of_ns);
  for (const Evidence& evidence : wait.evidence) {
    v1::WaitEvent* const out = message->add_events();
    out->set_cpu(evidence.cpu);
    out->set_ts_ns(evidence.ts_ns);
    out->set_event(Utf8(evidence.event));
  }
  for (const ChainLink& link : wait.chain) ToMessage(link, message->add_chain());
}

void ToMessage(const ThreadSummary& thread, v1::ThreadDistribution* message) {
  ToMessage(thread, message->mutable_summary());
  Buckets(thread.wakeup_latency_ns, message->mutable_wakeup_latency());
  Buckets(thread.delivery_ns, message->mutable_delivery());
  Buckets(thread.runqueue_ns, message->mutable_runqueue());
  Buckets(thread.preempted_ns, message->mutable_preempted());
  Buckets(thread.excess_latency_ns, message->mutable_excess_latency());
  for (const WorstWait& wait : thread.worst) ToMessage(wait, message->add_worst());
}

void ToMessage(const WorkSummary& work, v1::WorkSummary* message) {
  message->set_function(Utf8(work.function));
  ToMessage(work.queue_to_start_ns, message->mutable_queue_to_start());
  ToMessage(work.run_ns, message->mutable_run());
  message->set_censored(work.censored);
  message->set_voided(work.voided);
  message->set_unmatched(work.unmatched);
}

void ToMessage(const SoftirqSummary& softirq, v1::SoftirqSummary* message) {
  message->set_vector(softirq.vector);
  ToMessage(softirq.raise_to_entry_ns, message->mutable_raise_to_entry());
  message->set_entries(softirq.entries);
  message->set_in_ksoftirqd(softirq.in_ksoftirqd);
  message->set_censored(softirq.censored);
  message->set_voided(softirq.voided);
}

void ToMessage(const TaskletSummary& tasklet, v1::TaskletSummary* message) {
  message->set_function(Utf8(tasklet.function));
  ToMessage(tasklet.raise_to_entry_ns, message->mutable_raise_to_entry());
  ToMessage(tasklet.run_ns, message->mutable_run());
}

void ToMessage(const RuleInfo& rule, v1::SchedulerRule* message) {
  message->set_name(std::string(rule.name));
  message->set_title(std::string(rule.title));
  message->set_explanation(std::string(rule.explanation));
  message->set_finding(rule.finding);
  message->set_negative_control(rule.negative_control);
}

void ToMessage(const RuleSummary& rule, v1::SchedulerRule* message) {
  message->set_checked(rule.checked);
  message->set_violations(rule.violations);
  message->set_missing(rule.missing);
  message->set_artefacts(rule.artefacts);
  message->set_voided(rule.voided);
  for (const RulePlace& place : rule.places) {
    v1::RulePlace* const out = message->add_places();
    out->set_verdict(std::string(Name(place.verdict)));
    out->set_cpu(place.cpu);
    out->set_ts_ns(place.ts_ns);
    out->set_pid(place.pid);
    out->set_text(Utf8(place.text));
  }
}

void ToMessage(const ObligationSummary& obligation, v1::ObligationSummary* message) {
  message->set_class_(obligation.cls);
  message->set_opened(obligation.opened);
  message->set_discharged(obligation.discharged);
  message->set_late(obligation.late);
  message->set_expired(obligation.expired);
  message->set_censored(obligation.censored);
  message->set_voided(obligation.voided);
  message->set_unlearned(obligation.unlearned);
  message->set_open(obligation.open);
}

void ToMessage(const Undecidable& undecidable, v1::Undecidable* message) {
  message->set_class_(undecidable.cls);
  message->set_sleeps(undecidable.sleeps);
  for (const std::string& need : undecidable.needs) message->add_needs(need);
}

void ToMessage(const Recordings::FoundGroup& found, v1::FindingGroup* message) {
  message->set_group_id(found.worst.finding.group_id);
  message->set_confidence(ToMessage(found.group.confidence));
  message->set_count(found.group.count);
  message->set_open(found.group.open);
  message->set_first_start_ns(found.group.first_ns);
  message->set_last_start_ns(found.group.last_ns);
  message->set_first_start_real_ns(found.first_real_ns);
  message->set_last_start_real_ns(found.last_real_ns);
  ToMessage(found.worst, message->mutable_worst());
}

void ToMessage(const FoundFinding& found, v1::Finding* message) {
  const Finding& finding = found.finding;
  message->set_id(finding.id);
  message->set_group_id(finding.group_id);
  message->set_host(found.host);
  message->set_recording(found.recording);
  message->set_check(finding.check);
  message->set_class_(finding.cls);
  message->set_confidence(ToMessage(finding.confidence));
  message->set_pid(finding.pid);
  message->set_comm(Utf8(finding.comm));
  if (finding.cpu >= 0) message->set_cpu(finding.cpu);
  message->set_start_ns(finding.start_ns);
  message->set_end_ns(finding.end_ns);
  message->set_start_real_ns(found.start_real_ns);
  message->set_waited_ns(finding.waited_ns);
  if (finding.waker_pid >= 0) message->set_waker_pid(finding.waker_pid);
  message->set_waker_comm(Utf8(finding.waker_comm));
  for (const Evidence& evidence : finding.evidence) {
    v1::Evidence* const out = message->add_evidence();
    out->set_cpu(evidence.cpu);
    out->set_ts_ns(evidence.ts_ns);
    out->set_event(Utf8(evidence.event));
  }
  message->set_explanation(Utf8(finding.explanation));
  message->set_found_real_ns(found.found_real_ns);
  message->set_kind(finding.kind);
  message->set_rule(Utf8(finding.rule));
  message->set_assumption(Utf8(finding.assumption));
  message->set_would_raise(Utf8(finding.would_raise));
  message->set_open(finding.open);
  if (finding.check == "lost-wakeup") message->set_protocol(std::string(ProtocolExplaining(finding.cls)));
  for (const ProcSnapshot& snapshot : finding.snapshots) {
    v1::ProcSnapshot* const out = message->add_snapshots();
    out->set_pid(snapshot.pid);
    out->set_role(Utf8(snapshot.role));
    out->set_ts_ns(snapshot.ts_ns);
    out->set_stack(Utf8(snapshot.stack));
    out->set_wchan(Utf8(snapshot.wchan));
    out->set_status(Utf8(snapshot.status));
    out->set_error(Utf8(snapshot.error));
  }
}

void ToMessage(const HostState& host, v1::Host* message) {
  message->set_name(host.name);
  message->set_status(ToMessage(host.status));
  message->set_kernel(Utf8(host.kernel));
  message->set_boot_id(host.boot_id);
  message->set_recording(host.recording);
  message->set_cpus(host.cpus);
  message->set_profile(Utf8(host.collector.profile));
  message->set_profile_wanted(Utf8(host.collector.profile_wanted));
  message->set_events_per_s(host.events_per_s);
  message->set_bytes_per_s(host.bytes_per_s);
  message->set_events(host.events);
  message->set_lost_events(host.lost_events);
  message->set_lost_unknown(host.lost_unknown);
  message->set_gaps(host.gaps);
  message->set_late_events(host.late_events);
  message->set_lag_ns(host.lag_ns);
  message->set_findings(host.findings);
  message->set_worst_excess_ns(host.worst.excess_ns);
  message->set_findings_proven(host.worst.findings[static_cast<size_t>(Confidence::kProven)]);
  message->set_findings_strong(host.worst.findings[static_cast<size_t>(Confidence::kStrong)]);
  message->set_findings_suspicious(host.worst.findings[static_cast<size_t>(Confidence::kSuspicious)]);
  message->set_last_batch_real_ns(host.last_batch_real_ns);
  message->set_watermark_ns(host.watermark_ns);
  message->set_watermark_real_ns(host.watermark_real_ns);
  message->set_collector_version(Utf8(host.collector_version));
  message->set_queue_bytes(host.collector.queue_bytes);
  message->set_dropped_events(host.collector.events_dropped);
  message->set_refused_batches(host.refused_batches);
  message->set_last_refusal(Utf8(host.last_refusal));
  for (const std::string& warning : host.collector.warnings) message->add_warnings(Utf8(warning));
}

void ToMessage(const RecordingRow& recording, v1::Recording* message) {
  message->set_host(recording.host);
  message->set_id(recording.id);
  message->set_boot_id(recording.boot_id);
  message->set_kernel(Utf8(recording.kernel));
  message->set_start_ns(recording.start_ns);
  message->set_end_ns(recording.end_ns);
  message->set_start_real_ns(recording.start_real_ns);
  message->set_end_real_ns(recording.end_real_ns);
  message->set_events(recording.events);
  message->set_bytes(recording.bytes);
  message->set_parts(recording.parts);
  message->set_findings(recording.findings);
  message->set_gaps(recording.gaps);
  message->set_live(recording.live);
  message->set_trimmed(recording.trimmed);
}

void ToMessage(const TimelineLane& lane, v1::TimelineLane* message) {
  message->set_cpu(lane.cpu);
  for (const TimelineBin& bin : lane.bins) {
    v1::TimelineBin* const out = message->add_bins();
    out->set_idle_ns(bin.Of(TimelineUse::kIdle));
    out->set_fair_ns(bin.Of(TimelineUse::kFair));
    out->set_real_time_ns(bin.Of(TimelineUse::kRealTime));
    out->set_softirq_ns(bin.Of(TimelineUse::kSoftirq));
    out->set_hardirq_ns(bin.Of(TimelineUse::kHardirq));
    out->set_unknown_ns(bin.Of(TimelineUse::kUnknown));
    out->set_busiest_pid(bin.busiest_pid);
    out->set_switches(bin.switches);
  }
  for (const TimelineSlice& slice : lane.slices) {
    v1::TimelineSlice* const out = message->add_slices();
    out->set_start_ns(slice.start_ns);
    out->set_end_ns(slice.end_ns);
    out->set_pid(slice.pid);
    out->set_comm(Utf8(slice.comm));
    out->set_state_after(Utf8(slice.state_after));
  }
  for (const TimelineSpan& gap : lane.gaps) {
    v1::TimelineSpan* const out = message->add_gaps();
    out->set_start_ns(gap.start_ns);
    out->set_end_ns(gap.end_ns);
  }
}

}  // namespace wakewatch

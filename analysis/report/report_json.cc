#include "analysis/report/report_json.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "analysis/report/chain_links.h"
#include "analysis/report/protocol_of_finding.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json KnownOrNull(bool known, uint64_t value) { return known ? Json(value) : Json(nullptr); }
Json PidOrNull(int32_t pid) { return pid >= 0 ? Json(pid) : Json(nullptr); }

Json Distribution(const Histogram& histogram) {
  return {{"n", histogram.n()},
          {"p50", histogram.Quantile(0.50)},
          {"p90", histogram.Quantile(0.90)},
          {"p99", histogram.Quantile(0.99)},
          {"max", histogram.max()}};
}

Json GapValue(const GapRecord& gap) {
  return {{"cpu", gap.cpu},
          {"start_ns", gap.start_ns},
          {"end_ns", KnownOrNull(gap.end_ns != UINT64_MAX, gap.end_ns)},
          {"lost", KnownOrNull(gap.lost != kLostUnknown, gap.lost)},
          {"cause", Name(gap.cause)}};
}

Json CpuValue(const CpuSummary& cpu) {
  Json value = {
      {"cpu", cpu.cpu},   {"start_ns", cpu.first_ns}, {"end_ns", cpu.last_ns},           {"events", cpu.events},
      {"gaps", cpu.gaps}, {"lost_events", cpu.lost},  {"lost_unknown", cpu.lost_unknown}};
  if (cpu.have_stats) {
    value["kernel_stats"] = {{"entries", cpu.stats.entries},
                             {"overrun", cpu.stats.overrun},
                             {"commit_overrun", cpu.stats.commit_overrun},
                             {"dropped", cpu.stats.dropped},
                             {"read", cpu.stats.read}};
  }
  return value;
}

// Without its gaps and CPUs: those can be many and are written one by one.
Json TraceValue(const Report& report) {
  Json by_type = Json::object();
  for (const auto& [name, n] : report.events_by_type) by_type[name] = n;
  return {{"path", report.path},
          {"input_kind", report.input_kind},
          {"host", report.hostname},
          {"buffer", report.buffer},
          {"kernel", report.kernel},
          {"clock", report.clock},
          {"cpus", report.cpus},
          {"start_ns", report.start_ns},
          {"end_ns", report.end_ns},
          {"window", {{"start_ns", report.window_start_ns}, {"end_ns", report.window_end_ns}}},
          {"skew_ns", report.skew_ns},
          {"skew_pairs", report.skew_pairs},
          {"events", report.events},
          {"events_by_type", std::move(by_type)},
          {"lost_events", report.lost_events},
          {"lost_unknown", report.lost_unknown}};
}

std::string_view AffinityText(bool known) { return known ? "known" : "assumed"; }

Json EvidenceValue(const Evidence& evidence) {
  return {{"cpu", evidence.cpu}, {"ts_ns", evidence.ts_ns}, {"event", evidence.event}};
}

Json BucketsValue(const DelayBuckets& buckets) {
  Json value = Json::object();
  for (size_t i = 0; i < kBucketCount; ++i) value[Name(static_cast<Bucket>(i))] = buckets.ns[i];
  return value;
}

Json WorstValue(const WorstWait& wait) {
  Json competitors = Json::array(), evidence = Json::array(), chain = Json::array();
  for (const ChainLink& link : wait.chain) chain.push_back(ChainLinkValue(link));
  for (const Competitor& competitor : wait.competitors) {
    competitors.push_back({{"pid", PidOrNull(competitor.pid)},
                           {"comm", competitor.comm},
                           {"bucket", Name(competitor.bucket)},
                           {"ns", competitor.ns}});
  }
  for (const Evidence& item : wait.evidence) evidence.push_back(EvidenceValue(item));
  return {{"cpu", wait.cpu},
          {"waking_ns", wait.start_ns},
          {"wakeup_ns", wait.wakeup_ns},
          {"in_ns", wait.in_ns},
          {"latency_ns", wait.in_ns - wait.start_ns},
          {"waker", {{"pid", PidOrNull(wait.waker_pid)}, {"comm", wait.waker_comm}, {"context", Name(wait.context)}}},
          {"cause", wait.cause},
          {"excess_ns", wait.excess_ns},
          {"affinity", AffinityText(wait.affinity_known)},
          {"buckets_ns", BucketsValue(wait.buckets)},
          {"competitors", std::move(competitors)},
          {"competitors_of_ns", wait.competitors_of_ns},
          {"evidence", std::move(evidence)},
          {"chain", std::move(chain)}};
}

Json ThreadValue(const ThreadSummary& thread) {
  Json worst = Json::array();
  for (const WorstWait& wait : thread.worst) worst.push_back(WorstValue(wait));
  return {{"pid", thread.pid},
          {"comm", thread.comm},
          {"kind", Info(thread.kind).name},
          {"kind_source", Name(thread.kind_source)},
          {"first_seen_ns", thread.first_seen_ns},
          {"wakeups", thread.wakeups},
          {"wakeup_latency_ns", Distribution(thread.wakeup_latency_ns)},
          {"delivery_ns", Distribution(thread.delivery_ns)},
          {"runqueue_ns", Distribution(thread.runqueue_ns)},
          {"preempted_ns", Distribution(thread.preempted_ns)},
          {"excess_latency_ns", Distribution(thread.excess_latency_ns)},
          {"assumed_affinity", thread.assumed_affinity},
          {"buckets_ns", BucketsValue(thread.buckets)},
          {"preempted_buckets_ns", BucketsValue(thread.preempted_buckets)},
          {"worst", std::move(worst)},
          {"on_cpu_ns", thread.on_cpu_ns},
          {"censored", thread.censored},
          {"voided", thread.voided}};
}

Json WorkValue(const WorkSummary& work) {
  return {{"function", work.function},
          {"queue_to_start_ns", Distribution(work.queue_to_start_ns)},
          {"run_ns", Distribution(work.run_ns)},
          {"censored", work.censored},
          {"voided", work.voided},
          {"unmatched", work.unmatched}};
}

Json SoftirqValue(const SoftirqSummary& softirq) {
  return {{"vector", softirq.vector},
          {"raise_to_entry_ns", Distribution(softirq.raise_to_entry_ns)},
          {"in_ksoftirqd", softirq.in_ksoftirqd},
          {"entries", softirq.entries},
          {"censored", softirq.censored},
          {"voided", softirq.voided}};
}

Json TaskletValue(const TaskletSummary& tasklet) {
  return {{"function", tasklet.function},
          {"raise_to_entry_ns", Distribution(tasklet.raise_to_entry_ns)},
          {"run_ns", Distribution(tasklet.run_ns)}};
}

Json SeenOrNull(uint64_t ns) { return KnownOrNull(ns != 0, ns); }

Json KthreadValue(const KthreadLife& life) {
  return {{"pid", life.pid},
          {"comm", life.comm},
          {"creator", {{"pid", PidOrNull(life.creator_pid)}, {"comm", life.creator_comm}}},
          {"request_ns", SeenOrNull(life.request_ns)},
          {"fork_ns", SeenOrNull(life.fork_ns)},
          {"first_run_ns", SeenOrNull(life.first_run_ns)},
          {"function_run_ns", SeenOrNull(life.function_run_ns)},
          {"stopper", {{"pid", PidOrNull(life.stopper_pid)}, {"comm", life.stopper_comm}}},
          {"stop_ns", SeenOrNull(life.stop_ns)},
          {"exit_ns", SeenOrNull(life.exit_ns)},
          {"stop_ret_ns", SeenOrNull(life.stop_ret_ns)},
          {"ret", life.stop_ret_ns != 0 ? Json(life.ret) : Json(nullptr)}};
}

Json HelperValue(const HelperRun& run) {
  return {{"pid", run.pid},
          {"file", run.file},
          {"worker", {{"pid", run.worker_pid}, {"comm", run.worker_comm}}},
          {"queue_ns", SeenOrNull(run.queue_ns)},
          {"start_ns", SeenOrNull(run.start_ns)},
          {"fork_ns", SeenOrNull(run.fork_ns)},
          {"exec_ns", SeenOrNull(run.exec_ns)},
          {"exit_ns", SeenOrNull(run.exit_ns)}};
}

// Its two lists stand beside it.
Json LifecycleValue(const LifecycleSummary& lifecycle) {
  return {{"request_to_fork_ns", Distribution(lifecycle.request_to_fork_ns)},
          {"fork_to_run_ns", Distribution(lifecycle.fork_to_run_ns)},
          {"stop_to_exit_ns", Distribution(lifecycle.stop_to_exit_ns)},
          {"stop_to_return_ns", Distribution(lifecycle.stop_to_return_ns)},
          {"exit_to_return_ns", Distribution(lifecycle.exit_to_return_ns)},
          {"helper_queue_to_exec_ns", Distribution(lifecycle.helper_queue_to_exec_ns)},
          {"kthreads_left_out", lifecycle.kthreads_left_out},
          {"helpers_left_out", lifecycle.helpers_left_out},
          {"voided", lifecycle.voided}};
}

// Without its places: `wakewatch model` has them.
Json RuleValue(const RuleSummary& rule) {
  return {{"name", rule.name},       {"checked", rule.checked},     {"violations", rule.violations},
          {"missing", rule.missing}, {"artefacts", rule.artefacts}, {"voided", rule.voided}};
}

Json UndecidableValue(const Undecidable& undecidable) {
  return {{"class", undecidable.cls}, {"sleeps", undecidable.sleeps}, {"needs", undecidable.needs}};
}

Json ObligationValue(const ObligationSummary& obligation) {
  return {{"class", obligation.cls},     {"opened", obligation.opened},       {"discharged", obligation.discharged},
          {"late", obligation.late},     {"expired", obligation.expired},     {"censored", obligation.censored},
          {"voided", obligation.voided}, {"unlearned", obligation.unlearned}, {"open", obligation.open}};
}

Json SnapshotValue(const ProcSnapshot& snapshot) {
  return {{"pid", snapshot.pid},     {"role", snapshot.role},     {"ts_ns", snapshot.ts_ns}, {"stack", snapshot.stack},
          {"wchan", snapshot.wchan}, {"status", snapshot.status}, {"error", snapshot.error}};
}

Json FindingValue(const Finding& finding) {
  Json evidence = Json::array();
  for (const Evidence& item : finding.evidence) {
    evidence.push_back(EvidenceValue(item));
  }
  Json value = {{"id", finding.id},
                {"group_id", finding.group_id},
                {"check", finding.check},
                {"class", finding.cls},
                {"confidence", Name(finding.confidence)},
                {"pid", finding.pid},
                {"comm", finding.comm},
                {"kind", finding.kind},
                {"cpu", PidOrNull(finding.cpu)},
                {"start_ns", finding.start_ns},
                {"end_ns", finding.end_ns},
                {"waited_ns", finding.waited_ns},
                {"waker", {{"pid", PidOrNull(finding.waker_pid)}, {"comm", finding.waker_comm}}},
                {"evidence", std::move(evidence)},
                {"explanation", finding.explanation},
                {"rule", finding.rule},
                {"assumption", finding.assumption},
                {"would_raise", finding.would_raise}};
  if (finding.check == "lost-wakeup") {
    const std::string_view protocol = ProtocolExplaining(finding.cls);
    value["protocol"] = protocol.empty() ? Json(nullptr) : Json(protocol);
  }
  if (finding.open) value["open"] = true;
  if (!finding.snapshots.empty()) {
    Json snapshots = Json::array();
    for (const ProcSnapshot& snapshot : finding.snapshots) snapshots.push_back(SnapshotValue(snapshot));
    value["snapshots"] = std::move(snapshots);
  }
  return value;
}

Json GroupValue(const FindingGroup& group) {
  const Finding& worst = *group.worst;
  return {{"group_id", worst.group_id},
          {"check", worst.check},
          {"class", worst.cls},
          {"confidence", Name(group.confidence)},
          {"pid", worst.pid},
          {"comm", worst.comm},
          {"kind", worst.kind},
          {"waker", {{"pid", PidOrNull(worst.waker_pid)}, {"comm", worst.waker_comm}}},
          {"count", group.count},
          {"open", group.open},
          {"first_ns", group.first_ns},
          {"last_ns", group.last_ns},
          {"worst_ns", worst.waited_ns},
          {"worst_id", worst.id}};
}

std::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kDataLoss: return "data-loss";
    case Severity::kCorrupt: return "corrupt";
  }
  return "info";
}

Json AnomalyValue(size_t index, uint64_t count) {
  const AnomalyInfo& info = kAnomalyInfo[index];
  return {{"name", info.name}, {"severity", Name(info.severity)}, {"count", count}, {"sentence", info.sentence}};
}

bool Shown(const ThreadSummary& thread, bool all_threads) { return all_threads || IsKernelThread(thread.kind); }

// ,"key": [ … ] with one element a line. Elements are written one at a time: a trace can have many thousand findings.
template <typename Items, typename ToJson>
void AppendArray(std::string* out, std::string_view key, const Items& items, ToJson to_json) {
  *out += ",\n\"";
  *out += key;
  *out += "\": [";
  bool first = true;
  for (const auto& item : items) {
    const Json value = to_json(item);
    if (value.is_null()) continue;
    *out += first ? "\n  " : ",\n  ";
    *out += Dump(value);
    first = false;
  }
  *out += ']';
}

}  // namespace

std::string FindingJson(const Finding& finding) { return Dump(FindingValue(finding)); }
std::string GroupJson(const FindingGroup& group) { return Dump(GroupValue(group)); }
std::string WakeupJson(const MeasuredWait& wait) {
  return Dump(
      {{"pid", wait.pid},
       {"comm", wait.comm},
       {"cpu", wait.cpu},
       {"waking_ns", wait.start_ns},
       {"wakeup_ns", wait.wakeup_ns},
       {"in_ns", wait.in_ns},
       {"waker", {{"pid", PidOrNull(wait.waker_pid)}, {"comm", wait.waker_comm}, {"context", Name(wait.context)}}},
       {"latency_ns", wait.latency_ns()},
       {"excess_ns", wait.excess_ns},
       {"affinity", AffinityText(wait.affinity_known)},
       {"cause", wait.cause},
       {"buckets_ns", BucketsValue(wait.buckets)},
       // A comparison, not a rule: one slice for each fair task in front of it.
       {"slice_bound_ns", wait.slice_bound_ns == 0 ? Json(nullptr) : Json(wait.slice_bound_ns)}});
}

std::string ThreadJson(const ThreadSummary& thread) { return Dump(ThreadValue(thread)); }

std::string ReportJson(const Report& report, bool all_threads) {
  std::string out = "{\"schema_version\": " + std::to_string(kReportSchemaVersion) + ",\n\"trace\": ";
  std::string trace = Dump(TraceValue(report));
  trace.pop_back();  // its closing brace: gaps and CPUs follow
  out += trace;
  AppendArray(&out, "gaps", report.gaps, GapValue);
  AppendArray(&out, "per_cpu", report.per_cpu, CpuValue);
  out += '}';
  AppendArray(&out, "threads", report.threads, [&](const ThreadSummary& thread) {
    return Shown(thread, all_threads) ? ThreadValue(thread) : Json(nullptr);
  });
  AppendArray(&out, "work", report.work, WorkValue);
  AppendArray(&out, "softirq", report.softirq, SoftirqValue);
  AppendArray(&out, "tasklets", report.tasklets, TaskletValue);
  AppendArray(&out, "kthreads", report.lifecycle.kthreads, KthreadValue);
  AppendArray(&out, "helpers", report.lifecycle.helpers, HelperValue);
  out += ",\n\"lifecycle\": " + Dump(LifecycleValue(report.lifecycle));
  AppendArray(&out, "undecidable", report.undecidable, UndecidableValue);
  AppendArray(&out, "obligations", report.obligations, ObligationValue);
  AppendArray(&out, "findings", report.findings, FindingValue);
  AppendArray(&out, "rules", report.rules, RuleValue);
  size_t index = 0;
  AppendArray(&out, "anomalies", report.anomalies.all(), [&](uint64_t count) {
    const size_t at = index++;
    return count > 0 ? AnomalyValue(at, count) : Json(nullptr);
  });
  out += "}\n";
  return out;
}

std::string ReportNdjson(const Report& report, bool all_threads) {
  std::string out;
  const auto append = [&](std::string_view record, Json value) {
    Json line = {{"record", record}};
    line.update(value);
    out += Dump(line) + '\n';
  };
  Json trace = TraceValue(report);
  trace["schema_version"] = kReportSchemaVersion;
  trace["gaps"] = Json::array();
  for (const GapRecord& gap : report.gaps) trace["gaps"].push_back(GapValue(gap));
  append("trace", std::move(trace));
  for (const CpuSummary& cpu : report.per_cpu) append("cpu", CpuValue(cpu));
  for (const ThreadSummary& thread : report.threads) {
    if (Shown(thread, all_threads)) append("thread", ThreadValue(thread));
  }
  for (const WorkSummary& work : report.work) append("work", WorkValue(work));
  for (const SoftirqSummary& softirq : report.softirq) append("softirq", SoftirqValue(softirq));
  for (const TaskletSummary& tasklet : report.tasklets) append("tasklet", TaskletValue(tasklet));
  for (const KthreadLife& life : report.lifecycle.kthreads) append("kthread", KthreadValue(life));
  for (const HelperRun& run : report.lifecycle.helpers) append("helper", HelperValue(run));
  append("lifecycle", LifecycleValue(report.lifecycle));
  for (const Undecidable& undecidable : report.undecidable) append("undecidable", UndecidableValue(undecidable));
  for (const ObligationSummary& row : report.obligations) append("obligation", ObligationValue(row));
  for (const RuleSummary& rule : report.rules) append("rule", RuleValue(rule));
  for (const Finding& finding : report.findings) append("finding", FindingValue(finding));
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    if (report.anomalies.all()[i] > 0) append("anomaly", AnomalyValue(i, report.anomalies.all()[i]));
  }
  return out;
}

}  // namespace wakewatch

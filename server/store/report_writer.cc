#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/model/rules.h"
#include "analysis/model/thread_kind.h"
#include "server/store/recording_writer.h"

namespace wakewatch {
namespace {

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kDataLoss: return "data-loss";
    case Severity::kCorrupt: return "corrupt";
  }
  return "info";
}

// n and quantiles as five values; an empty distribution has an n of 0 and no quantiles.
struct Quantiles {
  explicit Quantiles(const Histogram& histogram) : n(histogram.n()) {
    if (n == 0) return;
    p50 = histogram.Quantile(0.50);
    p90 = histogram.Quantile(0.90);
    p99 = histogram.Quantile(0.99);
    max = histogram.max();
  }
  uint64_t n;
  std::optional<uint64_t> p50, p90, p99, max;
};

std::string InsertSql(const char* table, int values) {
  std::string sql = std::string("INSERT INTO ") + table + " VALUES(?1";
  for (int i = 2; i <= values; ++i) sql += ", ?" + std::to_string(i);
  return sql + ")";
}

// Inserts every element of `rows`; `run` binds one.
template <typename Rows, typename Run>
Status InsertAll(Database& db, const std::string& sql, const Rows& rows, const Run& run) {
  auto statement = db.Prepare(sql);
  if (!statement) return tl::unexpected<Error>(std::move(statement.error()));
  for (const auto& row : rows) STORE_TRY(run(*statement, row));
  return {};
}

Status WriteThreads(Database& db, const Report& report) {
  constexpr int kValues = 36 + 2 * static_cast<int>(kBucketCount);
  return InsertAll(db, InsertSql("thread_summary", kValues), report.threads, [](Statement& s, const ThreadSummary& t) {
    const Quantiles wakeup(t.wakeup_latency_ns), delivery(t.delivery_ns), runqueue(t.runqueue_ns),
        preempted(t.preempted_ns), excess(t.excess_latency_ns);
    const auto run = [&](const auto&... spent) {
      return s.Run(t.pid, t.first_seen_ns, t.comm, Info(t.kind).name, Name(t.kind_source), IsKernelThread(t.kind),
                   t.wakeups, wakeup.n, wakeup.p50, wakeup.p90, wakeup.p99, wakeup.max, delivery.n, delivery.p50,
                   delivery.p90, delivery.p99, delivery.max, runqueue.n, runqueue.p50, runqueue.p90, runqueue.p99,
                   runqueue.max, preempted.n, preempted.p50, preempted.p90, preempted.p99, preempted.max, t.on_cpu_ns,
                   t.censored, t.voided, excess.n, excess.p50, excess.p90, excess.p99, excess.max, t.assumed_affinity,
                   spent...);
    };
    return std::apply(run, std::tuple_cat(t.buckets.ns, t.preempted_buckets.ns));
  });
}

Status WriteDeferred(Database& db, const Report& report) {
  STORE_TRY(InsertAll(db, InsertSql("work_summary", 14), report.work, [](Statement& s, const WorkSummary& w) {
    const Quantiles start(w.queue_to_start_ns), run(w.run_ns);
    return s.Run(w.function, start.n, start.p50, start.p90, start.p99, start.max, run.n, run.p50, run.p90, run.p99,
                 run.max, w.censored, w.voided, w.unmatched);
  }));
  STORE_TRY(InsertAll(db, InsertSql("softirq_summary", 10), report.softirq, [](Statement& s, const SoftirqSummary& v) {
    const Quantiles entry(v.raise_to_entry_ns);
    return s.Run(v.vector, entry.n, entry.p50, entry.p90, entry.p99, entry.max, v.entries, v.in_ksoftirqd, v.censored,
                 v.voided);
  }));
  return InsertAll(db, InsertSql("tasklet_summary", 11), report.tasklets, [](Statement& s, const TaskletSummary& t) {
    const Quantiles entry(t.raise_to_entry_ns), run(t.run_ns);
    return s.Run(t.function, entry.n, entry.p50, entry.p90, entry.p99, entry.max, run.n, run.p50, run.p90, run.p99,
                 run.max);
  });
}

Status WriteCpus(Database& db, const Report& report) {
  return InsertAll(db, InsertSql("cpu_summary", 9), report.per_cpu, [](Statement& s, const CpuSummary& c) {
    const auto kernel = [&](uint64_t value) { return c.have_stats ? std::optional<uint64_t>(value) : std::nullopt; };
    return s.Run(c.cpu, c.first_ns, c.last_ns, c.events, c.gaps, c.lost, c.lost_unknown, kernel(c.stats.overrun),
                 kernel(c.stats.dropped));
  });
}

Status WriteRules(Database& db, const Report& report) {
  return InsertAll(db, InsertSql("model_rule", 8), report.rules, [&](Statement& s, const RuleSummary& r) {
    const RuleInfo* const info = RuleNamed(r.name);
    return s.Run(r.name, kModelVersion, std::string(info == nullptr ? "" : info->title), r.checked, r.violations,
                 r.missing, r.artefacts, r.voided);
  });
}

Status WriteFacts(Database& db, const Report& report) {
  const std::pair<const char*, const std::string*> texts[] = {
      {"path", &report.path},   {"input_kind", &report.input_kind}, {"kernel", &report.kernel},
      {"clock", &report.clock}, {"hostname", &report.hostname},     {"buffer", &report.buffer}};
  const std::pair<const char*, uint64_t> numbers[] = {{"cpus", report.cpus},
                                                      {"start_ns", report.start_ns},
                                                      {"end_ns", report.end_ns},
                                                      {"window_start_ns", report.window_start_ns},
                                                      {"window_end_ns", report.window_end_ns},
                                                      {"skew_ns", report.skew_ns},
                                                      {"skew_pairs", report.skew_pairs},
                                                      {"events", report.events},
                                                      {"lost_events", report.lost_events},
                                                      {"lost_unknown", report.lost_unknown ? 1 : 0},
                                                      {"gaps", report.gaps.size()}};
  const std::string sql = InsertSql("report_info", 2);
  STORE_TRY(InsertAll(db, sql, texts, [](Statement& s, const auto& fact) { return s.Run(fact.first, *fact.second); }));
  STORE_TRY(InsertAll(db, sql, numbers, [](Statement& s, const auto& fact) { return s.Run(fact.first, fact.second); }));
  STORE_TRY(InsertAll(db, InsertSql("event_count", 2), report.events_by_type,
                      [](Statement& s, const auto& count) { return s.Run(count.first, count.second); }));
  STORE_TRY(InsertAll(db, InsertSql("undecidable", 3), report.undecidable, [](Statement& s, const Undecidable& u) {
    std::string needs;
    for (const std::string& need : u.needs) needs += (needs.empty() ? "" : " ") + need;
    return s.Run(u.cls, u.sleeps, needs);
  }));
  STORE_TRY(InsertAll(db, InsertSql("obligation", 9), report.obligations, [](Statement& s, const ObligationSummary& o) {
    return s.Run(o.cls, o.opened, o.discharged, o.late, o.expired, o.censored, o.voided, o.unlearned, o.open);
  }));
  auto anomaly = db.Prepare(InsertSql("anomaly", 4));
  if (!anomaly) return tl::unexpected<Error>(std::move(anomaly.error()));
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    const uint64_t n = report.anomalies.all()[i];
    const AnomalyInfo& info = kAnomalyInfo[i];
    if (n > 0) STORE_TRY(anomaly->Run(info.name, SeverityName(info.severity), n, info.sentence));
  }
  return {};
}

}  // namespace

Status WriteSummaries(Database& db, const Report& report) {
  STORE_TRY(
      db.Exec("DELETE FROM report_info; DELETE FROM event_count; DELETE FROM undecidable; DELETE FROM obligation; "
              "DELETE FROM anomaly; "
              "DELETE FROM thread_summary; DELETE FROM work_summary; DELETE FROM softirq_summary; "
              "DELETE FROM tasklet_summary; DELETE FROM cpu_summary; DELETE FROM model_rule"));
  STORE_TRY(WriteThreads(db, report));
  STORE_TRY(WriteDeferred(db, report));
  STORE_TRY(WriteCpus(db, report));
  STORE_TRY(WriteRules(db, report));
  return WriteFacts(db, report);
}

Status AddSnapshots(Database& db, std::span<const FindingSnapshot> snapshots) {
  return InsertAll(db, "INSERT OR REPLACE INTO finding_snapshot VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", snapshots,
                   [](Statement& s, const FindingSnapshot& row) {
                     const ProcSnapshot& p = row.snapshot;
                     return s.Run(row.finding_id, p.role, p.pid, p.ts_ns, p.stack, p.wchan, p.status, p.error);
                   });
}

Result<uint64_t> AddFindings(Database& db, std::span<const Finding> findings) {
  uint64_t added = 0;
  if (findings.empty()) return added;
  auto make_way = db.Prepare("DELETE FROM finding WHERE id = ?1 AND open");
  auto forget = db.Prepare("DELETE FROM finding_evidence WHERE finding_id = ?1");
  auto insert = db.Prepare(
      "INSERT OR IGNORE INTO finding VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)");
  auto evidence = db.Prepare(InsertSql("finding_evidence", 5));
  for (const auto* statement : {&make_way, &forget, &insert, &evidence}) {
    if (!*statement) return tl::unexpected<Error>(statement->error());
  }
  const auto known = [](int32_t id) { return id < 0 ? std::nullopt : std::optional<int32_t>(id); };
  std::vector<FindingSnapshot> snapshots;
  for (const Finding& f : findings) {
    STORE_TRY(make_way->Run(f.id));
    const bool replaces = sqlite3_changes(db.get()) > 0;
    if (replaces) STORE_TRY(forget->Run(f.id));
    const auto waker = f.waker_pid < 0 ? std::nullopt : std::optional<std::string>(f.waker_comm);
    STORE_TRY(insert->Run(f.id, f.group_id, f.check, f.cls, Name(f.confidence), f.pid, f.comm, known(f.cpu), f.start_ns,
                          f.end_ns, f.waited_ns, known(f.waker_pid), waker, f.explanation, f.kind, f.rule, f.assumption,
                          f.would_raise, f.open));
    if (sqlite3_changes(db.get()) == 0) continue;
    if (!replaces) ++added;
    int64_t position = 0;
    for (const Evidence& e : f.evidence) STORE_TRY(evidence->Run(f.id, position++, e.cpu, e.ts_ns, e.event));
    for (const ProcSnapshot& snapshot : f.snapshots) snapshots.push_back({f.id, snapshot});
  }
  if (auto status = AddSnapshots(db, snapshots); !status) return Fail(status.error());
  return added;
}

Status WriteReport(Database& db, const Report& report) {
  STORE_TRY(WriteSummaries(db, report));
  STORE_TRY(db.Exec("DELETE FROM finding_evidence; DELETE FROM finding"));
  const auto added = AddFindings(db, report.findings);
  return added ? Status() : Status(Fail(added.error()));
}

}  // namespace wakewatch

#include "analysis/report/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "analysis/report/mann_whitney.h"

namespace wakewatch {
namespace {

TimesSide SideOf(const Histogram& histogram) {
  return {histogram.n(), histogram.Quantile(0.5), histogram.Quantile(0.9), histogram.Quantile(0.99), histogram.max()};
}

struct Pair {
  Histogram before, after;
};

// What both sides of a comparison have in common.
struct Terms {
  double before_independent = 0, after_independent = 0;

  ComparedTimes Compared(const Pair& pair) const {
    ComparedTimes times{.before = SideOf(pair.before), .after = SideOf(pair.after)};
    const RankComparison ranks = MannWhitney(pair.before, before_independent, pair.after, after_independent);
    times.longer = ranks.longer;
    times.p_value = ranks.p;
    return times;
  }
};

Histogram& SideIn(Pair* pair, bool after) { return after ? pair->after : pair->before; }

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Every run of digits as one star.
std::string Starred(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!AllDigits(text.substr(i, 1))) {
      out += text[i];
    } else if (i == 0 || !AllDigits(text.substr(i - 1, 1))) {
      out += '*';
    }
  }
  return out;
}

// "kworker/3:1H" and "kworker/u8:2-events" (as /proc says it: what it does now).
std::string WorkerName(std::string_view comm) { return Starred(comm.substr(0, comm.find_first_of("+-"))); }

// "irq/24-virtio0-req": the number of the interrupt is the boot's, the rest the driver's.
std::string IrqName(std::string_view comm) {
  const size_t dash = comm.find('-');
  std::string name = Starred(comm.substr(0, dash));
  if (dash != std::string_view::npos) name += comm.substr(dash);
  return name;
}

// "watchdog/3": what smpboot_register_percpu_thread names.
std::string PerCpuName(std::string_view comm) {
  const size_t slash = comm.rfind('/');
  if (slash == std::string_view::npos || !AllDigits(comm.substr(slash + 1))) return std::string(comm);
  return std::string(comm.substr(0, slash)) + "/*";
}

struct ThreadPair {
  uint32_t threads[2] = {0, 0};
  uint64_t wakeups[2] = {0, 0};
  Pair latency, excess;
};
struct WorkPair {
  Pair queue_to_start, run;
};
struct SoftirqPair {
  Pair raise_to_entry;
  uint64_t in_ksoftirqd[2] = {0, 0};
};

std::vector<ComparedThread> Threads(const Comparison& sides, const Report* const (&reports)[2], bool user_tasks,
                                    const Terms& terms) {
  std::map<std::pair<ThreadKind, std::string>, ThreadPair> pairs;
  for (const bool after : {false, true}) {
    for (const ThreadSummary& thread : reports[after]->threads) {
      if (thread.wakeups == 0 || (!user_tasks && !IsKernelThread(thread.kind))) continue;
      ThreadPair& pair = pairs[{thread.kind, ComparedName(thread.comm, thread.kind)}];
      ++pair.threads[after];
      pair.wakeups[after] += thread.wakeups;
      SideIn(&pair.latency, after).Merge(thread.wakeup_latency_ns);
      SideIn(&pair.excess, after).Merge(thread.excess_latency_ns);
    }
  }
  const auto rate = [](uint64_t n, const ComparedSide& side) {
    return static_cast<double>(n) * 1e9 / static_cast<double>(side.end_ns - side.start_ns);
  };
  std::vector<ComparedThread> threads;
  for (const auto& [key, pair] : pairs) {
    threads.push_back({.name = key.second,
                       .kind = key.first,
                       .threads_before = pair.threads[0],
                       .threads_after = pair.threads[1],
                       .latency = terms.Compared(pair.latency),
                       .excess = terms.Compared(pair.excess),
                       .wakeups_per_s_before = rate(pair.wakeups[0], sides.before),
                       .wakeups_per_s_after = rate(pair.wakeups[1], sides.after)});
  }
  return threads;
}

std::vector<ComparedWork> Work(const Report* const (&reports)[2], const Terms& terms) {
  std::map<std::string, WorkPair> pairs;
  for (const bool after : {false, true}) {
    for (const WorkSummary& work : reports[after]->work) {
      if (work.queue_to_start_ns.n() == 0 && work.run_ns.n() == 0) continue;
      WorkPair& pair = pairs[work.function];
      SideIn(&pair.queue_to_start, after).Merge(work.queue_to_start_ns);
      SideIn(&pair.run, after).Merge(work.run_ns);
    }
  }
  std::vector<ComparedWork> compared;
  for (const auto& [function, pair] : pairs) {
    compared.push_back({function, terms.Compared(pair.queue_to_start), terms.Compared(pair.run)});
  }
  return compared;
}

std::vector<ComparedSoftirq> Softirqs(const Report* const (&reports)[2], const Terms& terms) {
  std::map<std::string, SoftirqPair> pairs;
  for (const bool after : {false, true}) {
    for (const SoftirqSummary& softirq : reports[after]->softirq) {
      if (softirq.entries == 0 && softirq.raise_to_entry_ns.n() == 0) continue;
      SoftirqPair& pair = pairs[softirq.vector];
      SideIn(&pair.raise_to_entry, after).Merge(softirq.raise_to_entry_ns);
      pair.in_ksoftirqd[after] += softirq.in_ksoftirqd;
    }
  }
  std::vector<ComparedSoftirq> compared;
  for (const auto& [vector, pair] : pairs) {
    compared.push_back({vector, terms.Compared(pair.raise_to_entry), pair.in_ksoftirqd[0], pair.in_ksoftirqd[1]});
  }
  return compared;
}

Result<ComparedSide> SideOf(const ComparedPart& part, const char* which) {
  const Report& report = part.report;
  ComparedSide side{.host = part.host,
                    .recording = part.recording,
                    .kernel = report.kernel,
                    .start_ns = std::max(report.start_ns, part.since_ns),
                    .end_ns = std::min(report.end_ns, part.until_ns),
                    .events = report.events};
  if (report.events == 0 || side.end_ns <= side.start_ns) {
    return Fail(ErrorCode::kNotFound,
                std::string("nothing was recorded in the span that is to be compared as ") + which);
  }
  if (part.since_ns <= report.start_ns && part.until_ns >= report.end_ns) {
    side.lost_events = report.lost_events;
    side.lost_unknown = report.lost_unknown;
    side.gaps = 0;
    for (const CpuSummary& cpu : report.per_cpu) side.gaps += cpu.gaps;  // of a live recording more than the list has
    return side;
  }
  uint64_t placed = 0;
  for (const GapRecord& gap : report.gaps) {
    const bool counted = gap.lost != kLostUnknown;
    if (counted) placed += gap.lost;
    if (gap.end_ns < side.start_ns || gap.start_ns > side.end_ns) continue;
    ++side.gaps;
    if (counted) side.lost_events += gap.lost;
    side.lost_unknown = side.lost_unknown || !counted;
  }
  side.lost_unknown = side.lost_unknown || placed < report.lost_events;
  return side;
}

// Whatever has to be told of a row, in the order in which it counts.
using Times = std::vector<ComparedTimes*>;
Times TimesOf(ComparedThread& row) { return {&row.latency, &row.excess}; }
Times TimesOf(ComparedWork& row) { return {&row.queue_to_start, &row.run}; }
Times TimesOf(ComparedSoftirq& row) { return {&row.raise_to_entry}; }

// The smaller, the surer: corrected p, then p, then how far from no difference.
struct Sureness {
  double p_adjusted = 2, p = 2, likeness = 0.5;
  auto operator<=>(const Sureness&) const = default;
};
template <typename Row>
Sureness SurenessOf(Row& row) {
  Sureness best;
  for (const ComparedTimes* const times : TimesOf(row)) {
    best = std::min(
        best, Sureness{times->p_adjusted.value_or(2), times->p_value.value_or(2), 0.5 - std::abs(times->longer - 0.5)});
  }
  return best;
}

template <typename Row>
void Sort(std::vector<Row>* rows) {
  std::vector<std::pair<Sureness, Row>> ranked;
  for (Row& row : *rows) ranked.emplace_back(SurenessOf(row), std::move(row));
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  rows->clear();
  for (auto& [sureness, row] : ranked) rows->push_back(std::move(row));
}

void Adjust(Comparison* comparison) {
  Times tested;
  const auto take = [&](auto& rows) {
    for (auto& row : rows) {
      for (ComparedTimes* const times : TimesOf(row)) {
        if (times->p_value) tested.push_back(times);
      }
    }
  };
  take(comparison->threads);
  take(comparison->work);
  take(comparison->softirqs);
  std::vector<double> p;
  for (const ComparedTimes* const times : tested) p.push_back(*times->p_value);
  HolmAdjust(p);
  for (size_t i = 0; i < p.size(); ++i) tested[i]->p_adjusted = p[i];
}

}  // namespace

Change ChangeOf(const ComparedTimes& times) {
  if (times.before.n == 0 && times.after.n == 0) return Change::kNone;
  if (times.after.n == 0) return Change::kOnlyBefore;
  if (times.before.n == 0) return Change::kOnlyAfter;
  if (!times.p_adjusted) return Change::kTooFew;
  if (*times.p_adjusted > kSureP) return Change::kNotSure;
  return times.longer > 0.5 ? Change::kLonger : Change::kShorter;
}

std::string_view Name(Change change) {
  switch (change) {
    case Change::kNone: return "none measured";
    case Change::kOnlyBefore: return "only before";
    case Change::kOnlyAfter: return "only after";
    case Change::kTooFew: return "too few to tell";
    case Change::kNotSure: return "no sure change";
    case Change::kShorter: return "shorter";
    case Change::kLonger: return "longer";
  }
  return "none measured";
}

bool Comparison::has_gaps() const {
  const auto incomplete = [](const ComparedSide& side) {
    return side.gaps > 0 || side.lost_events > 0 || side.lost_unknown;
  };
  return incomplete(before) || incomplete(after);
}

std::string ComparedName(std::string_view comm, ThreadKind kind) {
  switch (kind) {
    case ThreadKind::kUser: return std::string(comm);
    case ThreadKind::kKworker: return WorkerName(comm);
    case ThreadKind::kIrq: return IrqName(comm);
    // The numbers of a node, a host adapter or a loop device, at the end.
    case ThreadKind::kKswapd:
    case ThreadKind::kKcompactd:
    case ThreadKind::kScsi:
    case ThreadKind::kLoop: return Starred(comm);
    default: return PerCpuName(comm);
  }
}

Result<Comparison> Compare(const ComparedPart& before, const ComparedPart& after, bool user_tasks) {
  auto left = SideOf(before, "before"), right = SideOf(after, "after");
  if (!left || !right) return Fail(!left ? left.error() : right.error());
  Comparison comparison{.before = *std::move(left), .after = *std::move(right)};
  const auto independent = [](const ComparedSide& side) {
    return static_cast<double>(side.end_ns - side.start_ns) / static_cast<double>(kIndependentNs);
  };
  const Terms terms{independent(comparison.before), independent(comparison.after)};
  const Report* const reports[2] = {&before.report, &after.report};
  comparison.threads = Threads(comparison, reports, user_tasks, terms);
  comparison.work = Work(reports, terms);
  comparison.softirqs = Softirqs(reports, terms);
  Adjust(&comparison);
  Sort(&comparison.threads);
  Sort(&comparison.work);
  Sort(&comparison.softirqs);
  return comparison;
}

}  // namespace wakewatch

#include "analysis/report/report_text.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "analysis/report/delay_text.h"
#include "analysis/report/finding_text.h"
#include "analysis/report/lifecycle_text.h"
#include "analysis/report/model_view.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

constexpr size_t kEventTypesShown = 6;
constexpr auto kRight = TextTable::Align::kRight;

std::string QuantileText(const Histogram& histogram, double q) {
  return histogram.n() == 0 ? "-" : DurationText(histogram.Quantile(q));
}
std::string MaxText(const Histogram& histogram) { return histogram.n() == 0 ? "-" : DurationText(histogram.max()); }

// The p99 of a part of `whole`, with its n where that differs.
std::string PartText(const Histogram& part, const Histogram& whole) {
  const std::string p99 = QuantileText(part, 0.99);
  return part.n() == 0 || part.n() == whole.n() ? p99 : fmt::format("{} (n {})", p99, CountText(part.n()));
}

// The n, p50, p99 and max of one distribution, as cells.
void AppendCells(const Histogram& histogram, std::vector<std::string>* cells) {
  cells->push_back(CountText(histogram.n()));
  cells->push_back(QuantileText(histogram, 0.50));
  cells->push_back(QuantileText(histogram, 0.99));
  cells->push_back(MaxText(histogram));
}

bool Worse(const Histogram& a, const Histogram& b) {
  const std::pair left(a.Quantile(0.99), a.max()), right(b.Quantile(0.99), b.max());
  return left != right ? left > right : a.n() > b.n();
}

// The items as pointers, worst first by `histogram`, and at most `rows_max` of them.
template <typename Item>
std::vector<const Item*> Worst(const std::vector<Item>& items, const Histogram Item::*histogram, size_t rows_max) {
  std::vector<const Item*> worst;
  for (const Item& item : items) worst.push_back(&item);
  std::stable_sort(worst.begin(), worst.end(),
                   [&](const Item* a, const Item* b) { return Worse(a->*histogram, b->*histogram); });
  if (worst.size() > rows_max) worst.resize(rows_max);
  return worst;
}

std::string EventsLine(const Report& report) {
  std::vector<std::pair<std::string, uint64_t>> types(report.events_by_type.begin(), report.events_by_type.end());
  std::stable_sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string line = CountText(report.events);
  for (size_t i = 0; i < types.size() && i < kEventTypesShown; ++i) {
    line += fmt::format("{} {} {}", i == 0 ? ":" : ",", PrintableText(types[i].first), CountText(types[i].second));
  }
  if (types.size() > kEventTypesShown) line += fmt::format(", {} other types", types.size() - kEventTypesShown);
  return line;
}

std::string HeaderText(const Report& report) {
  const auto known = [](const std::string& text) {
    return text.empty() ? std::string("unknown") : PrintableText(text);
  };
  const uint64_t window =
      report.window_end_ns > report.window_start_ns ? report.window_end_ns - report.window_start_ns : 0;
  std::string out = fmt::format("input   {} ({}{})\n", PrintableText(report.path), PrintableText(report.input_kind),
                                report.buffer.empty() ? "" : ", buffer " + PrintableText(report.buffer));
  out += fmt::format("host    {}, kernel {}, {} CPUs, clock {}\n", known(report.hostname), known(report.kernel),
                     report.cpus, known(report.clock));
  out += fmt::format("span    {}, from {} s to {} s of the trace clock; {} of it covered by every CPU's buffer\n",
                     DurationText(report.end_ns - report.start_ns), TraceTimeText(report.start_ns),
                     TraceTimeText(report.end_ns), DurationText(window));
  if (report.skew_pairs > 0) {
    const std::string pairs = CountText(report.skew_pairs) + " wakeups delivered across CPUs";
    out += report.skew_ns == 0
               ? fmt::format("skew    none seen: no clock ran ahead in {}\n", pairs)
               : fmt::format("skew    CPUs' clocks were up to {} apart in {}\n", DurationText(report.skew_ns), pairs);
  }
  return out + fmt::format("events  {}\n", EventsLine(report)) + ModelLine(report);
}

// One line a kind that occurs: what it is for, what it was once called.
std::string KindsText(const Report& report) {
  std::set<ThreadKind> kinds;
  for (const ThreadSummary& thread : report.threads) {
    if (IsKernelThread(thread.kind) && thread.kind != ThreadKind::kKthread) kinds.insert(thread.kind);
  }
  if (kinds.empty()) return {};
  std::string out = "\nWHAT THESE THREADS ARE\n";
  TextTable table({{"kind"}, {"what it does"}});
  for (const ThreadKind kind : kinds) {
    const ThreadKindInfo& info = Info(kind);
    std::string purpose(info.purpose);
    if (!info.once.empty()) purpose += fmt::format(" (once: {})", info.once);
    table.AddRow({std::string(info.name), std::move(purpose)});
  }
  return out + table.Text();
}

std::string WorkText(const Report& report, size_t rows_max) {
  if (report.work.empty()) return {};
  TextTable table({{"work function"},
                   {"n", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"ran", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"voided", kRight},
                   {"once done by"}});
  for (const WorkSummary* work : Worst(report.work, &WorkSummary::queue_to_start_ns, rows_max)) {
    std::vector<std::string> cells = {work->function};
    AppendCells(work->queue_to_start_ns, &cells);
    AppendCells(work->run_ns, &cells);
    cells.push_back(CountText(work->voided));
    cells.emplace_back(OnceThreadOf(work->function));
    table.AddRow(std::move(cells));
  }
  return "\nWORK ITEMS: queued until started (n to max), then executing (ran to max)\n" + table.Text() +
         LeftOutText(report.work.size(), table.rows(), "work functions");
}

std::string SoftirqText(const Report& report, size_t rows_max) {
  if (report.softirq.empty()) return {};
  TextTable table({{"vector"},
                   {"n", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"entries", kRight},
                   {"in ksoftirqd", kRight},
                   {"voided", kRight}});
  for (const SoftirqSummary* softirq : Worst(report.softirq, &SoftirqSummary::raise_to_entry_ns, rows_max)) {
    std::vector<std::string> cells = {softirq->vector};
    AppendCells(softirq->raise_to_entry_ns, &cells);
    cells.push_back(CountText(softirq->entries));
    cells.push_back(CountText(softirq->in_ksoftirqd));
    cells.push_back(CountText(softirq->voided));
    table.AddRow(std::move(cells));
  }
  return "\nSOFTIRQS: first raise until entry, on the same CPU\n" + table.Text() +
         LeftOutText(report.softirq.size(), table.rows(), "vectors");
}

std::string TaskletText(const Report& report, size_t rows_max) {
  if (report.tasklets.empty()) return {};
  TextTable table({{"tasklet"},
                   {"n", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"ran", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight}});
  for (const TaskletSummary* tasklet : Worst(report.tasklets, &TaskletSummary::raise_to_entry_ns, rows_max)) {
    std::vector<std::string> cells = {tasklet->function};
    AppendCells(tasklet->raise_to_entry_ns, &cells);
    AppendCells(tasklet->run_ns, &cells);
    table.AddRow(std::move(cells));
  }
  return "\nTASKLETS: raised until entered (n to max), then running (ran to max)\n" + table.Text() +
         LeftOutText(report.tasklets.size(), table.rows(), "tasklets");
}

std::string AnomaliesText(const AnomalyCounts& anomalies) {
  std::string out;
  for (size_t i = 0; i < kAnomalyCount; ++i) {
    if (anomalies.all()[i] == 0) continue;
    out += fmt::format("  {} {}: {}\n", CountText(anomalies.all()[i]), kAnomalyInfo[i].name, kAnomalyInfo[i].sentence);
  }
  return out.empty() ? out : "\nODD IN THIS TRACE\n" + out;
}

}  // namespace

std::string LossText(const Report& report) {
  if (!report.HasGaps() && report.lost_events == 0 && !report.lost_unknown) return {};
  std::set<uint32_t> cpus;
  for (const GapRecord& gap : report.gaps) cpus.insert(gap.cpu);
  std::string lost = CountText(report.lost_events);
  if (report.lost_unknown) lost = report.lost_events > 0 ? "at least " + lost : "an unknown number of";
  std::string out = fmt::format("!!! EVENTS WERE LOST: {} events, in {} on {}.\n", lost,
                                CountedText(report.gaps.size(), "gap"), CountedText(cpus.size(), "CPU"));
  return out + "!!! What touches a gap is counted as voided and is in no figure and no finding below.\n";
}

std::string ThreadsText(const Report& report, const TextOptions& options) {
  std::vector<const ThreadSummary*> threads;
  size_t silent = 0;
  for (const ThreadSummary& thread : report.threads) {
    if (!options.all_threads && !IsKernelThread(thread.kind)) continue;
    if (thread.kind == ThreadKind::kIdle) continue;
    if (thread.wakeup_latency_ns.n() == 0 && thread.preempted_ns.n() == 0) {
      ++silent;
      continue;
    }
    threads.push_back(&thread);
  }
  std::stable_sort(threads.begin(), threads.end(), [](const ThreadSummary* a, const ThreadSummary* b) {
    return Worse(a->wakeup_latency_ns, b->wakeup_latency_ns);
  });
  const std::string_view who = options.all_threads ? "threads" : "kernel threads";
  std::string out = fmt::format("{}, latest to wake first: from sched_waking to running\n",
                                options.all_threads ? "THREADS" : "KERNEL THREADS");
  if (threads.empty()) return out + fmt::format("  no {} with a measured wait\n", who);

  TextTable table({{"pid", kRight},
                   {"thread"},
                   {"kind"},
                   {"n", kRight},
                   {"p50", kRight},
                   {"p99", kRight},
                   {"max", kRight},
                   {"delivery p99", kRight},
                   {"run queue p99", kRight},
                   {"preempted n", kRight},
                   {"max", kRight},
                   {"on CPU", kRight},
                   {"censored", kRight},
                   {"voided", kRight}});
  for (size_t i = 0; i < threads.size() && i < options.rows_max; ++i) {
    const ThreadSummary& thread = *threads[i];
    std::vector<std::string> cells = {std::to_string(thread.pid), thread.comm, std::string(Info(thread.kind).name)};
    AppendCells(thread.wakeup_latency_ns, &cells);
    for (std::string cell : {PartText(thread.delivery_ns, thread.wakeup_latency_ns),
                             PartText(thread.runqueue_ns, thread.wakeup_latency_ns), CountText(thread.preempted_ns.n()),
                             MaxText(thread.preempted_ns), DurationText(thread.on_cpu_ns), CountText(thread.censored),
                             CountText(thread.voided)}) {
      cells.push_back(std::move(cell));
    }
    table.AddRow(std::move(cells));
  }
  out += table.Text() + LeftOutText(threads.size(), table.rows(), who);
  if (silent > 0) out += fmt::format("  {} {} had no measured wait\n", CountText(silent), who);
  return out;
}

std::string ReportText(const Report& report, const TextOptions& options) {
  std::string out = LossText(report);
  if (!out.empty()) out += '\n';
  out += HeaderText(report);
  out += '\n' + ThreadsText(report, options);
  out += DelaysText(report, options);
  out += '\n' + FindingsText(report, options);
  out += UndecidableText(report) + ObligationsText(report);
  out += WorkText(report, options.rows_max);
  out += SoftirqText(report, options.rows_max);
  out += TaskletText(report, options.rows_max);
  out += LifecycleText(report.lifecycle, options.rows_max);
  out += KindsText(report);
  out += AnomaliesText(report.anomalies);
  return out;
}

}  // namespace wakewatch

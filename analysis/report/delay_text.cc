#include "analysis/report/delay_text.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "analysis/report/chain_links.h"
#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

constexpr size_t kWorstShown = 3;
constexpr size_t kSharesShown = 3;

// In the words of the report's reader.
std::string_view Words(Bucket bucket) {
  switch (bucket) {
    case Bucket::kDelivery: return "delivery";
    case Bucket::kIdleExit: return "out of idle";
    case Bucket::kHardirq: return "hard interrupts";
    case Bucket::kSoftirq: return "softirqs";
    case Bucket::kHigher: return "tasks of higher rank";
    case Bucket::kEqual: return "tasks of its rank";
    case Bucket::kLower: return "tasks of lower rank";
    case Bucket::kMigration: return "migration";
    case Bucket::kOff: return "preemption or interrupts off";
    case Bucket::kUnexplained: return "not explained";
  }
  return "not explained";
}

std::vector<Bucket> LargestFirst(const DelayBuckets& buckets) {
  std::vector<Bucket> order;
  for (size_t i = 0; i < kBucketCount; ++i) {
    if (buckets.ns[i] > 0) order.push_back(static_cast<Bucket>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](Bucket a, Bucket b) { return buckets.Of(a) > buckets.Of(b); });
  return order;
}

std::vector<const ThreadSummary*> Waiters(const Report& report, const TextOptions& options) {
  std::vector<const ThreadSummary*> threads;
  for (const ThreadSummary& thread : report.threads) {
    if (!options.all_threads && !IsKernelThread(thread.kind)) continue;
    if (thread.buckets.Total() > 0) threads.push_back(&thread);
  }
  return threads;
}

std::string WaitText(size_t number, const ThreadSummary& thread, const WorstWait& wait) {
  std::string out = fmt::format("  {}. {} (pid {}) waited {} for CPU {}, {} s to {} s: {}\n", number,
                                PrintableText(thread.comm), thread.pid, DurationText(wait.in_ns - wait.start_ns),
                                wait.cpu, TraceTimeText(wait.start_ns), TraceTimeText(wait.in_ns), wait.cause);
  out += "     spent on";
  std::string_view before = " ";
  for (const Bucket bucket : LargestFirst(wait.buckets)) {
    out += fmt::format("{}{} {}", before, Words(bucket), DurationText(wait.buckets.Of(bucket)));
    before = ", ";
  }
  out +=
      fmt::format("\n     {} more than a scheduler that leaves no CPU idle would have let it wait ({} allowed CPUs)\n",
                  DurationText(wait.excess_ns), wait.affinity_known ? "known" : "assumed");
  if (!wait.competitors.empty()) {
    out += fmt::format("     on the CPU in the {} that are known:", DurationText(wait.competitors_of_ns));
    before = " ";
    for (const Competitor& competitor : wait.competitors) {
      out += before;
      out += competitor.pid < 0 ? std::string("others")
                                : fmt::format("{} (pid {})", PrintableText(competitor.comm), competitor.pid);
      out += " " + DurationText(competitor.ns);
      before = ", ";
    }
    out += '\n';
  }
  out += ChainLinksText(TaskText(thread.pid, thread.comm), wait.chain, 5);
  for (const Evidence& evidence : wait.evidence) {
    out += fmt::format("     {} s [{:03}] {}\n", TraceTimeText(evidence.ts_ns), evidence.cpu,
                       PrintableText(evidence.event));
  }
  return out;
}

std::string TableText(const Report& report, const TextOptions& options) {
  std::vector<const ThreadSummary*> threads = Waiters(report, options);
  if (threads.empty()) return {};
  std::stable_sort(threads.begin(), threads.end(), [](const ThreadSummary* a, const ThreadSummary* b) {
    return a->buckets.Total() > b->buckets.Total();
  });
  constexpr auto kRight = TextTable::Align::kRight;
  TextTable table({{"pid", kRight},
                   {"thread"},
                   {"n", kRight},
                   {"waited", kRight},
                   {"excess", kRight},
                   {"max", kRight},
                   {"allowed CPUs"},
                   {"spent on"}});
  for (size_t i = 0; i < threads.size() && i < options.rows_max; ++i) {
    const ThreadSummary& thread = *threads[i];
    const uint64_t total = thread.buckets.Total();
    std::string spent;
    size_t shares = 0;
    for (const Bucket bucket : LargestFirst(thread.buckets)) {
      if (shares++ == kSharesShown) break;
      spent +=
          fmt::format("{}{} % {}", spent.empty() ? "" : ", ",
                      100 * (thread.buckets.Of(bucket) / 1000) / std::max<uint64_t>(total / 1000, 1), Words(bucket));
    }
    const uint64_t n = thread.wakeup_latency_ns.n();
    table.AddRow({std::to_string(thread.pid), thread.comm, CountText(n), DurationText(total),
                  DurationText(thread.excess_latency_ns.sum()), DurationText(thread.excess_latency_ns.max()),
                  thread.assumed_affinity == 0   ? "known"
                  : thread.assumed_affinity == n ? "assumed"
                                                 : fmt::format("assumed in {}", CountText(thread.assumed_affinity)),
                  spent});
  }
  std::string out =
      "\nWHERE THE TIME WENT: of all waits after a wakeup, and what of it no work-conserving schedule needs "
      "(excess)\n" +
      table.Text();
  if (threads.size() > table.rows()) {
    out += fmt::format("  … and {} more threads\n", CountText(threads.size() - table.rows()));
  }
  return out;
}

std::string WorstWaitsText(const Report& report, const TextOptions& options) {
  std::vector<const ThreadSummary*> threads = Waiters(report, options);
  std::erase_if(threads, [](const ThreadSummary* thread) { return thread->worst.empty(); });
  if (threads.empty()) return {};
  const auto longest = [](const ThreadSummary* thread) {
    const WorstWait& wait = thread->worst.front();
    return wait.in_ns - wait.start_ns;
  };
  std::stable_sort(threads.begin(), threads.end(),
                   [&](const ThreadSummary* a, const ThreadSummary* b) { return longest(a) > longest(b); });
  std::string out = "\nWORST WAKEUPS: of each thread the longest wait, to the last nanosecond\n";
  const size_t shown = std::min({threads.size(), kWorstShown, options.rows_max});
  for (size_t i = 0; i < shown; ++i) out += WaitText(i + 1, *threads[i], threads[i]->worst.front());
  return out;
}

}  // namespace

std::string DelaysText(const Report& report, const TextOptions& options) {
  return TableText(report, options) + WorstWaitsText(report, options);
}

}  // namespace wakewatch

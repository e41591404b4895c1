#include "analysis/report/lifecycle_text.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

constexpr auto kRight = TextTable::Align::kRight;

// "-" where one end was not seen, or the end came first.
std::string SpanText(uint64_t start_ns, uint64_t end_ns) {
  return start_ns == 0 || end_ns < start_ns ? "-" : DurationText(end_ns - start_ns);
}

std::string WhoText(int32_t pid, const std::string& comm) { return pid < 0 ? "-" : fmt::format("{} ({})", comm, pid); }

// "  requested until forked: n 12, p50 370 us, p99 500 us, max 510 us".
std::string FiguresText(std::initializer_list<std::pair<std::string_view, const Histogram*>> figures) {
  std::string out;
  for (const auto& [what, histogram] : figures) {
    if (histogram->n() == 0) continue;
    out += fmt::format("  {}: n {}, p50 {}, p99 {}, max {}\n", what, CountText(histogram->n()),
                       DurationText(histogram->Quantile(0.5)), DurationText(histogram->Quantile(0.99)),
                       DurationText(histogram->max()));
  }
  return out;
}

std::string LeftOutText(size_t listed, uint64_t left_out, size_t shown, std::string_view what) {
  const uint64_t hidden = listed - shown + left_out;
  return hidden > 0 ? fmt::format("  … and {} older {}\n", CountText(hidden), what) : std::string();
}

std::string KthreadsText(const LifecycleSummary& lifecycle, size_t rows_max) {
  const auto& kthreads = lifecycle.kthreads;
  if (kthreads.empty()) return {};
  TextTable table({{"pid", kRight},
                   {"thread"},
                   {"creator"},
                   {"forked", kRight},
                   {"ran", kRight},
                   {"started", kRight},
                   {"stopper"},
                   {"exited", kRight},
                   {"returned", kRight},
                   {"ret", kRight}});
  const size_t shown = std::min(rows_max, kthreads.size());
  for (size_t i = kthreads.size() - shown; i < kthreads.size(); ++i) {
    const KthreadLife& life = kthreads[i];
    table.AddRow({std::to_string(life.pid), life.comm, WhoText(life.creator_pid, life.creator_comm),
                  SpanText(life.request_ns, life.fork_ns), SpanText(life.fork_ns, life.first_run_ns),
                  SpanText(life.first_run_ns, life.function_run_ns), WhoText(life.stopper_pid, life.stopper_comm),
                  SpanText(life.stop_ns, life.exit_ns), SpanText(life.stop_ns, life.stop_ret_ns),
                  life.stop_ret_ns == 0 ? "-" : std::to_string(life.ret)});
  }
  std::string out =
      "\nKERNEL THREADS CREATED AND STOPPED, the newest last: requested until forked, until it first ran, until it ran "
      "its function; told to stop until exited, until the stop returned\n";
  out += table.Text() + LeftOutText(kthreads.size(), lifecycle.kthreads_left_out, shown, "kernel threads");
  return out + FiguresText({{"requested until forked", &lifecycle.request_to_fork_ns},
                            {"forked until it ran", &lifecycle.fork_to_run_ns},
                            {"told to stop until exited", &lifecycle.stop_to_exit_ns},
                            {"told to stop until that returned", &lifecycle.stop_to_return_ns}});
}

std::string HelpersText(const LifecycleSummary& lifecycle, size_t rows_max) {
  const auto& helpers = lifecycle.helpers;
  if (helpers.empty()) return {};
  TextTable table({{"pid", kRight},
                   {"program"},
                   {"worker"},
                   {"started", kRight},
                   {"forked", kRight},
                   {"executed", kRight},
                   {"ran", kRight}});
  const size_t shown = std::min(rows_max, helpers.size());
  for (size_t i = helpers.size() - shown; i < helpers.size(); ++i) {
    const HelperRun& run = helpers[i];
    table.AddRow({std::to_string(run.pid), run.file.empty() ? "-" : run.file, WhoText(run.worker_pid, run.worker_comm),
                  SpanText(run.queue_ns, run.start_ns), SpanText(run.start_ns, run.fork_ns),
                  SpanText(run.fork_ns, run.exec_ns), SpanText(run.exec_ns, run.exit_ns)});
  }
  return "\nUSER-MODE HELPERS, the newest last: queued until started, until forked, until executed; then it ran\n" +
         table.Text() + LeftOutText(helpers.size(), lifecycle.helpers_left_out, shown, "helpers") +
         FiguresText({{"queued until executed", &lifecycle.helper_queue_to_exec_ns}});
}

}  // namespace

std::string LifecycleText(const LifecycleSummary& lifecycle, size_t rows_max) {
  std::string out = KthreadsText(lifecycle, rows_max) + HelpersText(lifecycle, rows_max);
  if (!out.empty() && lifecycle.voided > 0) {
    out += fmt::format("  {} of their creations, stops and starts touch a gap and were not followed\n",
                       CountText(lifecycle.voided));
  }
  return out;
}

}  // namespace wakewatch

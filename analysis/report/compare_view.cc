#include "analysis/report/compare_view.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/report/printable.h"
#include "analysis/report/text_table.h"

namespace wakewatch {
namespace {

using Json = nlohmann::ordered_json;
constexpr auto kRight = TextTable::Align::kRight;
constexpr int kComparisonSchemaVersion = 1;

// One quantity of one row.
struct Measure {
  std::string_view name;
  const ComparedTimes* times;
};
std::vector<Measure> MeasuresOf(const ComparedThread& row) {
  return {{"latency", &row.latency}, {"excess", &row.excess}};
}
std::vector<Measure> MeasuresOf(const ComparedWork& row) {
  return {{"queue to start", &row.queue_to_start}, {"run", &row.run}};
}
std::vector<Measure> MeasuresOf(const ComparedSoftirq& row) { return {{"raise to entry", &row.raise_to_entry}}; }
const std::string& NameOf(const ComparedThread& row) { return row.name; }
const std::string& NameOf(const ComparedWork& row) { return row.function; }
const std::string& NameOf(const ComparedSoftirq& row) { return row.vector; }

std::string PText(double p) { return p < 0.0001 ? "<0.0001" : fmt::format("{:.4f}", p); }

std::string LossText(const ComparedSide& side) {
  if (side.gaps == 0 && side.lost_events == 0 && !side.lost_unknown) return "nothing lost";
  return fmt::format("{}{} LOST in {}", side.lost_unknown ? "at least " : "", CountedText(side.lost_events, "event"),
                     CountedText(side.gaps, "gap"));
}

std::string SideText(std::string_view which, const ComparedSide& side) {
  std::string name = side.host;
  if (!side.recording.empty()) name += "/" + side.recording;
  return fmt::format("  {:<6}  {}, kernel {}: {} from {} s, {}\n", which, PrintableText(name),
                     PrintableText(side.kernel), DurationText(side.end_ns - side.start_ns),
                     TraceTimeText(side.start_ns), LossText(side));
}

template <typename Row>
std::string TableText(std::string_view title, std::string_view of, const std::vector<Row>& rows, size_t rows_max) {
  TextTable table({{std::string(of)},
                   {"what"},
                   {"n before", kRight},
                   {"n after", kRight},
                   {"p50 before", kRight},
                   {"p50 after", kRight},
                   {"p99 before", kRight},
                   {"p99 after", kRight},
                   {"change"},
                   {"p", kRight}});
  size_t lines = 0;
  for (const Row& row : rows) {
    for (const Measure& measure : MeasuresOf(row)) {
      const ComparedTimes& times = *measure.times;
      const Change change = ChangeOf(times);
      if (change == Change::kNone || (times.before.max_ns == 0 && times.after.max_ns == 0)) continue;
      ++lines;
      if (rows_max != 0 && lines > rows_max) continue;
      const auto time = [](const TimesSide& side, uint64_t ns) { return side.n == 0 ? "-" : DurationText(ns); };
      table.AddRow({NameOf(row), std::string(measure.name), CountText(times.before.n), CountText(times.after.n),
                    time(times.before, times.before.p50_ns), time(times.after, times.after.p50_ns),
                    time(times.before, times.before.p99_ns), time(times.after, times.after.p99_ns),
                    std::string(Name(change)), times.p_adjusted ? PText(*times.p_adjusted) : "-"});
    }
  }
  if (lines == 0) return {};
  return fmt::format("\n{}\n{}{}", title, table.Text(), LeftOutText(lines, table.rows(), "measures"));
}

Json SideValue(const ComparedSide& side) {
  return {{"host", side.host},
          {"recording", side.recording},
          {"kernel", side.kernel},
          {"start_ns", side.start_ns},
          {"end_ns", side.end_ns},
          {"events", side.events},
          {"lost_events", side.lost_unknown ? Json() : Json(side.lost_events)},
          {"gaps", side.gaps}};
}
Json TimesValue(const TimesSide& side) {
  return {{"n", side.n}, {"p50", side.p50_ns}, {"p90", side.p90_ns}, {"p99", side.p99_ns}, {"max", side.max_ns}};
}
Json TimesValue(const ComparedTimes& times) {
  const auto known = [](const std::optional<double>& p) { return p ? Json(*p) : Json(); };
  const bool both = times.before.n > 0 && times.after.n > 0;
  return {{"before", TimesValue(times.before)},           {"after", TimesValue(times.after)},
          {"longer", both ? Json(times.longer) : Json()}, {"p", known(times.p_value)},
          {"p_adjusted", known(times.p_adjusted)},        {"change", Name(ChangeOf(times))}};
}

template <typename Row>
void AddCsv(std::string_view subject, std::string_view kind, const Row& row, std::string* out) {
  for (const Measure& measure : MeasuresOf(row)) {
    const ComparedTimes& times = *measure.times;
    const TimesSide &a = times.before, &b = times.after;
    *out += fmt::format("{},{},{},{},{},{}", subject, CsvField(NameOf(row)), kind, measure.name, a.n, b.n);
    for (const auto& quantile : {&TimesSide::p50_ns, &TimesSide::p90_ns, &TimesSide::p99_ns, &TimesSide::max_ns}) {
      *out += fmt::format(",{},{}", a.n == 0 ? "" : std::to_string(a.*quantile),
                          b.n == 0 ? "" : std::to_string(b.*quantile));
    }
    const auto p = [](const std::optional<double>& value) { return value ? fmt::format("{:.6g}", *value) : ""; };
    *out += fmt::format(",{},{},{},{}\n", a.n > 0 && b.n > 0 ? fmt::format("{:.4f}", times.longer) : "",
                        p(times.p_value), p(times.p_adjusted), Name(ChangeOf(times)));
  }
}

}  // namespace

std::string ComparisonText(const Comparison& comparison, size_t rows_max) {
  std::string out = "COMPARISON\n" + SideText("before", comparison.before) + SideText("after", comparison.after);
  if (comparison.has_gaps()) {
    out += "!!! EVENTS WERE LOST: what a gap touches is in no figure, and rates are lower bounds.\n";
  }
  out += fmt::format(
      "  longer, shorter: p at most {}, of a Mann-Whitney test and after Holm's correction for all tests here.\n"
      "  {} of a recording count as one observation at most: waits of one busy stretch are long together.\n",
      kSureP, DurationText(kIndependentNs));
  out += TableText("THREADS", "thread", comparison.threads, rows_max);
  out += TableText("WORK", "function", comparison.work, rows_max);
  out += TableText("SOFTIRQS", "vector", comparison.softirqs, rows_max);
  return out;
}

std::string ComparisonJson(const Comparison& comparison) {
  Json threads = Json::array(), work = Json::array(), softirqs = Json::array();
  for (const ComparedThread& row : comparison.threads) {
    threads.push_back({{"name", row.name},
                       {"kind", Info(row.kind).name},
                       {"threads_before", row.threads_before},
                       {"threads_after", row.threads_after},
                       {"wakeups_per_s_before", row.wakeups_per_s_before},
                       {"wakeups_per_s_after", row.wakeups_per_s_after},
                       {"wakeup_latency_ns", TimesValue(row.latency)},
                       {"excess_latency_ns", TimesValue(row.excess)}});
  }
  for (const ComparedWork& row : comparison.work) {
    work.push_back({{"function", row.function},
                    {"queue_to_start_ns", TimesValue(row.queue_to_start)},
                    {"run_ns", TimesValue(row.run)}});
  }
  for (const ComparedSoftirq& row : comparison.softirqs) {
    softirqs.push_back({{"vector", row.vector},
                        {"in_ksoftirqd_before", row.in_ksoftirqd_before},
                        {"in_ksoftirqd_after", row.in_ksoftirqd_after},
                        {"raise_to_entry_ns", TimesValue(row.raise_to_entry)}});
  }
  const Json value = {{"schema_version", kComparisonSchemaVersion},
                      {"before", SideValue(comparison.before)},
                      {"after", SideValue(comparison.after)},
                      {"threads", std::move(threads)},
                      {"work", std::move(work)},
                      {"softirq", std::move(softirqs)}};
  return value.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string ComparisonCsv(const Comparison& comparison) {
  std::string out =
      "subject,name,kind,measure,n_before,n_after,p50_before_ns,p50_after_ns,p90_before_ns,p90_after_ns,p99_before_ns,"
      "p99_after_ns,max_before_ns,max_after_ns,longer,p,p_adjusted,change\n";
  const auto counts = [&](std::string_view measure, uint64_t before, uint64_t after) {
    out += fmt::format("trace,,,{},{},{},,,,,,,,,,,,\n", measure, before, after);
  };
  const ComparedSide &a = comparison.before, &b = comparison.after;
  counts("lost_events", a.lost_events, b.lost_events);
  counts("lost_unknown", a.lost_unknown, b.lost_unknown);
  counts("gaps", a.gaps, b.gaps);
  counts("events", a.events, b.events);
  counts("span_ns", a.end_ns - a.start_ns, b.end_ns - b.start_ns);
  for (const ComparedThread& row : comparison.threads) AddCsv("thread", Info(row.kind).name, row, &out);
  for (const ComparedWork& row : comparison.work) AddCsv("work", "", row, &out);
  for (const ComparedSoftirq& row : comparison.softirqs) AddCsv("softirq", "", row, &out);
  return out;
}

}  // namespace wakewatch

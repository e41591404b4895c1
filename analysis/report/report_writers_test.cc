#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/report/finding_groups.h"
#include "analysis/report/finding_text.h"
#include "analysis/report/report_csv.h"
#include "analysis/report/report_filter.h"
#include "analysis/report/report_json.h"
#include "analysis/report/report_text.h"
#include "analysis/report/report_view.h"
#include "analysis/report/sample_report_test.h"

namespace wakewatch {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(ReportJson, KeepsEveryPromisedKey) {
  const json report = json::parse(ReportJson(SampleReportWithLoss(), false));
  EXPECT_EQ(report["schema_version"], 1);
  const json& trace = report["trace"];
  for (const char* key :
       {"path", "kernel", "clock", "cpus", "start_ns", "end_ns", "events", "events_by_type", "lost_events", "gaps"}) {
    EXPECT_TRUE(trace.contains(key)) << key;
  }
  EXPECT_EQ(trace["events_by_type"]["sched_switch"], 1'000'000);
  const json& thread = report["threads"][0];
  EXPECT_EQ(thread["kind"], "ksoftirqd");
  EXPECT_EQ(thread["kind_source"], "inventory");
  for (const char* key : {"wakeup_latency_ns", "delivery_ns", "runqueue_ns", "preempted_ns", "excess_latency_ns"}) {
    for (const char* figure : {"n", "p50", "p90", "p99", "max"}) {
      EXPECT_TRUE(thread[key].contains(figure)) << key << " " << figure;
    }
  }
  EXPECT_EQ(thread["wakeup_latency_ns"]["n"], 3);
  EXPECT_EQ(thread["wakeup_latency_ns"]["max"], 12'300'000);
  EXPECT_EQ(thread["excess_latency_ns"]["n"], 0);
  EXPECT_EQ(thread["censored"], 1);
  EXPECT_EQ(report["work"][0]["function"], "vmstat_update");
  EXPECT_EQ(report["work"][0]["queue_to_start_ns"]["max"], 1500);
  EXPECT_EQ(report["softirq"][0]["vector"], "TIMER");
  EXPECT_EQ(report["softirq"][0]["in_ksoftirqd"], 1);
  EXPECT_EQ(report["undecidable"][0]["class"], "check-before-sleep");
  EXPECT_EQ(report["undecidable"][0]["needs"][0], "try_to_wake_up");
  const json& finding = report["findings"][0];
  for (const char* key : {"id", "group_id", "check", "class", "confidence", "pid", "comm", "cpu", "start_ns", "end_ns",
                          "waited_ns", "waker", "evidence", "explanation"}) {
    EXPECT_TRUE(finding.contains(key)) << key;
  }
  EXPECT_EQ(finding["confidence"], "proven");
  EXPECT_EQ(finding["evidence"][0]["ts_ns"], 2'000'000'000);
}

TEST(ReportJson, LostWakeups) {
  const json report = json::parse(ReportJson(SampleReportWithLostWakeups(), false));
  const json &measured = report["findings"][0], &lost = report["findings"][3], &still = report["findings"][4];
  EXPECT_EQ(measured["rule"], "");
  EXPECT_EQ(lost["rule"], "a waker ran in the last window of its sleeper");
  EXPECT_EQ(lost["assumption"], "the waker meant this sleep");
  EXPECT_EQ(lost["would_raise"], "probe try_to_wake_up");
  for (const char* key : {"open", "snapshots"}) EXPECT_FALSE(lost.contains(key)) << key;
  EXPECT_EQ(still["open"], true);
  ASSERT_EQ(still["snapshots"].size(), 2u);
  EXPECT_EQ(still["snapshots"][0]["role"], "suspect");
  EXPECT_EQ(still["snapshots"][0]["stack"], "[<0>] rx_wait+0x1\x1b\n[<0>] x");
  EXPECT_EQ(still["snapshots"][1]["error"], "no answer within 5 s");
  EXPECT_EQ(report["undecidable"][1]["needs"], json::array());
  const json obligation = {{"class", "timer-lost"}, {"opened", 40}, {"discharged", 30}, {"late", 2}, {"expired", 1},
                           {"censored", 3},         {"voided", 2},  {"unlearned", 1},   {"open", 1}};
  EXPECT_EQ(report["obligations"], json::array({obligation}));
}

TEST(ReportJson, WhatIsUnknownIsNull) {
  const json report = json::parse(ReportJson(SampleReportWithLoss(), false));
  const json& gaps = report["trace"]["gaps"];
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0]["lost"], 6512);
  EXPECT_EQ(gaps[0]["cause"], "overrun");
  EXPECT_TRUE(gaps[1]["lost"].is_null());
  EXPECT_TRUE(gaps[1]["end_ns"].is_null());
  EXPECT_TRUE(report["findings"][0]["waker"]["pid"].is_null());
  EXPECT_EQ(report["findings"][1]["waker"]["pid"], 210);
  EXPECT_TRUE(report["findings"][2]["cpu"].is_null());
}

TEST(ReportJson, KernelThreadsThatCameAndWent) {
  const json report = json::parse(ReportJson(SampleReport(), false));
  const json& life = report["kthreads"][0];
  EXPECT_EQ(life["fork_ns"], 1'500'000'000);
  EXPECT_EQ(life["stopper"]["comm"], "rmmod");
  EXPECT_EQ(life["ret"], -4);
  for (const char* unknown : {"request_ns", "function_run_ns"}) EXPECT_TRUE(life[unknown].is_null()) << unknown;
  EXPECT_TRUE(life["creator"]["pid"].is_null());
  const json& helper = report["helpers"][0];
  EXPECT_EQ(helper["fork_ns"], 1'200'030'000);
  for (const char* unknown : {"queue_ns", "exec_ns", "exit_ns"}) EXPECT_TRUE(helper[unknown].is_null()) << unknown;
  EXPECT_EQ(report["lifecycle"]["fork_to_run_ns"]["n"], 1);
  EXPECT_EQ(report["lifecycle"]["kthreads_left_out"], 17);
}

TEST(ReportJson, UserTasksOnlyWhenAsked) {
  EXPECT_EQ(json::parse(ReportJson(SampleReport(), false))["threads"].size(), 2u);
  EXPECT_EQ(json::parse(ReportJson(SampleReport(), true))["threads"].size(), 3u);
}

TEST(ReportJson, AnEmptyReportIsStillOne) {
  const json report = json::parse(ReportJson(Report(), true));
  EXPECT_EQ(report["findings"], json::array());
  EXPECT_EQ(report["trace"]["gaps"], json::array());
  EXPECT_EQ(report["trace"]["events_by_type"], json::object());
}

TEST(ReportJson, HostileNamesAreValidAndHarmless) {
  const std::string text = ReportJson(SampleReport(), true);
  EXPECT_TRUE(SafeForTerminal(text));
  for (const char c : text) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
  // Half a UTF-8 sequence becomes the replacement character; all else survives.
  EXPECT_EQ(json::parse(text)["threads"][1]["comm"], "\x1b[2J\"a,b\"\xef\xbf\xbd");
}

TEST(ReportJson, LinesEachParseAndSayWhatTheyAre) {
  std::map<std::string, int> records;
  for (const std::string& line : Lines(ReportNdjson(SampleReportWithLoss(), false))) {
    ++records[json::parse(line)["record"]];
  }
  const std::map<std::string, int> expected = {{"trace", 1},   {"thread", 2},  {"work", 1},       {"softirq", 1},
                                               {"tasklet", 1}, {"kthread", 1}, {"helper", 1},     {"lifecycle", 1},
                                               {"finding", 3}, {"anomaly", 1}, {"undecidable", 1}};
  EXPECT_EQ(records, expected);
}

TEST(ReportCsv, OneHeaderFitsAllAndEveryLineHasItsColumns) {
  const std::vector<std::string> lines = Lines(ReportCsv(SampleReportWithLoss(), false));
  EXPECT_EQ(lines[0], "subject,pid,name,kind,measure,n,p50_ns,p90_ns,p99_ns,max_ns");
  EXPECT_THAT(lines[1], HasSubstr("lost_events,6512,,,,"));
  for (const std::string& line : lines) {
    bool quoted = false;
    int commas = 0;
    for (const char c : line) {
      quoted ^= c == '"';
      commas += c == ',' && !quoted;
    }
    EXPECT_EQ(commas, 9) << line;
    EXPECT_TRUE(SafeForTerminal(line)) << line;
  }
  EXPECT_THAT(lines, testing::Contains(HasSubstr("thread,14,ksoftirqd/0,ksoftirqd,wakeup_latency,3,")));
  EXPECT_THAT(lines, Not(testing::Contains(HasSubstr("bash"))));
}

TEST(ReportCsv, Findings) {
  const std::vector<std::string> lines = Lines(FindingsCsv(SampleReport()));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1],
            "00000000000000aa,00000000000000bb,wakeup-latency,real-time,proven,14,ksoftirqd/0,1,2000000000,"
            "2012300000,12300000,,,a real-time task held CPU 1,,,,0");
  EXPECT_THAT(lines[2], HasSubstr(",210,\"\\x1b[2J\"\"a,b\"\"\\xc3\","));
}

TEST(ReportCsv, WhatOnlyLostWakeupsHave) {
  const Report report = SampleReportWithLostWakeups();
  const std::vector<std::string> findings = Lines(FindingsCsv(report)), rows = Lines(ReportCsv(report, false));
  EXPECT_THAT(findings[5], testing::EndsWith(",probe try_to_wake_up,1"));
  EXPECT_THAT(rows, testing::Contains("undecidable,,check-before-sleep,,sleeps,5,,,,"));
  EXPECT_THAT(rows, testing::Contains("obligation,,timer-lost,,discharged,30,,,,"));
}

TEST(ReportText, LossComesFirstAndLoud) {
  EXPECT_THAT(ReportText(SampleReportWithLoss(), {}),
              StartsWith("!!! EVENTS WERE LOST: at least 6,512 events, in 2 gaps on 2 CPUs."));
  EXPECT_THAT(ReportText(SampleReport(), {}), Not(HasSubstr("!!!")));
  Report unknown = SampleReport();
  unknown.gaps = {{0, 1, 2, kLostUnknown, GapCause::kUnknown}};
  unknown.lost_unknown = true;
  EXPECT_THAT(LossText(unknown), HasSubstr("an unknown number of events, in 1 gap on 1 CPU."));
}

TEST(ReportText, WorstKernelThreadFirstWithItsN) {
  const std::string text = ReportText(SampleReport(), {});
  EXPECT_THAT(text, HasSubstr("1,234,567: sched_switch 1,000,000"));
  EXPECT_LT(text.find("\\x1b[2J"), text.find("ksoftirqd/0"));
  EXPECT_THAT(text, testing::ContainsRegex("14  ksoftirqd/0 +ksoftirqd +3 "));
  EXPECT_THAT(text, Not(HasSubstr("bash")));
  EXPECT_THAT(text, HasSubstr("runs softirqs that were raised"));
  EXPECT_THAT(ReportText(SampleReport(), {.all_threads = true}), HasSubstr("bash"));
}

TEST(ReportText, FindingsAreGroupedUnderTheirWorst) {
  const std::string text = FindingsText(SampleReport(), {});
  EXPECT_THAT(text, HasSubstr("FINDINGS: 2 in 1 group,"));
  EXPECT_THAT(text, HasSubstr("waited 20.0 ms on CPU 1"));
  EXPECT_THAT(text, HasSubstr("the longest of 2"));
  EXPECT_THAT(text, HasSubstr("not shown: 1 finding of user tasks"));
}

TEST(ReportText, LostWakeupsComeFirstTheSurestInFront) {
  const std::string text = ReportText(SampleReportWithLostWakeups(), {});
  EXPECT_TRUE(SafeForTerminal(text));
  EXPECT_THAT(text, HasSubstr("LOST WAKEUPS: 3 in 2 groups, the surest first\n  1. kthread-stop, proven: "));
  EXPECT_LT(text.find("LOST WAKEUPS"), text.find("OTHER FINDINGS: 2 in 1 group,"));
  const std::string second = text.substr(text.find("  2. check-before-sleep, suspicious: "));
  EXPECT_THAT(second, HasSubstr("(pid 210), waker producer (pid 211); 2 sleeps, the longest slept 1.20 s"));
  EXPECT_THAT(second, HasSubstr("; 1 still asleep\n"));
  EXPECT_THAT(second, HasSubstr("rule:        a waker ran"));
  EXPECT_THAT(second, HasSubstr("assumed:     the waker meant"));
  EXPECT_THAT(second, HasSubstr("surer with:  probe try_to_wake_up"));
  EXPECT_THAT(second, HasSubstr("protocol:    kthread_check_before_set: `wakewatch check"));
  EXPECT_THAT(second, HasSubstr("suspect (pid 210): [<0>] rx_wait+0x1\\x1b\n"));
  EXPECT_THAT(second, HasSubstr("waker (pid 211): no answer within 5 s"));
  EXPECT_THAT(ReportText(SampleReport(), {}), Not(HasSubstr("LOST WAKEUPS")));
}

TEST(ReportText, WhatCannotBeDecidedIsAnAnswer) {
  const std::string text = ReportText(SampleReportWithLostWakeups(), {});
  EXPECT_THAT(text, testing::ContainsRegex("check-before-sleep +5  try_to_wake_up\n"));
  EXPECT_THAT(text, testing::ContainsRegex("waitqueue-active +3  none: no events do\n"));
  EXPECT_THAT(text, testing::ContainsRegex("timer-lost +40 +30 +2 +1 +3 +2 +1 +1\n"));
  for (const char* title : {"NOT DECIDABLE", "OBLIGATIONS"}) {
    EXPECT_THAT(ReportText(Report(), {}), Not(HasSubstr(title)));
  }
}

TEST(ReportText, WhatIsLeftOutIsCounted) {
  const std::string text = ReportText(SampleReport(), {.all_threads = true, .rows_max = 1, .groups_max = 1});
  EXPECT_THAT(text, HasSubstr("and 2 more threads"));
  EXPECT_THAT(text, HasSubstr("and 1 more groups of findings"));
}

TEST(ReportText, KernelThreadsThatCameAndWent) {
  const std::string text = ReportText(SampleReport(), {});
  EXPECT_THAT(text, HasSubstr("rmmod (900)"));
  EXPECT_THAT(text, HasSubstr("3.00 ms"));
  EXPECT_THAT(text, HasSubstr("and 17 older kernel threads"));
  EXPECT_THAT(text, HasSubstr("kworker/u8:1 (33)"));
  EXPECT_THAT(ReportText(Report(), {}), Not(HasSubstr("KERNEL THREADS CREATED")));
}

TEST(ReportText, NothingInItReachesTheTerminalRaw) {
  EXPECT_TRUE(SafeForTerminal(ReportText(SampleReportWithLoss(), {.all_threads = true})));
  EXPECT_TRUE(SafeForTerminal(ReportText(Report(), {})));
}

TEST(ReportText, AnomaliesAreSentences) {
  EXPECT_THAT(ReportText(SampleReportWithLoss(), {}),
              HasSubstr("2 page-commit-past-end: a ring-buffer page announced"));
}

TEST(FindingGroups, AllTasksOrKernelThreadsOnly) {
  const Report report = SampleReport();
  const FindingGroups all = GroupFindings(report, false);
  ASSERT_EQ(all.groups.size(), 2u);
  EXPECT_EQ(all.groups[0].worst->comm, "bash");
  EXPECT_EQ(all.groups[1].count, 2u);
  const FindingGroups kernel = GroupFindings(report, true);
  EXPECT_EQ(kernel.groups.size(), 1u);
  EXPECT_EQ(kernel.user_findings, 1u);
}

std::string Grouped(OutputFormat format) {
  std::string text;
  ViewWriter writer({.view = ReportView::kFindings, .format = format, .grouped = true},
                    [&](std::string_view piece) { text += piece; });
  writer.Finish(SampleReportWithLostWakeups());
  return text;
}

TEST(FindingGroups, AreAViewOfTheirOwn) {
  const json groups = json::parse(Grouped(OutputFormat::kJson))["groups"];
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0]["worst_id"], "00000000000000bb");
  EXPECT_EQ(groups[0]["count"], 2);
  EXPECT_EQ(groups[0]["open"], 1);
  EXPECT_EQ(groups[0]["first_ns"], 1'600'000'000);
  EXPECT_EQ(groups[0]["last_ns"], 2'200'000'000);
  EXPECT_EQ(groups[0]["worst_ns"], 1'200'000'000);
  EXPECT_EQ(groups[0]["waker"]["comm"], "producer");
  EXPECT_EQ(Lines(Grouped(OutputFormat::kNdjson)).size(), 4u);
  const std::vector<std::string> rows = Lines(Grouped(OutputFormat::kCsv));
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_THAT(rows[1], StartsWith("00000000000000bc,lost-wakeup,check-before-sleep,suspicious,210,"));
  const std::string text = Grouped(OutputFormat::kText);
  EXPECT_TRUE(SafeForTerminal(text));
  EXPECT_THAT(text, StartsWith("FINDINGS: 5 in 3 groups, the surest first\n"));
  EXPECT_LT(text.find("kthread-stop"), text.find("check-before-sleep"));
  EXPECT_THAT(text, HasSubstr("not shown: 1 finding of user tasks"));
}

TEST(ReportFilter, NarrowsWhatIsShownAndKeepsTheLoss) {
  Report report = SampleReportWithLoss();
  Apply({.tasks = {"14"}}, &report);
  ASSERT_EQ(report.threads.size(), 1u);
  EXPECT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.gaps.size(), 2u);

  report = SampleReport();
  Apply({.cpus = {0}}, &report);
  EXPECT_EQ(report.threads.size(), 3u);
  EXPECT_TRUE(report.findings.empty());

  report = SampleReport();
  Apply({.checks = {"lost-wakeup"}}, &report);
  EXPECT_TRUE(report.findings.empty());

  report = SampleReportWithLostWakeups();
  Apply({.classes = {"check-before-sleep", "kthread-stop"}}, &report);
  EXPECT_EQ(report.findings.size(), 3u);
  Apply({.confidence_min = Confidence::kStrong}, &report);
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].cls, "kthread-stop");
}

TEST(ReportFilter, TasksByPidNameOrPrefix) {
  EXPECT_TRUE(TaskMatches("14", 14, "ksoftirqd/0"));
  EXPECT_FALSE(TaskMatches("1", 14, "ksoftirqd/0"));
  EXPECT_TRUE(TaskMatches("ksoftirqd/0", 14, "ksoftirqd/0"));
  EXPECT_FALSE(TaskMatches("ksoftirqd", 14, "ksoftirqd/0"));
  EXPECT_TRUE(TaskMatches("ksoftirqd*", 14, "ksoftirqd/0"));
}

}  // namespace
}  // namespace wakewatch

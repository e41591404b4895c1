// Why: one small report that the writers' tests share. Its names are what an attacker would choose.
#pragma once

#include <string_view>
#include <vector>

#include "analysis/report/report.h"

namespace wakewatch {

// Clears the screen, sets the window title, breaks quoting, ends in half a UTF-8 sequence.
inline constexpr const char* kHostileComm = "\x1b[2J\"a,b\"\xc3";

inline std::vector<ThreadSummary> SampleThreads() {
  ThreadSummary ksoftirqd;
  ksoftirqd.pid = 14;
  ksoftirqd.comm = "ksoftirqd/0";
  ksoftirqd.kind = ThreadKind::kKsoftirqd;
  ksoftirqd.kind_source = KindSource::kInventory;
  ksoftirqd.wakeups = 3;
  for (const uint64_t wait : {10'000u, 20'000u, 12'300'000u}) ksoftirqd.wakeup_latency_ns.Add(wait);
  ksoftirqd.censored = 1;
  ThreadSummary driver;
  driver.pid = 210;
  driver.comm = kHostileComm;
  driver.kind = ThreadKind::kKthread;
  driver.kind_source = KindSource::kFork;
  driver.wakeups = 1;
  driver.wakeup_latency_ns.Add(50'000'000);
  ThreadSummary user;
  user.pid = 900;
  user.comm = "bash";
  user.wakeup_latency_ns.Add(90'000'000);
  return {ksoftirqd, driver, user};
}

inline std::vector<Finding> SampleFindings() {
  Finding finding;
  finding.id = "00000000000000aa";
  finding.group_id = "00000000000000bb";
  finding.check = "wakeup-latency";
  finding.cls = "real-time";
  finding.pid = 14;
  finding.comm = "ksoftirqd/0";
  finding.kind = "ksoftirqd";
  finding.cpu = 1;
  finding.start_ns = 2'000'000'000;
  finding.end_ns = 2'012'300'000;
  finding.waited_ns = 12'300'000;
  finding.evidence = {{1, 2'000'000'000, "sched_waking comm=ksoftirqd/0"}};
  finding.explanation = "a real-time task held CPU 1";
  Finding worse = finding;
  worse.id = "00000000000000ac";
  worse.start_ns = 2'500'000'000;
  worse.end_ns = 2'520'000'000;
  worse.waited_ns = 20'000'000;
  worse.waker_pid = 210;
  worse.waker_comm = kHostileComm;
  Finding of_user = finding;
  of_user.id = "00000000000000ad";
  of_user.group_id = "00000000000000be";
  of_user.pid = 900;
  of_user.comm = "bash";
  of_user.kind = "user";
  of_user.cpu = -1;
  of_user.waited_ns = 90'000'000;
  return {finding, worse, of_user};
}

// A lost wakeup twice, the second still asleep, and one that is better supported.
inline std::vector<Finding> SampleLostWakeups() {
  Finding lost;
  lost.id = "00000000000000ba";
  lost.group_id = "00000000000000bc";
  lost.check = "lost-wakeup";
  lost.cls = "check-before-sleep";
  lost.confidence = Confidence::kSuspicious;
  lost.pid = 210;
  lost.comm = kHostileComm;
  lost.kind = "kthread";
  lost.cpu = 0;
  lost.start_ns = 1'600'000'000;
  lost.end_ns = 2'112'000'000;
  lost.waited_ns = 512'000'000;
  lost.waker_pid = 211;
  lost.waker_comm = "producer";
  lost.evidence = {{1, 1'600'000'000, "sched_switch prev_comm=rx_drain"}};
  lost.explanation = "rx_drain slept past its period";
  lost.rule = "a waker ran in the last window of its sleeper";
  lost.assumption = "the waker meant this sleep";
  lost.would_raise = "probe try_to_wake_up";
  Finding still = lost;
  still.id = "00000000000000bb";
  still.start_ns = 2'200'000'000;
  still.waited_ns = 1'200'000'000;
  still.open = true;
  still.snapshots = {{.pid = 210, .role = "suspect", .ts_ns = 3'400'000'000, .stack = "[<0>] rx_wait+0x1\x1b\n[<0>] x"},
                     {.pid = 211, .role = "waker", .error = "no answer within 5 s"}};
  Finding surer = lost;
  surer.id = "00000000000000bd";
  surer.group_id = "00000000000000bf";
  surer.cls = "kthread-stop";
  surer.confidence = Confidence::kProven;
  surer.waited_ns = 150'000'000;
  surer.waker_pid = -1;
  surer.assumption.clear();
  return {lost, still, surer};
}

inline LifecycleSummary SampleLifecycle() {
  LifecycleSummary lifecycle;
  KthreadLife life;
  life.pid = 210;
  life.comm = kHostileComm;
  life.fork_ns = 1'500'000'000;
  life.first_run_ns = 1'500'020'000;
  life.stopper_pid = 900;
  life.stopper_comm = "rmmod";
  life.stop_ns = 2'000'000'000;
  life.exit_ns = 2'003'000'000;
  life.stop_ret_ns = 2'003'100'000;
  life.ret = -4;
  lifecycle.kthreads = {life};
  lifecycle.kthreads_left_out = 17;
  lifecycle.fork_to_run_ns.Add(20'000);
  HelperRun helper;
  helper.pid = 901;
  helper.file = kHostileComm;
  helper.worker_pid = 33;
  helper.worker_comm = "kworker/u8:1";
  helper.start_ns = 1'200'000'000;
  helper.fork_ns = 1'200'030'000;
  lifecycle.helpers = {helper};
  lifecycle.voided = 1;
  return lifecycle;
}

inline Report SampleReport() {
  Report report;
  report.path = "/tmp/\x1b]0;owned\x07.dat";
  report.input_kind = "trace.dat v7";
  report.kernel = "6.1.0";
  report.clock = "mono";
  report.hostname = "vm";
  report.cpus = 2;
  report.start_ns = 1'000'000'000;
  report.end_ns = 3'500'000'000;
  report.window_start_ns = 1'100'000'000;
  report.window_end_ns = 3'400'000'000;
  report.skew_ns = 3100;
  report.skew_pairs = 17;
  report.events = 1'234'567;
  report.events_by_type = {{"sched_switch", 1'000'000}, {"sched_waking", 234'567}};
  report.threads = SampleThreads();

  WorkSummary work;
  work.function = "vmstat_update";
  work.queue_to_start_ns.Add(1500);
  work.run_ns.Add(800);
  work.unmatched = 2;
  report.work = {work};
  SoftirqSummary softirq;
  softirq.vector = "TIMER";
  softirq.raise_to_entry_ns.Add(2500);
  softirq.entries = 4;
  softirq.in_ksoftirqd = 1;
  report.softirq = {softirq};
  TaskletSummary tasklet;
  tasklet.function = "tx_done";
  tasklet.run_ns.Add(7);
  report.tasklets = {tasklet};
  report.undecidable = {{"check-before-sleep", 5, {"try_to_wake_up"}}};

  report.lifecycle = SampleLifecycle();
  report.findings = SampleFindings();
  return report;
}

inline Report SampleReportWithLostWakeups() {
  Report report = SampleReport();
  const std::vector<Finding> lost = SampleLostWakeups();
  report.findings.insert(report.findings.end(), lost.begin(), lost.end());
  report.undecidable.push_back({"waitqueue-active", 3, {}});
  report.obligations = {{"timer-lost", 40, 30, 2, 1, 3, 2, 1, 1}};
  return report;
}

inline Report SampleReportWithLoss() {
  Report report = SampleReport();
  report.lost_events = 6512;
  report.lost_unknown = true;
  report.gaps = {{0, 1'200'000'000, 1'300'000'000, 6512, GapCause::kOverrun},
                 {1, 3'400'000'000, UINT64_MAX, kLostUnknown, GapCause::kCorrupt}};
  report.anomalies.Add(Anomaly::kPageCommitPastEnd, 2);
  return report;
}

// True when a terminal would show `text` as it is: printable ASCII, newlines and well-formed non-ASCII only.
inline bool SafeForTerminal(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f || byte == 0x9b) return false;
  }
  return true;
}

}  // namespace wakewatch

#!/usr/bin/env python3
"""Why: delays that a guest kernel was made to have are found, where they were, and named for what they were.

The lab's recordings are no part of this tree: they are $WAKEWATCH_LAB, or ../shared/lab beside it. Skipped without.
"""
import json
import lzma
import os
import subprocess
import sys

from command import Command, PATIENCE_S, WAKEWATCH, main

LAB = os.environ.get("WAKEWATCH_LAB", os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "lab"))
TRACES = os.path.join(LAB, "traces")
CHECKS = {"wakeup_latency": {"wakeup-latency", "starvation"}, "work_delay": {"work-delay"},
          "softirq_delay": {"softirq-delay", "tasklet-delay"}, "ksoftirqd_starved": {"ksoftirqd-starved", "starvation"}}
# A virtual CPU that its host does not run looks like one with its interrupts off, in any of these.
CLASSES = {"preempt_disabled": {"preempt-off"}, "irqs_disabled": {"irq-off"}, "cpu_pileup": {"pile-up", "irq-off"},
           "rt_hog": {"real-time"}, "bound_pool_hog": {"hog"}, "max_active_dependency": {"dependency"},
           "kthread_worker_busy": {"hog"}, "long_tasklet": {"softirq"}}
CAUSES = {"preempt_disabled": "preempt-off", "irqs_disabled": "irq-off", "cpu_pileup": "pile-up", "rt_hog": "real-time"}
CLOSE_NS = 1_000_000


def incidents(name):
    """The planned delays of one recording."""
    with open(os.path.join(TRACES, name, "truth.jsonl"), encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    return [r for r in records if r["rec"] == "incident" and r["kind"] in CHECKS and r["cause"] != "unplanned"]


class LabDelays(Command):
    def setUp(self):
        super().setUp()
        if not os.path.isdir(TRACES):
            self.skipTest("no lab at %s; set WAKEWATCH_LAB" % TRACES)

    def report(self, name, verb="report", *options):
        path = os.path.join(TRACES, name, "trace.dat")
        if not os.path.exists(path):
            with lzma.open(path + ".xz") as file:
                path = self.path(name + ".dat", file.read())
        done = subprocess.run([WAKEWATCH, verb, path, "--json", *options], capture_output=True, timeout=PATIENCE_S)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return json.loads(done.stdout)

    def test_planned_delays_are_found_where_they_were_and_named(self):
        planned = found = named = 0
        for name in sorted(os.listdir(TRACES)):
            truth = incidents(name)
            findings = self.report(name)["findings"] if truth else []
            for incident in truth:
                begin, end = incident["t_wake_call"], incident["t_resume"]
                block = incident["kind"] == "ksoftirqd_starved"  # its truth is the block, not the wait
                near = [f for f in findings if f["check"] in CHECKS[incident["kind"]] and
                        (2 * (min(f["end_ns"], end) - max(f["start_ns"], begin)) > end - begin if block else
                         max(abs(f["start_ns"] - begin), abs(f["end_ns"] - end)) < CLOSE_NS)]
                planned += 1
                found += bool(near)
                classes = CLASSES.get(incident["cause"])
                named += classes is None or bool(classes & {f["class"] for f in near})
                if not near:
                    print("missed: %s %s at %d" % (name, incident["cause"], begin), file=sys.stderr)
        self.assertGreater(planned, 100)
        print("%d of %d planned delays found, %d named" % (found, planned, named), file=sys.stderr)
        self.assertGreaterEqual(found, 0.98 * planned)
        self.assertGreaterEqual(named, 0.95 * planned)

    def test_nothing_contradicts_the_rules_where_nothing_was_lost(self):
        for name in sorted(os.listdir(TRACES)):
            report = self.report(name)
            if report["trace"]["gaps"]:
                continue
            self.assertEqual([], [a["name"] for a in report["anomalies"]], name)

    def test_late_wakeups_are_explained_to_the_last_nanosecond(self):
        planned = right = 0
        for name in sorted(n for n in os.listdir(TRACES) if n.startswith("lat_")):
            wakeups = self.report(name, "latency", "--all")["wakeups"]
            for wakeup in wakeups:
                self.assertEqual(wakeup["latency_ns"], sum(wakeup["buckets_ns"].values()), wakeup)
            unexplained = sum(w["buckets_ns"]["unexplained"] for w in wakeups)
            self.assertLessEqual(unexplained, 0.05 * sum(w["latency_ns"] for w in wakeups), name)
            for incident in incidents(name):
                late = max((w for w in wakeups if w["pid"] == incident["victim_pid"] and
                            abs(w["in_ns"] - incident["t_resume"]) < 5 * CLOSE_NS), key=lambda w: w["latency_ns"])
                planned += 1
                right += late["cause"] == CAUSES[incident["cause"]]
        print("%d of %d late wakeups have the right cause" % (right, planned), file=sys.stderr)
        self.assertGreater(planned, 30)
        self.assertGreaterEqual(right, 0.95 * planned)

    def test_the_scheduler_obeyed_its_rules(self):
        for name in sorted(os.listdir(TRACES)):
            for rule in self.report(name, "model")["rules"]:
                if not rule["negative_control"]:
                    self.assertEqual((0, 0), (rule["violations"], rule["missing"]), (name, rule["name"]))


if __name__ == "__main__":
    sys.exit(main())

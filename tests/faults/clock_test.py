#!/usr/bin/env python3
"""Why: clocks jump. A wall clock that is set, a page whose time goes backward and a new boot never make a duration
negative, and wall time is in none."""
import json
import subprocess
import sys

from fault_support import PATIENCE_S, WAKEWATCH, FaultTest, main

BATCHES, CPU_EVENTS = 40, 250
HOUR_S, WALL_S = 3600, 0
SESSION = ("--batches", BATCHES, "--cpu-events", CPU_EVENTS)
GAPS, FINDINGS = 3, 4


def negatives(value, path=""):
    """Where a document has a number below zero, in a field of nanoseconds."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from negatives(part, path + "/" + name)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from negatives(part, "%s/%d" % (path, i))
    elif value is not None and not isinstance(value, bool) and ("_ns" in path or "Ns" in path):
        if not 0 <= float(value) < 2 ** 63:  # in JSON made of messages a text; one below zero has wrapped around there
            yield "%s = %s" % (path, value)


class Clocks(FaultTest):
    def send(self, server, host, *options):
        said = self.new_collector(server, "--host", host, *SESSION, *options).end()
        self.assertTrue(said["delivered"], said)
        self.assertEqual(said["offered"], said["acked"], said)
        server.wait_until_ended(host)

    def asked(self, server, verb, host, *options):
        done = subprocess.run([WAKEWATCH, verb, host, "--server", server.grpc, "--json", *options],
                              capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertIn(done.returncode, (0, GAPS, FINDINGS), done.stderr)
        return json.loads(done.stdout)

    def answers(self, server, host):
        """All that has durations in it."""
        report = self.asked(server, "report", host, "--all")
        latency = self.asked(server, "latency", host, "--all")
        findings = self.asked(server, "findings", host)
        self.assertGreater(len(latency["wakeups"]), 0, "nothing was measured")
        for document in (report, latency, findings):
            self.assertEqual([], list(negatives(document))[:10], host)
        for finding in report["findings"]:
            self.assertLessEqual(finding["start_ns"], finding["end_ns"], finding)
        for wakeup in latency["wakeups"]:
            self.assertEqual(wakeup["latency_ns"], sum(wakeup["buckets_ns"].values()), wakeup)
        report.pop("trace")  # it names the file
        return report, latency, findings, self.answers_of_the_live_analysis(server, host)

    def answers_of_the_live_analysis(self, server, host):
        """What was measured while the events came in; the answers above are made of the stored ones."""
        recording = {"recording": {"host": host}}
        threads = server.call("AnalysisService/ListThreads", {**recording, "userTasks": True})["threads"]
        waits = server.call("AnalysisService/ListWaits", {**recording, "limit": 1000})["waits"]
        self.assertGreater(len(threads) * len(waits), 0, "nothing was measured")
        self.assertEqual([], list(negatives([threads, waits]))[:10], host)
        return threads, waits

    def test_the_wall_clock_is_in_no_duration(self):
        server = self.new_server().start()
        self.send(server, "steady")
        steady = self.answers(server, "steady")
        for name, jump_s in (("ahead", HOUR_S), ("behind", -HOUR_S)):
            with self.subTest(name=name):
                self.send(server, name, "--wall-jump-s", jump_s)
                self.assertEqual(steady, self.answers(server, name))

    def test_page_time_that_goes_backward(self):
        server = self.new_server().start()
        for name, back_ns in (("little", 1000), ("batch", 6_000_000), ("much", 200_000_000)):
            with self.subTest(name=name):
                self.send(server, name, "--page-time-back-ns", back_ns)
                self.answers(server, name)

    def test_a_new_boot_begins_anew(self):
        """Its trace clock begins again, behind times of the boot before."""
        server = self.new_server().start()
        self.send(server, "boots", "--boot", "first", "--session", "of-first")
        first = self.answers(server, "boots")
        self.send(server, "boots", "--boot", "second", "--session", "of-second", "--wall-jump-s", -HOUR_S)
        self.assertEqual(first, self.answers(server, "boots"))
        for session in ("of-first", "of-second"):
            stored = self.stored(server.data, "boots", session)
            self.assertEqual([], stored.check_complete(4, BATCHES * CPU_EVENTS))


if __name__ == "__main__":
    sys.exit(main())
